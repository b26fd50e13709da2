"""Matrices in panels: stored so that a product reads them from their beginning to their end."""

import contextlib
import math

from keras import ops

from zoo.compiled import rows_first, vector_products

# Columns of a panel: what a product computes at once of float32 with AVX-512, four registers.
_WIDTH = 64
# So many vectors are multiplied one by one.
_FEW = 3
_in_use = {}


def in_panels(matrix):
    """A matrix (X, Y) in panels (P, X, 64) of 64 columns each, the last filled up with zeros."""
    size, num_columns = matrix.shape
    matrix = ops.pad(matrix, [[0, 0], [0, -num_columns % _WIDTH]])
    return ops.transpose(ops.reshape(matrix, (size, -1, _WIDTH)), (1, 0, 2))


def times_panels(x, panels, num_columns):
    """Vectors times a matrix in panels: x (R, X), panels (P, X, 64) -> (R, Y).

    Args:
        num_columns: Y, of the matrix that was given to `in_panels`.
    """
    count, num_panels = ops.shape(x)[0], panels.shape[0]

    def one_by_one():  # a panel is in the processor's cache for the second vector
        product = vector_products(x[None, :, None], panels[:, None])  # (P, R, 1, 64)
        if isinstance(count, int) and count == 1:
            return ops.reshape(product, (1, num_panels, _WIDTH))
        return rows_first(product[:, :, 0])

    def together():
        return rows_first(ops.matmul(x[None], panels))

    if isinstance(count, int):
        product = one_by_one() if count <= _FEW else together()
    else:
        product = ops.cond(count <= _FEW, one_by_one, together)
    product = ops.reshape(product, (-1, num_panels * _WIDTH))
    return product if product.shape[1] == num_columns else product[:, :num_columns]


def columns_of_panels(panels, numbers):
    """Columns of a matrix in panels (P, X, 64) by number: numbers (N,) int -> (N, X)."""
    size, dtype = panels.shape[1], "int32" if math.prod(panels.shape) < 2**31 else "int64"
    numbers = ops.cast(numbers, dtype)
    first = numbers // _WIDTH * (size * _WIDTH) + numbers % _WIDTH  # (N,)
    places = first[:, None] + _WIDTH * ops.arange(size, dtype=dtype)  # (N, X)
    return ops.take(ops.reshape(panels, (-1,)), places)


@contextlib.contextmanager
def matrices_in_panels(copies):
    """Inside of it, layers multiply by copies of their matrices.

    Args:
        copies: {layer: matrix as `in_panels` gives it}: of a `Projection` its kernel, of a
            `TokenEmbedding` its table transposed.
    """
    _in_use.update(copies)
    try:
        yield
    finally:
        for each in copies:
            del _in_use[each]


def panels_of(layer):
    """The panels that `layer` multiplies by here and now, or None."""
    return _in_use.get(layer)
