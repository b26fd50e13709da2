"""Matrices in panels: stored so that a product reads them from their beginning to their end."""

import contextlib

from keras import ops

from zoo.compiled import rows_first, vector_products

# Columns of a panel: what a product computes at once of float32 with AVX-512, four registers.
_WIDTH = 64
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
    if x.shape[0] == 1:
        product = ops.reshape(vector_products(x[None], panels), (1, -1))
    else:
        product = rows_first(ops.matmul(x[None], panels))  # (R, P, 64)
        product = ops.reshape(product, (-1, panels.shape[0] * _WIDTH))
    return product if product.shape[1] == num_columns else product[:, :num_columns]


def columns_of_panels(panels, numbers):
    """Columns of a matrix in panels (P, X, 64) by number: numbers (N,) int -> (N, X)."""
    size, numbers = panels.shape[1], ops.cast(numbers, "int64")
    first = numbers // _WIDTH * (size * _WIDTH) + numbers % _WIDTH  # (N,)
    places = first[:, None] + _WIDTH * ops.arange(size, dtype="int64")  # (N, X)
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
