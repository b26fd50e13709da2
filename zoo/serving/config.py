"""The files that TF Serving is started with, from the exports in a folder."""

import os
import pathlib
import re

from zoo.serving.op_lists import RELEASES
from zoo.serving.versions import models, versions

MODELS_CONFIG = "models.config"
BATCHING_CONFIG = "batching.config"
COMPOSE_FILE = "compose.yaml"

_LABEL = re.compile(r"([^:=]+):([A-Za-z0-9_.-]+)=([0-9]+)")


def write_config(folder, labels=(), newest=None, max_batch_size=32, release=RELEASES[-1]):
    """Write models.config, batching.config and compose.yaml beside the models in a folder.

    Args:
        folder: the folder with NAME/VERSION.
        labels: list of "NAME:LABEL=VERSION"; a model without one gets stable=its largest version.
        newest: serve so many of the largest versions of each model; None: all.
        max_batch_size: rows that the server may merge, at least 1.
        release: TF Serving's release, the tag of its image.

    Returns:
        Paths of the files, a list.

    Raises:
        ValueError: there is no model, a label names a version that is not served, or a signature
            cannot be batched; the message says which.
    """
    folder = pathlib.Path(folder)
    served = {}
    for name, path in models(folder).items():
        found = list(versions(path))
        served[name] = found[-newest:] if newest else found
    if not served:
        raise ValueError(f"folder: {str(folder)!r} holds no model (NAME/VERSION/saved_model.pb)")
    found = [folder / name / str(max(numbers)) for name, numbers in served.items()]
    contents = {
        MODELS_CONFIG: models_config(served, parse_labels(labels, served), newest),
        BATCHING_CONFIG: batching_config(max_batch_size, any(map(_needs_padding, found))),
        COMPOSE_FILE: compose_file(release),
    }
    for name, text in contents.items():
        temporary = folder / f".{name}.writing"
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, folder / name)
    return [folder / name for name in contents]


def parse_labels(labels, served):
    """{model name: {label: version}} of "NAME:LABEL=VERSION"s.

    Args:
        labels: list of str.
        served: {model name: its served versions}; one without a label gets stable=the largest.
    """
    found = {}
    for text in labels:
        match = _LABEL.fullmatch(text)
        if not match:
            raise ValueError(f"label: got {text!r}, expected NAME:LABEL=VERSION")
        name, label, version = match[1], match[2], int(match[3])
        if version not in served.get(name, ()):
            raise ValueError(
                f"label: {text!r} names a version that is not served; "
                f"served are {served[name] if name in served else sorted(served)}"
            )
        found.setdefault(name, {})[label] = version
    return {name: found.get(name, {"stable": max(numbers)}) for name, numbers in served.items()}


def models_config(served, labels, newest=None):
    """The text of a ModelServerConfig: every model with its versions and labels.

    Args:
        served: {model name: list of versions}.
        labels: {model name: {label: version}}.
        newest: how many of the largest versions to serve, None for all: so a new version is served
            as soon as it lies there, and this file need not be written again.
    """
    policy = f"latest {{ num_versions: {newest} }}" if newest else "all {}"
    lines = ["# Written by python -m zoo.serving config.", "model_config_list {"]
    for name in served:
        lines += [
            "  config {",
            f'    name: "{name}"',
            f'    base_path: "/models/{name}"',
            '    model_platform: "tensorflow"',
            f"    model_version_policy {{ {policy} }}",
        ]
        for label, version in sorted(labels[name].items()):
            lines.append(f'    version_labels {{ key: "{label}" value: {version} }}')
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def batching_config(max_batch_size, pad):
    """The text of BatchingParameters: sizes rise fourfold and end at `max_batch_size`.

    Args:
        max_batch_size: rows, at least 1.
        pad: whether an input has a second axis of any size, which merging has to fill up.
    """
    if max_batch_size < 1:
        raise ValueError(f"max_batch_size: got {max_batch_size}, expected at least 1")
    sizes, size = [], 1
    while size < max_batch_size:
        sizes.append(size)
        size *= 4
    lines = [
        "# Written by python -m zoo.serving config. Threads: one for each CPU of the server.",
        f"max_batch_size {{ value: {max_batch_size} }}",
        "batch_timeout_micros { value: 2000 }",
        "max_enqueued_batches { value: 100 }",
        f"num_batch_threads {{ value: {os.cpu_count()} }}",
        *(f"allowed_batch_sizes: {size}" for size in [*sizes, max_batch_size]),
        # Without it, a request above max_batch_size is refused.
        "enable_large_batch_splitting { value: true }",
        f"max_execution_batch_size {{ value: {max_batch_size} }}",
    ]
    if pad:
        lines.append("pad_variable_length_inputs: true")
    return "\n".join([*lines, ""])


def compose_file(release):
    """The text of a compose file that serves this folder by the official image, on loopback."""
    return f"""\
# Written by python -m zoo.serving config. Start it in this folder: docker compose up
services:
  serving:
    image: tensorflow/serving:{release}
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - .:/models:ro
    command:
      - --model_config_file=/models/{MODELS_CONFIG}
      - --model_config_file_poll_wait_seconds=60
      # The labels are read before their versions are loaded.
      - --allow_version_labels_for_unavailable_models=true
      - --enable_batching=true
      - --batching_parameters_file=/models/{BATCHING_CONFIG}
      # The cores are for requests side by side: threads within an op cost these models more than
      # they bring. On one core, or for small generators, add --tensorflow_inter_op_parallelism=1.
      - --tensorflow_intra_op_parallelism=1
      - --rest_api_timeout_in_ms=30000
"""


def _needs_padding(folder):
    """Whether requests to a SavedModel may differ beyond their first axis; refuses scalars."""
    from zoo.serving.graph import read_signatures

    signatures = read_signatures(folder)
    for name, signature in signatures.items():
        for key, info in [*signature.inputs.items(), *signature.outputs.items()]:
            shape = info.tensor_shape
            if not shape.unknown_rank and (not shape.dim or shape.dim[0].size != -1):
                raise ValueError(
                    f"{folder}: {key!r} of the signature {name!r} has no batch axis, so requests "
                    "cannot be merged: export it with one"
                )
    inputs = [info.tensor_shape for each in signatures.values() for info in each.inputs.values()]
    return any(shape.unknown_rank or any(d.size == -1 for d in shape.dim[1:]) for shape in inputs)
