"""Activations beyond those that Keras knows by name."""

import keras


@keras.saving.register_keras_serializable("zoo")
def gelu_tanh(x):
    """GELU by tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel 2016,
    arXiv:1606.08415, 2. What GPT-2 computes; "gelu" is the exact one, by the error function."""
    return keras.activations.gelu(x, approximate=True)


def get_activation(activation):
    """The function that `activation` names: "gelu_tanh", or what `keras.activations.get` takes.

    Raises:
        ValueError: an unknown name.
    """
    return gelu_tanh if activation == "gelu_tanh" else keras.activations.get(activation)
