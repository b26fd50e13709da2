import keras
import numpy as np
import pytest

from tests.backends import randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import AddAndNorm

X = np.array([[[1.0, 3.0]]], "float32")
Y = np.array([[[2.0, -4.0]]], "float32")


@pytest.mark.parametrize(
    ("order", "norm", "before", "after"),
    [
        # x + y = (3, -1): mean 1, deviation 2. x itself: mean 2, deviation 1.
        ("post", "layer", [1, 3], [1, -1]),
        ("pre", "layer", [-1, 1], [3, -1]),
        # Root mean squares sqrt(5) of (3, -1) and of (1, 3).
        ("post", "rms", [1, 3], [3 / 5**0.5, -1 / 5**0.5]),
        ("pre", "rms", [1 / 5**0.5, 3 / 5**0.5], [3, -1]),
    ],
)
def test_by_hand(order, norm, before, after):
    layer = AddAndNorm(order, norm)
    np.testing.assert_allclose(run(layer.before, X)[0, 0], before, atol=1e-5)
    np.testing.assert_allclose(run(layer, X, Y)[0, 0], after, atol=1e-5)


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_equals_the_reference(rng, order, norm):
    layer = AddAndNorm(order, norm, epsilon=0.01)
    layer.build((None, None, 7))
    randomize(layer)
    x = rng.normal(size=(3, 5, 7)).astype("float32")
    y = run(layer, x, to_numpy(layer.before(x)) * 3)
    expected = reference.add_and_norm(layer, x.astype("float64"), lambda h: h * 3)
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_the_first_of_the_two_calls_builds_once(order):
    layer = AddAndNorm(order)
    layer(X, layer.before(X))
    assert len(layer.weights) == 2


def test_two_pre_norms_in_one_functional_model():
    x = keras.Input((5, 7))
    first, second = AddAndNorm("pre"), AddAndNorm("pre")
    y = first(x, first.before(x))
    model = keras.Model(x, second(y, second.before(y)))
    assert len(model.weights) == 4
    copy = keras.Model.from_config(model.get_config())
    assert len(copy.weights) == 4


@pytest.mark.parametrize("order", ["post", "pre"])
def test_dropout_is_on_the_sublayer_alone(order):
    layer = AddAndNorm(order, dropout=0.9)
    x, y = np.full((2, 3, 11), 5, "float32"), np.full((2, 3, 11), 0.1, "float32")
    added = to_numpy(layer(x, y, training=True))
    if order == "pre":  # 5 + 0 or 5 + 0.1 / (1 - 0.9)
        assert np.logical_or(np.isclose(added, 5), np.isclose(added, 6, atol=1e-5)).all()
        assert 0 < np.isclose(added, 5).mean() < 1
        np.testing.assert_allclose(run(layer, x, y), 5.1, atol=1e-5)
    else:
        assert added.std() > 0.5
        np.testing.assert_allclose(run(layer, x, y), 0, atol=1e-3)


def test_a_copy_has_weights_of_its_own():
    layer = AddAndNorm("pre", "rms", 0.3, 0.01, name="one")
    copy = layer.copy("two")
    layer.build((None, None, 7))
    copy.build((None, None, 7))
    assert copy.name == "two"
    assert {**copy.get_config(), "name": ""} == {**layer.get_config(), "name": ""}
    assert layer.weights[0] is not copy.weights[0]


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"order must be one of \('post', 'pre'\); got 'middle'"):
        AddAndNorm("middle")
    with pytest.raises(ValueError, match=r"norm must be one of \('layer', 'rms'\); got 'batch'"):
        AddAndNorm(norm="batch")
    with pytest.raises(ValueError, match="post-norm adds a sublayer's output"):
        AddAndNorm()(X)
