"""A model's weights in one safetensors file, each under its variable's path."""

from pathlib import Path

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file


def named_weights(model):
    """{path: variable} of a model's weights; paths begin below the model's own name.

    Those of a model inside the model begin with the name of its class: its own name, which Keras
    numbers, would be another one in the next process. Seeds of random layers and the optimizer's
    state are not weights.

    Raises:
        ValueError: two weights have the same path.
    """
    named = [
        (f"{type(part).__name__}/{path}", variable)
        for part in model.layers
        if isinstance(part, keras.Model)
        for path, variable in named_weights(part).items()
    ]
    inner = {id(variable) for _, variable in named}
    own = [variable for variable in model.weights if id(variable) not in inner]
    named += [(variable.path.split("/", 1)[1], variable) for variable in own]
    if len(dict(named)) != len(model.weights):
        paths = [path for path, _ in named]
        shared = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(f"weights of {model.name} share their paths: {shared}; name the layers")
    return dict(named)


def lora_paths(variables):
    """Which of the paths of {path: variable} are of LoRA's matrices, not of plain weights."""
    return [path for path in variables if path.endswith(("lora_kernel_a", "lora_kernel_b"))]


def check_merged(variables):
    """Raise ValueError if a model of {path: variable}, to be saved as a plain one, has LoRA."""
    found = lora_paths(variables)
    if found:
        raise ValueError(
            f"the model has LoRA ({found[0]} and {len(found) - 1} more), so it cannot be saved as "
            "it is: save zoo.training.merge_lora(model)"
        )


def check_not_quantized(variables):
    """Raise ValueError if a model of {path: variable} that others shall read is quantized."""
    found = [path for path, variable in variables.items() if variable.dtype in ("int8", "uint8")]
    if found:
        raise ValueError(
            f"the model is quantized ({found[0]} and {len(found) - 1} more), which the format of "
            "the transformers library has no place for: write the model that it was made from, or "
            "use save()"
        )


def write_weights(file, model):
    """Write the weights of `model` to `file` (safetensors: numbers only, no code)."""
    arrays = {
        path: np.asarray(ops.convert_to_numpy(variable.value), order="C")
        for path, variable in named_weights(model).items()
    }
    save_file(arrays, str(file))


def read_weights(file, model):
    """Read what `write_weights` wrote into `model`.

    Raises:
        ValueError: the file is missing or damaged, or its names or shapes are not the model's; all
            mismatches are listed.
    """
    if not Path(file).is_file():
        raise ValueError(f"{file} is missing")
    try:
        arrays = load_file(str(file))
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    assign_weights(named_weights(model), arrays, file)


def assign_weights(variables, arrays, source):
    """Assign {path: array} to {path: variable}, all or nothing.

    Args:
        variables: {path: variable}.
        arrays: {path: array}.
        source: where the arrays come from, for the error.

    Raises:
        ValueError: a name is missing or unexpected, or a shape differs; all mismatches are listed.
    """
    problems = [f"missing: {path}" for path in sorted(variables.keys() - arrays.keys())]
    problems += [f"unexpected: {path}" for path in sorted(arrays.keys() - variables.keys())]
    problems += [
        f"{path}: shape {tuple(arrays[path].shape)}, the model has {tuple(variable.shape)}"
        for path, variable in variables.items()
        if path in arrays and tuple(arrays[path].shape) != tuple(variable.shape)
    ]
    if problems:
        raise ValueError(f"{source} does not fit the model:\n  " + "\n  ".join(problems))
    for path, variable in variables.items():
        variable.assign(arrays[path])
