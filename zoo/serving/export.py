"""Write a task as a SavedModel: plain TensorFlow ops, its tokenizer in the graph, no Keras."""

import inspect
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from zoo.folders import new_folder, refuse_existing
from zoo.serving.graph import refuse_unservable
from zoo.serving.replay import replay
from zoo.serving.warmup import encode_request, write_warmup


def export(task, folder, settings=None):
    """Export a task for TF Serving, whatever backend it was trained on.

    With the TensorFlow backend the task is traced where it is. With another one it is saved, and a
    fresh Python process with `KERAS_BACKEND=tensorflow` loads and exports it; what comes from JAX
    would need XLA, which a default server refuses, and torch cannot be exported at all.

    Args:
        task: an object of `zoo.tasks`: `task.signatures(...)` returns {name: `Signature`}, and
            `task.save(folder)` writes what `zoo.load(folder)` reads.
        folder: where the SavedModel goes; must not exist. TF Serving wants
            `NAME/VERSION` with a whole number as VERSION.
        settings: {argument name: JSON value} for `task.signatures`, for example
            `{"beam_size": 4}`.

    Raises:
        FileExistsError: `folder` exists.
        TypeError: `task.signatures` takes no such setting.
        ValueError: the graph holds what a default server refuses (see
            `zoo.serving.refuse_unservable`).
        RuntimeError: the TensorFlow process failed; the message ends with what it said.
    """
    import keras

    settings = dict(settings or {})
    refuse_existing(folder)
    inspect.signature(task.signatures).bind(**settings)
    if keras.backend.backend() == "tensorflow":
        write_saved_model(folder, task.signatures(**settings))
        return
    with tempfile.TemporaryDirectory(prefix="zoo-export-") as scratch:
        saved = pathlib.Path(scratch, "task")
        task.save(saved)
        _export_in_tensorflow(saved, pathlib.Path(folder).absolute(), settings)


_PROGRAM = """
import json, sys, zoo
task, folder, settings = sys.argv[1:]
zoo.serving.export(zoo.load(task), folder, json.loads(settings))
"""


def _export_in_tensorflow(saved, folder, settings):
    """Export a saved task in a TensorFlow process of its own."""
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        # What this process can import, the other one can: the classes of a user's own task.
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
        # This process may hold the whole memory of the accelerator; tracing needs none of it.
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
    # -P: no module of the current folder gets in the way.
    command = [sys.executable, "-P", "-c", _PROGRAM, str(saved), str(folder), json.dumps(settings)]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if result.returncode != 0:
        said = "\n".join(result.stderr.strip().splitlines()[-20:])
        raise RuntimeError(
            f"export to {str(folder)!r} failed in the TensorFlow process "
            f"(exit code {result.returncode}), which said:\n{said}"
        )


def write_saved_model(folder, signatures):
    """Trace signatures and write them as a SavedModel with warm-up requests, completely or not.

    The result gets its name when it has no op that a default server refuses, was loaded again, and
    answered its warm-up requests. (`zoo.serving.check` compares rows alone and in company, too.)

    Args:
        folder: where it goes; must not exist. Missing parents are made.
        signatures: {signature name: `Signature`}; TF Serving's default is "serving_default".

    Raises:
        FileExistsError: `folder` exists.
        ValueError: a signature breaks a rule of serving (no examples, an output that is not a
            dense tensor with a batch axis, ...), or the graph holds an op that servers refuse.
        OSError: the SavedModel cannot be written, for example on a full disk.
    """
    import tensorflow as tf

    records = _warmup_records(signatures)
    with new_folder(folder) as partial:
        traced = {name: _trace(name, signature) for name, signature in signatures.items()}
        root = tf.Module()
        root.variables_read = _without_repeats(
            variable for function in traced.values() for variable in function.graph.variables
        )
        root.resources = _without_repeats(
            resource for signature in signatures.values() for resource in signature.resources
        )
        try:
            tf.saved_model.save(root, str(partial), signatures=traced)
            write_warmup(partial, records)
        except tf.errors.OpError as error:
            raise OSError(
                f"cannot write the SavedModel {str(folder)!r} (is the disk full?): {error.message}"
            ) from error
        refuse_unservable(partial)
        replay(partial)


def _warmup_records(signatures):
    """The encoded examples of all signatures; each signature must have one."""
    if not signatures:
        raise ValueError("signatures: empty; give at least 'serving_default'")
    records = []
    for name, signature in signatures.items():
        if not signature.examples:
            raise ValueError(f"signature {name!r}: no examples to warm a server with; give one")
        dtypes = {argument: dtype for argument, (_, dtype) in signature.inputs.items()}
        for example in signature.examples:
            if set(example) != set(dtypes):
                raise ValueError(
                    f"signature {name!r}: an example has the inputs {sorted(example)}, "
                    f"expected {sorted(dtypes)}"
                )
            records.append(encode_request(name, example, dtypes))
    return records


def _trace(name, signature):
    """The concrete function of a signature, its inputs named after the arguments."""
    import tensorflow as tf

    for argument, (shape, _) in signature.inputs.items():
        if not shape or shape[0] is not None:
            raise ValueError(
                f"signature {name!r}: input {argument!r} has the shape {shape}; "
                "the first axis is the batch and must be None"
            )
    specs = [tf.TensorSpec(*spec, name=key) for key, spec in signature.inputs.items()]

    def positional(*tensors):
        outputs = signature.function(**dict(zip(signature.inputs, tensors, strict=True)))
        _check_outputs(name, outputs)
        return dict(outputs)

    traced = tf.function(positional, autograph=False, jit_compile=False)
    return traced.get_concrete_function(*specs)


def _check_outputs(name, outputs):
    """Refuse outputs that a server cannot run, batch or hand out as they are."""
    import tensorflow as tf

    if not isinstance(outputs, dict) or not outputs:
        raise ValueError(f"signature {name!r}: returned {outputs!r}, expected a dict of tensors")
    for key, value in outputs.items():
        if not isinstance(value, tf.Tensor):
            raise ValueError(
                f"signature {name!r}: output {key!r} is a {type(value).__name__}, expected a dense "
                "tensor: pad ragged rows and add their lengths as an output"
            )
        if value.shape.rank == 0:
            raise ValueError(f"signature {name!r}: output {key!r} is a scalar: add the batch axis")
        if value.dtype == tf.string and key.endswith("_bytes"):
            raise ValueError(
                f"signature {name!r}: output {key!r} would come back as base64, as all names in "
                "'_bytes' do over REST: choose another name"
            )


def _without_repeats(objects):
    """The objects in order, each once, by identity (variables do not compare by value)."""
    return list({id(thing): thing for thing in objects}.values())
