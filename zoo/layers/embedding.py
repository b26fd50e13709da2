"""Ids to vectors, and vectors back to logits with the same table."""

import math

import keras
from keras import ops

from zoo.layers.arguments import positive

# A step of decoding has at most so many tokens a row; a text may have more.
_STEP = 8
# With so many vectors the table is multiplied from the left, see `TokenEmbedding.logits`.
_FEW = range(4, 129)


@keras.saving.register_keras_serializable("zoo")
class TokenEmbedding(keras.layers.Layer):
    """A table of V vectors, read forwards (ids to vectors) and backwards (vectors to logits).

    "Attention is all you need", 3.4: the same matrix embeds and makes the logits; embeddings are
    multiplied by sqrt(D).

    Called with ids (B, T) int -> (B, T, D). `logits(x)`: (B, T, D) -> (B, T, V).

    Args:
        vocab_size: V.
        hidden_dim: D.
        scaled: whether embeddings are multiplied by sqrt(D). The table is then drawn with standard
            deviation 1 / sqrt(D), so that embeddings start at unit variance and logits too.
        logits_bias: whether logits have a bias of their own (Marian's final_logits_bias).
        initializer: of the table; None: normal, standard deviation 1 / sqrt(D).
    """

    def __init__(
        self, vocab_size, hidden_dim, scaled=False, logits_bias=False, initializer=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.vocab_size = positive("vocab_size", vocab_size)
        self.hidden_dim = positive("hidden_dim", hidden_dim)
        self.scaled = scaled
        self.logits_bias = logits_bias
        if initializer is None:
            initializer = keras.initializers.RandomNormal(stddev=hidden_dim**-0.5)
        self.table = keras.layers.ReversibleEmbedding(
            vocab_size,
            hidden_dim,
            embeddings_initializer=initializer,
            # The type of the table itself: with a policy of mixed precision, logits are float32,
            # as the softmax over V words wants them, and the table is not copied to be cast.
            reverse_dtype=self.variable_dtype,
            name="table",
            dtype=self.dtype_policy,
        )

    def build(self, ids_shape=None):
        self.table.build((None, None))
        self.bias = None
        if self.logits_bias:
            self.bias = self.add_weight(shape=(self.vocab_size,), initializer="zeros", name="bias")

    def call(self, ids):
        vectors = self.table(ids)
        if not self.scaled:
            return vectors
        return vectors * ops.cast(math.sqrt(self.hidden_dim), vectors.dtype)

    def logits(self, x):
        """(B, T, D) -> (B, T, V)."""
        logits = self._logits_of_step(x) if self._is_step(x) else self.table(x, reverse=True)
        return logits if self.bias is None else logits + ops.cast(self.bias, logits.dtype)

    def _is_step(self, x):
        is_short = isinstance(x.shape[1], int) and x.shape[1] <= _STEP
        is_plain = self.compute_dtype == self.variable_dtype and not self.table.quantization_mode
        return is_short and is_plain

    def _logits_of_step(self, x):
        """The same in the order that takes less time on CPUs: for few vectors, though not for two
        or three, table times vectors is up to twice as fast as vectors times transposed table."""
        rows, length, size = ops.shape(x)

        def from_the_left():
            vectors = ops.transpose(ops.reshape(x, (1, rows * length, size)), (0, 2, 1))
            # Three axes: for matrices, TensorFlow takes another kernel, which is slower here.
            logits = ops.matmul(ops.expand_dims(self.table.embeddings, 0), vectors)  # (1, V, B*T)
            return ops.reshape(ops.transpose(logits, (0, 2, 1)), (rows, length, self.vocab_size))

        def from_the_right():
            return self.table(x, reverse=True)

        count = rows * length
        if isinstance(count, int):
            if count == 1:
                column = ops.matmul(self.table.embeddings, ops.reshape(x, (size, 1)))
                return ops.reshape(column, (rows, length, self.vocab_size))
            return from_the_left() if count in _FEW else from_the_right()
        is_few = ops.logical_and(count >= _FEW.start, count < _FEW.stop)
        return ops.cond(is_few, from_the_left, from_the_right)

    def compute_output_shape(self, ids_shape):
        return (*ids_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "hidden_dim": self.hidden_dim,
            "scaled": self.scaled,
            "logits_bias": self.logits_bias,
            "initializer": keras.initializers.serialize(self.table.embeddings_initializer),
        }
