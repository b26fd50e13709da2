import math

import keras
import numpy as np
import pytest

from tests.backends import to_numpy
from zoo.layers import FeedForward, gelu_tanh, get_activation

X = np.linspace(-5, 5, 41, dtype="float32")


def values(function):
    return to_numpy(function(keras.ops.convert_to_tensor(X)))


def test_by_the_formula():
    expected = [
        0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        for x in X.tolist()
    ]
    np.testing.assert_allclose(values(gelu_tanh), expected, atol=1e-6)


def test_equals_transformers_gelu_new():
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    for name in ("gelu_new", "gelu_pytorch_tanh"):
        expected = transformers.activations.ACT2FN[name](torch.tensor(X)).numpy()
        np.testing.assert_allclose(values(gelu_tanh), expected, atol=1e-6)


def test_names():
    assert get_activation("gelu_tanh") is gelu_tanh
    assert get_activation("relu") is keras.activations.relu
    difference = np.abs(values(get_activation("gelu")) - values(gelu_tanh)).max()
    assert 1e-4 < difference < 1e-3  # the exact one is another function
    with pytest.raises(ValueError, match="gelu_tan"):
        get_activation("gelu_tan")


def test_it_is_kept_in_configurations():
    layer = FeedForward(5, "gelu_tanh")
    assert FeedForward.from_config(layer.get_config()).activation is gelu_tanh
