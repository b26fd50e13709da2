"""How much of what the machine can do the training uses."""

import time

import keras
import numpy as np
from keras import ops


class Utilisation(keras.callbacks.Callback):
    """Add `utilisation` to the progress bar and the logs of the epoch: model FLOPs utilisation.

    It is tokens a second x FLOPs a token / peak, with the FLOPs that the model asks for whatever
    was really computed ("PaLM: scaling language modeling with pathways", Chowdhery et al. 2022,
    appendix B). `TokensPerSecond` must come before it, callbacks that shall log it after it.

    Args:
        flops_per_token: FLOPs of forward and backward pass for one token, 6 N + 12 L D T there: see
            `zoo.models.footprint(model, length=T).training_flops_per_token`.
        peak: FLOPs a second of the machine: the maker's figure, or `matmul_peak(dtype)`.

    Raises:
        ValueError: an argument is not above 0; or, in training, `TokensPerSecond` is missing.
    """

    async_safe = False  # as TokensPerSecond, whose rate it reads

    def __init__(self, flops_per_token, peak):
        super().__init__()
        for name, value in (("flops_per_token", flops_per_token), ("peak", peak)):
            if not value > 0:
                raise ValueError(f"{name} must be above 0, got {value}")
        self._share = flops_per_token / peak

    def on_train_batch_end(self, batch, logs=None):
        self._add(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._add(logs)

    def _add(self, logs):
        if "tokens_per_second" not in logs:
            raise ValueError(
                f"the logs have no 'tokens_per_second', only {sorted(logs)}: put a TokensPerSecond "
                "callback before this one"
            )
        logs["utilisation"] = logs["tokens_per_second"] * self._share


def matmul_peak(dtype, size=2048, seconds=0.3):
    """FLOPs a second of products of square matrices, as Keras' backend does them here and now.

    A machine with more in it than one product of this size can fill (a big GPU) has a higher peak;
    one that is busy with other work has a lower one at the moment.

    Args:
        dtype: type of the matrices, such as "float32" or "bfloat16".
        size: their rows and columns.
        seconds: about how long to measure.
    """
    numbers = np.random.default_rng(0).normal(0, size**-0.5, (size, size))
    matrix = ops.cast(ops.convert_to_tensor(numbers.astype("float32")), dtype)
    count, took = 1, 0.0
    _products(matrix, 1)  # compiled, and threads awake
    while took < seconds / 2:
        began = time.perf_counter()
        _products(matrix, count)
        took = time.perf_counter() - began
        rate = count * 2 * size**3 / took
        count *= 2
    return rate


def _products(matrix, count):
    product = matrix
    for _ in range(count):
        product = ops.matmul(product, matrix)
    ops.convert_to_numpy(ops.cast(product[0, 0], "float32"))  # waits until all are done
