"""What tests of models on ids share: ids, a forward pass as numpy, big models without values."""

import functools
import math
import threading

import keras

from tests.backends import to_numpy
from zoo.compiled import compiled


def some_ids(rng, rows, length):
    """Ordinary ids below 36: (rows, length) int32."""
    return rng.integers(4, 36, (rows, length)).astype("int32")


@functools.cache
def _compiled_forward(model, *names):
    return compiled(model, lambda *tensors: model(dict(zip(names, tensors, strict=True))))


def forward(model, **inputs):
    """`model(inputs)`, compiled, as numpy."""
    return to_numpy(_compiled_forward(model, *inputs)(*inputs.values()))


def without_values(make):
    """The model that `make()` returns, with variables that have shapes and no values.

    In a thread of its own: Keras keeps a list of such variables in each thread, and would give all
    of them values, gigabytes, when the next scope of the thread ends, such as that of `fit`.
    """
    models = []

    def run():
        with keras.StatelessScope(initialize_variables=False):
            models.append(make())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (model,) = models
    return model


def num_numbers(variables):
    """Numbers in all of `variables`, which need no values."""
    return sum(math.prod(variable.shape) for variable in variables)
