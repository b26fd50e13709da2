"""What lets a model be wired of plain methods and still be told that it trains."""

import keras


class Wiring(keras.layers.Layer):
    """Runs a model's method as a layer runs, so that all layers in it learn about `training`.

    Keras hands `training` down from the outermost layer that is called. JAX's trainer does not call
    the model but its method `call`: a layer reached from there through plain methods would be the
    outermost itself, and every dropout would sleep through `fit`. Inside this layer none is.

    Args:
        method: takes and returns tensors; the layers that it uses belong to the model.
    """

    def __init__(self, method, **kwargs):
        super().__init__(**kwargs)
        self.method = method
        self.built = True

    def call(self, inputs, training=None):
        return self.method(inputs)
