"""Add & norm: residual, dropout and normalization of one sublayer."""

import keras

ORDERS = ("post", "pre")
NORMS = ("layer", "rms")


def make_norm(norm, epsilon, dtype, name="norm"):
    """`keras.layers.LayerNormalization` for "layer", `keras.layers.RMSNormalization` for "rms"."""
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {NORMS}; got {norm!r}")
    cls = keras.layers.LayerNormalization if norm == "layer" else keras.layers.RMSNormalization
    return cls(epsilon=epsilon, name=name, dtype=dtype)


@keras.saving.register_keras_serializable("zoo")
class AddAndNorm(keras.layers.Layer):
    """What stands around every sublayer: "Attention is all you need", 3.1 and 5.4.

    Two calls, the same for both orders:

        h = add_norm.before(x)
        x = add_norm(x, sublayer(h))

    Post-norm (the paper): h = x and norm(x + dropout(y)). Pre-norm (GPT-2; Xiong et al. 2020):
    h = norm(x) and x + dropout(y). Shapes (B, T, D) throughout.

    Args:
        order: "post" or "pre".
        norm: "layer" (Ba et al. 2016) or "rms" (Zhang and Sennrich 2019).
        dropout: rate on the sublayer's output.
        epsilon: added to the variance.

    Raises:
        ValueError: an unknown order or norm.
    """

    def __init__(self, order="post", norm="layer", dropout=0.0, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}; got {order!r}")
        self.order = order
        self.norm_name = norm
        self.epsilon = epsilon
        self.norm = make_norm(norm, epsilon, self.dtype_policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build(self, x_shape, y_shape=None):
        self.norm.build(x_shape)

    def before(self, x):
        """What the sublayer reads: (B, T, D) -> (B, T, D)."""
        # A call of this layer, not of its norm: so it is built once, and in a functional model
        # the node belongs to this layer.
        return self(x) if self.order == "pre" else x

    def call(self, x, y=None):
        if y is None:
            return self._before(x)
        added = x + self.dropout(y)
        return added if self.order == "pre" else self.norm(added)

    def _before(self, x):
        if self.order == "post":
            raise ValueError(f"{self.name}: post-norm adds a sublayer's output; call it with x, y")
        return self.norm(x)

    def compute_output_shape(self, x_shape, y_shape=None):
        return x_shape

    def copy(self, name):
        """A new layer with the same configuration and weights of its own."""
        return AddAndNorm.from_config({**self.get_config(), "name": name})

    def get_config(self):
        return {
            **super().get_config(),
            "order": self.order,
            "norm": self.norm_name,
            "dropout": self.dropout.rate,
            "epsilon": self.epsilon,
        }
