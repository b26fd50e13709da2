import math

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import TokenEmbedding

V, D = 19, 6


def built(**arguments):
    layer = TokenEmbedding(V, D, **arguments)
    layer.build((None, None))
    return randomize(layer)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("logits_bias", [False, True])
def test_both_directions_equal_the_reference(rng, scaled, logits_bias):
    layer = built(scaled=scaled, logits_bias=logits_bias)
    ids = rng.integers(0, V, (3, 5))
    np.testing.assert_allclose(run(layer, ids), reference.embedding(layer, ids), atol=1e-5)
    x = rng.normal(size=(3, 5, D)).astype("float32")
    np.testing.assert_allclose(run(layer.logits, x), reference.logits(layer, x), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 3), (5, 2), (130, 1), (0, 1)])
def test_any_number_of_vectors_becomes_logits(rng, shape):
    layer = built(logits_bias=True)
    x = rng.normal(size=(*shape, D)).astype("float32")
    expected = reference.logits(layer, x)
    np.testing.assert_allclose(
        to_numpy(layer.logits(ops.convert_to_tensor(x))), expected, atol=1e-5
    )
    if 0 not in shape:
        np.testing.assert_allclose(run(layer.logits, x), expected, atol=1e-5)


def test_tied_by_hand():
    layer = TokenEmbedding(2, 4, scaled=True, logits_bias=True)
    layer.build((None, None))
    layer.table.embeddings.assign([[1, 2, 3, 4], [0, 1, 0, -1]])
    layer.bias.assign([0.5, -0.5])
    # sqrt(D) = 2 on the way in, and not on the way out.
    np.testing.assert_allclose(run(layer, np.array([[1, 0]]))[0], [[0, 2, 0, -2], [2, 4, 6, 8]])
    logits = run(layer.logits, np.array([[[1, 1, 1, 1], [0, 0, 0, 2]]], "float32"))
    np.testing.assert_allclose(logits[0], [[10.5, -0.5], [8.5, -2.5]])


def test_one_table_only():
    assert [tuple(v.shape) for v in built().weights] == [(V, D)]
    assert [tuple(v.shape) for v in built(logits_bias=True).weights] == [(V,), (V, D)] or [
        tuple(v.shape) for v in built(logits_bias=True).weights
    ] == [(V, D), (V,)]


def test_scaled_embeddings_start_at_unit_variance():
    layer = TokenEmbedding(503, 128, scaled=True)
    layer.build((None, None))
    vectors = run(layer, np.arange(503)[None])
    assert abs(vectors.std() - 1) < 0.02
    assert abs(to_numpy(layer.table.embeddings).std() * math.sqrt(128) - 1) < 0.02


def test_lora_is_in_both_directions(rng):
    layer = built()
    ids = rng.integers(0, V, (3, 5))
    x = rng.normal(size=(3, 5, D)).astype("float32")
    layer.table.enable_lora(2)
    layer.table.lora_embeddings_b.assign(np.ones((2, D)))
    np.testing.assert_allclose(run(layer, ids), reference.embedding(layer, ids), atol=1e-5)
    np.testing.assert_allclose(run(layer.logits, x), reference.logits(layer, x), atol=1e-5)
    assert len(layer.trainable_variables) == 2


@pytest.mark.usefixtures("quick_collection")
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors:UserWarning")
def test_int8_is_in_both_directions(rng):
    layer = built(scaled=True)
    ids = rng.integers(0, V, (3, 5))
    x = rng.normal(size=(3, 5, D)).astype("float32")
    vectors, logits = run(layer, ids), run(layer.logits, x)
    layer.table.quantize("int8")
    for after, before in ((layer(ids), vectors), (layer.logits(x), logits)):
        difference = np.abs(to_numpy(after) - before)
        assert difference.max() > 0
        assert difference.mean() < 0.02 * np.abs(before).mean()


class Both(keras.layers.Layer):
    def __init__(self, embedding):
        super().__init__(dtype=embedding.dtype_policy)
        self.embedding = embedding

    def call(self, ids):
        return self.embedding.logits(self.embedding(ids))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_logits_have_the_table_s_dtype_inside_and_outside_of_a_layer(dtype):
    layer = built(dtype=dtype)
    ids = np.array([[1, 2]])
    inside, outside = Both(layer)(ids), layer.logits(layer(ids))
    for logits in (inside, outside):
        expected = "float32" if dtype.startswith("mixed_") else dtype
        assert keras.backend.standardize_dtype(logits.dtype) == expected
    # Inside a layer of mixed precision, Keras rounds the table as it is read.
    np.testing.assert_allclose(to_numpy(inside), to_numpy(outside), rtol=0.02, atol=0.01)


@pytest.mark.parametrize("sizes", [(0, 4), (4, -1), (4.0, 4)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match="must be a positive whole number"):
        TokenEmbedding(*sizes)
