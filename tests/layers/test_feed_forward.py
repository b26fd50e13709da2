import math

import keras
import numpy as np
import pytest

from tests.backends import randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import FeedForward, GatedFeedForward


def assign(layer, inner, outer):
    layer.build((None, None, 2))
    layer.inner.kernel.assign(inner[0])
    layer.inner.bias.assign(inner[1])
    layer.outer.kernel.assign(outer[0])
    layer.outer.bias.assign(outer[1])


X = np.array([[[1.0, 2.0]]], "float32")


def test_by_hand():
    layer = FeedForward(2)
    assign(layer, ([[1, -1], [1, 1]], [1, -2]), ([[2, 0], [1, 1]], [0, 10]))
    # Inner (4, -1), after ReLU (4, 0), outer (8, 10).
    np.testing.assert_allclose(run(layer, X)[0, 0], [8, 10])


def test_gated_by_hand():
    layer = GatedFeedForward(1, activation="relu")
    assign(layer, ([[1, 3], [1, 1]], [0, -1]), ([[2, -1]], [0, 1]))
    # Gate 3, value 4, product 12.
    np.testing.assert_allclose(run(layer, X)[0, 0], [24, -11])


@pytest.mark.parametrize("activation", ["relu", "gelu", "swish"])
@pytest.mark.parametrize("cls", [FeedForward, GatedFeedForward])
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_the_reference(rng, activation, cls, use_bias):
    layer = cls(13, activation, use_bias=use_bias)
    layer.build((None, None, 7))
    randomize(layer)
    assert len(layer.weights) == (4 if use_bias else 2)
    x = rng.normal(size=(3, 5, 7)).astype("float32")
    expected = reference.feed_forward(layer, x, activation, cls is GatedFeedForward)
    np.testing.assert_allclose(run(layer, x), expected, atol=1e-5)


def test_dropout_is_on_the_inner_layer():
    layer = FeedForward(1, dropout=0.5)
    assign(layer, ([[1], [1]], [0]), ([[1, 2]], [0, 0]))
    y = to_numpy(layer(np.repeat(X, 64, axis=1), training=True))[0]
    assert {tuple(row) for row in y} == {(0.0, 0.0), (6.0, 12.0)}
    np.testing.assert_allclose(run(layer, X)[0, 0], [3, 6])


def test_gate_and_value_are_initialized_each_by_its_own_fan():
    layer = GatedFeedForward(256)
    layer.build((None, None, 128))
    gate, value = np.split(to_numpy(layer.inner.kernel), 2, axis=-1)
    assert np.abs(gate - value).max() > 1e-2
    for part in (gate, value):
        assert abs(part.std() / math.sqrt(2 / (128 + 256)) - 1) < 0.03


@pytest.mark.parametrize("cls", [FeedForward, GatedFeedForward])
def test_the_second_kernel_may_have_an_initializer_of_its_own(cls):
    layer = cls(5, kernel_initializer="ones", output_initializer=keras.initializers.Constant(0.5))
    layer.build((None, None, 3))
    assert (to_numpy(layer.inner.kernel) == 1).all()
    assert (to_numpy(layer.outer.kernel) == 0.5).all()
    again = cls.from_config(layer.get_config())
    again.build((None, None, 3))
    assert (to_numpy(again.outer.kernel) == 0.5).all()
    layer = cls(5, kernel_initializer="ones")
    layer.build((None, None, 3))
    assert (to_numpy(layer.outer.kernel) == 1).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="feed_forward_dim must be a positive whole number; got 0"):
        FeedForward(0)
    with pytest.raises(ValueError, match="relux"):
        FeedForward(3, "relux")
