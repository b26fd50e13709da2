"""Ids to vectors, and vectors back to logits with the same table."""

import math

import keras
from keras import ops

from zoo.compiled import times_transposed
from zoo.layers.arguments import positive
from zoo.layers.panels import columns_of_panels, panels_of, times_panels

# A step of decoding has at most so many tokens a row; a text may have more.
_STEP = 8


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
        panels = panels_of(self)
        if panels is None:
            vectors = self.table(ids)
        else:
            vectors = columns_of_panels(panels, ops.reshape(ids, (-1,)))
            vectors = ops.reshape(vectors, (*ops.shape(ids), self.hidden_dim))
        if not self.scaled:
            return vectors
        return vectors * ops.cast(math.sqrt(self.hidden_dim), vectors.dtype)

    def logits(self, x):
        """(B, T, D) -> (B, T, V)."""
        is_plain = panels_of(self) is None and not self._is_step(x)
        logits = self.table(x, reverse=True) if is_plain else self._logits_of_vectors(x)
        return logits if self.bias is None else logits + ops.cast(self.bias, logits.dtype)

    def _is_step(self, x):
        is_short = isinstance(x.shape[1], int) and x.shape[1] <= _STEP
        is_plain = self.compute_dtype == self.variable_dtype and not self.table.quantization_mode
        return is_short and is_plain

    def _logits_of_vectors(self, x):
        rows, length, size = ops.shape(x)
        x, panels = ops.reshape(x, (rows * length, size)), panels_of(self)
        if panels is None:
            logits = times_transposed(x, self.table.embeddings)
        else:
            logits = times_panels(x, panels, self.vocab_size)
        return ops.reshape(logits, (rows, length, self.vocab_size))

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
