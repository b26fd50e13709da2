"""Projections: Keras' dense layer, but for how it multiplies a single vector."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from zoo.layers.projection import Projection, projection


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("num_vectors", [1, 2, 5])
def test_products_equal_numpy(rng, num_vectors, use_bias):
    dense = projection("p", [3, 4], (None, 16), use_bias, keras.initializers.GlorotUniform(), None)
    if use_bias:
        dense.bias.assign(rng.normal(size=7))
    x = rng.normal(size=(num_vectors, 16)).astype("float32")
    bias = to_numpy(dense.bias) if use_bias else 0.0
    expected = x @ to_numpy(dense.kernel) + bias
    np.testing.assert_allclose(to_numpy(dense(x)), expected, atol=1e-5)


def test_a_single_vector_passes_through_lora_and_int8(rng):
    dense = projection("p", [24], (None, 16), True, keras.initializers.GlorotUniform(), None)
    x = rng.normal(size=(2, 16)).astype("float32")
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(rng.normal(size=(2, 24)))
    np.testing.assert_allclose(to_numpy(dense(x[:1])), to_numpy(dense(x))[:1], atol=1e-5)
    before = to_numpy(dense(x))
    dense.quantize("int8")
    found = to_numpy(dense(x[:1]))
    np.testing.assert_allclose(found, to_numpy(dense(x))[:1], atol=1e-5)
    np.testing.assert_allclose(found, before[:1], atol=0.1)


def test_an_activation_is_kept(rng):
    dense = Projection(5, activation="relu")
    x = ops.convert_to_tensor(rng.normal(size=(1, 4)).astype("float32"))
    found = to_numpy(dense(x))
    assert (found >= 0).all()
    np.testing.assert_allclose(found, np.maximum(to_numpy(x @ dense.kernel), 0), atol=1e-6)
