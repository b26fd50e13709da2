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


def stored_shapes(folder):
    """Shapes of the weights in a SavedModel, sorted."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(folder / "variables" / "variables")
    shapes = reader.get_variable_to_shape_map().items()
    return sorted(tuple(shape) for name, shape in shapes if "variables_read" in name)


def shapes_in_panels(model, table):
    """Shapes of a model's weights, sorted, kernels and `table` in panels of 64 columns."""

    def shape_of(variable):
        if variable is table:
            columns, size = variable.shape
        elif variable.name == "kernel":
            size, columns = variable.shape
        else:
            return tuple(variable.shape)
        return -(-columns // 64), size, 64

    return sorted(map(shape_of, model.weights))
