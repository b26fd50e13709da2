"""Activations beyond those that Keras knows by name."""

import math

import keras
from keras import ops

from zoo.compiled import on_tensorflow

_SLOPE = 2 * math.sqrt(2 / math.pi)


@keras.saving.register_keras_serializable("zoo")
def gelu_tanh(x):
    """GELU by tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016,
    arXiv:1606.08415, 2. What GPT-2 computes; "gelu" is the exact one, by the error function."""
    if not on_tensorflow():
        return keras.activations.gelu(x, approximate=True)
    # (1 + tanh(z)) / 2 is the logistic function of 2 z: with it TensorFlow, which fuses nothing
    # here, passes over x half as often, there and back.
    return x * ops.sigmoid(x * (_SLOPE + _SLOPE * 0.044715 * ops.square(x)))


def get_activation(activation):
    """The function that `activation` names: "gelu_tanh", or what `keras.activations.get` takes.

    Raises:
        ValueError: an unknown name.
    """
    return gelu_tanh if activation == "gelu_tanh" else keras.activations.get(activation)
