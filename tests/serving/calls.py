"""How tests call an export, with texts as they come: lists of str or bytes."""

import keras
import numpy as np
import pytest

only_in_process = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="one export through a process is enough"
)


def in_process(folder):
    """A SavedModel in this process: (inputs, signature name) -> {output name: array}."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    signatures = tf.saved_model.load(str(folder)).signatures

    def predict(inputs, name="serving_default"):
        arrays = as_arrays(inputs).items()
        tensors = {k: tf.constant(x, tf.string if x.dtype == object else None) for k, x in arrays}
        return {key: value.numpy() for key, value in signatures[name](**tensors).items()}

    return predict


def in_server(server):
    """The same by the C++ program."""
    return lambda inputs, name="serving_default": server.predict(as_arrays(inputs), name)


def as_arrays(inputs):
    """Lists of texts become arrays of objects; arrays stay."""
    return {
        name: value if isinstance(value, np.ndarray) else np.array(value, object)
        for name, value in inputs.items()
    }
