"""Position-wise feed-forward networks."""

import keras
from keras import ops

from zoo.layers.activations import get_activation
from zoo.layers.arguments import positive
from zoo.layers.projection import projection


@keras.saving.register_keras_serializable("zoo")
class FeedForward(keras.layers.Layer):
    """W2 f(W1 x + b1) + b2 at every position: "Attention is all you need", 3.3, equation 2.

    Called with (B, T, D) -> (B, T, D).

    Args:
        feed_forward_dim: size of the inner layer.
        activation: f, any Keras activation: "relu" (the paper), "gelu", "swish", or a function;
            or "gelu_tanh" (GPT-2).
        dropout: rate on the inner layer.
        use_bias: whether the products have biases.
        kernel_initializer: of both kernels.
        output_initializer: of the second kernel, W2; None: `kernel_initializer`.

    Raises:
        ValueError: feed_forward_dim is not a positive whole number, or an unknown activation.
    """

    def __init__(
        self,
        feed_forward_dim,
        activation="relu",
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.feed_forward_dim = positive("feed_forward_dim", feed_forward_dim)
        self.activation = get_activation(activation)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)

    def build(self, x_shape):
        inner = self.kernel_initializer
        self.inner = self._projection("inner", self._inner_parts(), x_shape, inner)
        inner_shape = (*x_shape[:-1], self.feed_forward_dim)
        outer = self.output_initializer or inner
        self.outer = self._projection("outer", [x_shape[-1]], inner_shape, outer)

    def _inner_parts(self):
        return [self.feed_forward_dim]

    def _projection(self, name, parts, input_shape, initializer):
        return projection(name, parts, input_shape, self.use_bias, initializer, self.dtype_policy)

    def call(self, x):
        flat = ops.reshape(x, (-1, self.outer.units))  # see `Projection`
        return ops.reshape(self.outer(self.dropout(self._inside(flat))), ops.shape(x))

    def _inside(self, x):
        """(B*T, D) -> (B*T, feed_forward_dim)."""
        return self.activation(self.inner(x))

    def compute_output_shape(self, x_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "feed_forward_dim": self.feed_forward_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout.rate,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.saving.serialize_keras_object(self.output_initializer),
        }


@keras.saving.register_keras_serializable("zoo")
class GatedFeedForward(FeedForward):
    """W2 (f(W x) * V x): "GLU variants improve Transformer" (Shazeer 2020), equation 6.

    W and V are one product. Arguments as for `FeedForward`; "swish" makes it SwiGLU.
    """

    def _inner_parts(self):
        return [self.feed_forward_dim, self.feed_forward_dim]

    def _inside(self, x):
        gate, value = ops.split(self.inner(x), 2, axis=-1)
        return self.activation(gate) * value
