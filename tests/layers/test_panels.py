"""Matrices in panels give what they give as they are."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import randomize, to_numpy
from zoo.compiled import compiled
from zoo.layers import TokenEmbedding
from zoo.layers.panels import columns_of_panels, in_panels, matrices_in_panels, times_panels
from zoo.layers.projection import projection

SIZES = [3, 64, 130]


@pytest.fixture(params=SIZES)
def matrix(request, rng):
    return rng.normal(size=(5, request.param)).astype("float32")


def panels_of_matrix(matrix):
    return ops.convert_to_tensor(to_numpy(in_panels(ops.convert_to_tensor(matrix))))


def test_64_columns_a_panel_and_zeros_behind():
    matrix = np.arange(1.0, 131.0, dtype="float32")[None] * [[1], [1000]]  # (2, 130)
    panels = to_numpy(in_panels(ops.convert_to_tensor(matrix.astype("float32"))))
    assert panels.shape == (3, 2, 64)
    np.testing.assert_array_equal(panels[0], matrix[:, :64])
    np.testing.assert_array_equal(panels[1], matrix[:, 64:128])
    np.testing.assert_array_equal(panels[2, :, :2], matrix[:, 128:])
    assert not panels[2, :, 2:].any()


@pytest.mark.parametrize("num_vectors", [0, 1, 2, 4, 9])
def test_products_equal_numpy(rng, matrix, num_vectors):
    x = rng.normal(size=(num_vectors, 5)).astype("float32")
    panels, num_columns = panels_of_matrix(matrix), matrix.shape[1]
    found = to_numpy(times_panels(ops.convert_to_tensor(x), panels, num_columns))
    assert found.shape == (num_vectors, num_columns)
    np.testing.assert_allclose(found, x @ matrix, atol=1e-5)
    if num_vectors or keras.backend.backend() == "tensorflow":
        call = compiled(TokenEmbedding(3, 2), lambda x: times_panels(x, panels, num_columns))
        np.testing.assert_allclose(to_numpy(call(x)), x @ matrix, atol=1e-5)


def test_columns_by_number(matrix):
    last = matrix.shape[1] - 1
    numbers = np.array([0, last, last // 2, last], "int32")
    found = to_numpy(columns_of_panels(panels_of_matrix(matrix), ops.convert_to_tensor(numbers)))
    np.testing.assert_array_equal(found, matrix[:, numbers].T)


@pytest.mark.parametrize("num_vectors", [1, 3])
def test_a_projection_multiplies_by_its_panels_inside_alone(rng, num_vectors):
    dense, other = (
        projection("p", [7], (None, 16), True, keras.initializers.GlorotUniform(), None)
        for _ in range(2)
    )
    dense.bias.assign(rng.normal(size=7))
    x = ops.convert_to_tensor(rng.normal(size=(num_vectors, 16)).astype("float32"))
    whole, of_other, bias = to_numpy(dense(x)), to_numpy(other(x)), to_numpy(dense.bias)
    with matrices_in_panels({dense: 2.0 * in_panels(dense.kernel)}):
        twice = to_numpy(dense(x))
        np.testing.assert_array_equal(to_numpy(other(x)), of_other)
    np.testing.assert_allclose(twice, 2.0 * (whole - bias) + bias, atol=1e-5)
    with pytest.raises(ZeroDivisionError), matrices_in_panels({dense: None}):
        _ = 1 / 0
    np.testing.assert_array_equal(to_numpy(dense(x)), whole)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 9)])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_table_in_panels_is_read_in_both_directions(rng, shape, scaled):
    layer = TokenEmbedding(67, 6, scaled=scaled, logits_bias=True)
    layer.build((None, None))
    randomize(layer)
    ids = ops.convert_to_tensor(rng.integers(0, 67, shape))
    x = ops.convert_to_tensor(rng.normal(size=(*shape, 6)).astype("float32"))
    vectors, logits, bias = to_numpy(layer(ids)), to_numpy(layer.logits(x)), to_numpy(layer.bias)
    twice = 2.0 * in_panels(ops.transpose(layer.table.embeddings))
    with matrices_in_panels({layer: twice}):
        np.testing.assert_allclose(to_numpy(layer(ids)), 2.0 * vectors, rtol=1e-6)
        found = to_numpy(layer.logits(x))
    np.testing.assert_allclose(found, 2.0 * (logits - bias) + bias, atol=1e-5)
