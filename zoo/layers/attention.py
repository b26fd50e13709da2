"""Multi-head attention: a pure function inside a thin layer."""

import functools
import itertools
import math

import keras
from keras import ops

from zoo.compiled import softmax_of_few, vector_products
from zoo.layers.arguments import positive
from zoo.layers.masks import check_mask
from zoo.layers.projection import projection
from zoo.layers.record import AttentionCall, record, recording


def scaled_dot_product_attention(query, key, value, mask=None, scale=None, dropout=None):
    """softmax(Q K^T / sqrt(H)) V: "Attention is all you need", 3.2.1, equation 1.

    Args:
        query: (B, N, T, H).
        key: (B, M, S, H); M divides N, and each key/value head serves N / M query heads. Or a tuple
            of such, which stand one behind the other.
        value: (B, M, S, H), or a tuple as for `key`.
        mask: (B or 1, T or 1, S) bool, True where a query may attend; None: everywhere.
            A query that may attend to nothing gives zeros.
        scale: factor on the scores; None: 1 / sqrt(H).
        dropout: function applied to the weights, or None.

    Returns:
        output (B, N, T, H) and the weights (B, N, T, S) before dropout.
    """
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1])
    query = query * ops.cast(scale, query.dtype)  # step 2, before step 1 where it costs less
    scores = _scores(query, key)  # step 1, (B, N, T, S)
    weights = _softmax_where(scores, mask)  # step 3
    kept = weights if dropout is None else dropout(weights)
    output = _weighted(kept, value)  # step 4
    # Of the two products with zeros, a compiled graph makes the one that is used: the smaller.
    return _zeros_for_nothing(output, mask), _zeros_for_nothing(weights, mask)


def _scores(query, key):
    """Q K^T, the key whole or in pieces, which are not put together: that would copy them."""
    if not isinstance(key, tuple):
        return _matmul(query, key, transposed=True)
    return ops.concatenate([_matmul(query, each, transposed=True) for each in key], axis=-1)


def _weighted(weights, value):
    """Weights times V, the value whole or in pieces."""
    if not isinstance(value, tuple):
        return _matmul(weights, value)
    ends = itertools.accumulate(ops.shape(each)[2] for each in value)
    starts = (0, *ends)
    parts = [weights[..., start:end] for start, end in itertools.pairwise(starts)]
    return functools.reduce(ops.add, map(_matmul, parts, value))


def masked_softmax(scores, mask=None):
    """Softmax over the last axis of what `mask` allows, in float32; rows with nothing give zeros.

    Args:
        scores: (B, N, T, S).
        mask: (B or 1, T or 1, S) bool or None.

    Returns:
        (B, N, T, S) in the dtype of `scores`.
    """
    return _zeros_for_nothing(_softmax_where(scores, mask), mask)


def _softmax_where(scores, mask):
    """`masked_softmax` whose rows with nothing are uniform."""
    weights = ops.cast(scores, "float32")
    if mask is not None:
        # A large finite number, not -inf: a row of -inf would give NaN. Subtracted, not chosen:
        # that is a pass over the weights less, there and back. And not added: TensorFlow fuses a
        # product and a sum into one operation that takes a hundred times as long on CPUs where the
        # mask is the same for all rows, as a causal one is.
        weights = weights - ops.where(mask[:, None], 0.0, 1e30)
    return ops.cast(_softmax(weights), scores.dtype)


def _zeros_for_nothing(x, mask):
    """x (B, N, T, X), zeros for queries that may attend to nothing."""
    if mask is None:
        return x
    some = ops.any(mask, axis=-1, keepdims=True)[:, None]  # (B or 1, 1, T or 1, 1)
    return x * ops.cast(some, x.dtype)


def _softmax(x):
    # Keras warns of a softmax over one number, which is what a source of one token asks for.
    if x.shape[-1] == 1:
        return ops.ones_like(x)
    return softmax_of_few(x) if x.shape[-2] == 1 else ops.softmax(x)


def _whole(pieces):
    return ops.concatenate(pieces, axis=2) if isinstance(pieces, tuple) else pieces


def _num_keys(key):
    """S of keys, whole or in pieces; None where unknown while tracing."""
    lengths = [each.shape[2] for each in (key if isinstance(key, tuple) else (key,))]
    return sum(lengths) if all(isinstance(length, int) for length in lengths) else None


def _matmul(heads, shared, transposed=False):
    """(B, N, T, X) times (B, M, X, Y), or (B, M, Y, X) transposed -> (B, N, T, Y), M dividing N."""
    num_heads, num_shared = heads.shape[1], shared.shape[1]
    if num_heads == num_shared and heads.shape[2] == 1:
        return vector_products(heads, shared, transposed)
    if transposed:
        shared = ops.swapaxes(shared, -1, -2)
    if num_heads == num_shared:
        return ops.matmul(heads, shared)
    # The query heads of a group become more queries of one head: keys are read once, not repeated.
    rows, _, length, size = ops.shape(heads)
    grouped = ops.reshape(heads, (rows, num_shared, num_heads // num_shared * length, size))
    product = ops.matmul(grouped, shared)  # (B, M, N/M*T, Y)
    return ops.reshape(product, (rows, num_heads, length, ops.shape(shared)[-1]))


@keras.saving.register_keras_serializable("zoo")
class MultiHeadAttention(keras.layers.Layer):
    """N heads attend side by side; W^O joins them. "Attention is all you need", 3.2.2.

    Self-attention computes queries, keys and values by one product; cross-attention computes keys
    and values by one product of the context. Projections are `keras.layers.Dense`, so
    `enable_lora` and `quantize("int8")` work on them.

    Called as a layer: `attention(x, attention_mask=mask)` for self-attention, and
    `attention(x, context, attention_mask=mask)` for cross-attention, x (B, T, D), context
    (B, S, E), mask (B or 1, T or 1, S) bool -> (B, T, D). With `packing`, a `Packing` of the B rows
    of T tokens, self-attention reads and gives the real tokens alone, (1, R, D). (An argument named
    `mask` would be filled by Keras from masks that travel on tensors; here masks are arguments.)

    Args:
        num_heads: N.
        head_dim: H; None: D / N, which must be whole.
        num_key_value_heads: M, a divisor of N ("GQA", Ainslie et al. 2023); None: N.
        cross: whether keys and values come from a context.
        dropout: rate on the attention weights, after the softmax.
        use_bias: whether the projections have biases.
        scale: factor on the scores; None: 1 / sqrt(H).
        rotary: a `RotaryPositions` that turns queries and keys, or None.
        kernel_initializer: initializer of each projection, Q, K and V each by their own fan.
        output_initializer: of W^O; None: `kernel_initializer`.

    Raises:
        ValueError: num_heads, head_dim or num_key_value_heads do not fit together, rotary in
            cross-attention, a context that is missing or too much, or a mask of another shape or
            dtype.
    """

    def __init__(
        self,
        num_heads,
        head_dim=None,
        num_key_value_heads=None,
        cross=False,
        dropout=0.0,
        use_bias=True,
        scale=None,
        rotary=None,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.num_heads = positive("num_heads", num_heads)
        self.head_dim = head_dim if head_dim is None else positive("head_dim", head_dim)
        if num_key_value_heads is None:
            num_key_value_heads = num_heads
        self.num_key_value_heads = positive("num_key_value_heads", num_key_value_heads)
        if num_heads % num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads must divide num_heads = {num_heads}; "
                f"got num_key_value_heads = {num_key_value_heads}"
            )
        if cross and rotary is not None:
            raise ValueError(
                "rotary positions measure distances within one sequence: cross-attention takes "
                "rotary=None"
            )
        self.cross = cross
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.use_bias = use_bias
        self.scale = scale
        self.rotary = rotary
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)

    def build(self, inputs_shape, context_shape=None):
        hidden_dim = inputs_shape[-1]
        if self.head_dim is None:
            if hidden_dim % self.num_heads:
                raise ValueError(
                    f"num_heads must divide the hidden size {hidden_dim}, or head_dim must be "
                    f"given; got num_heads = {self.num_heads}"
                )
            self.head_dim = hidden_dim // self.num_heads
        query_dim = self.num_heads * self.head_dim
        key_dim = self.num_key_value_heads * self.head_dim
        if self.cross:
            self.query = self._projection("query", [query_dim], inputs_shape)
            context_shape = context_shape or inputs_shape
            self.key_value = self._projection("key_value", [key_dim, key_dim], context_shape)
        else:
            parts = [query_dim, key_dim, key_dim]
            self.query_key_value = self._projection("query_key_value", parts, inputs_shape)
        joined_shape = (None, None, query_dim)
        self.output_projection = self._projection(
            "output", [hidden_dim], joined_shape, self.output_initializer
        )

    def _projection(self, name, parts, input_shape, initializer=None):
        initializer = initializer or self.kernel_initializer
        return projection(name, parts, input_shape, self.use_bias, initializer, self.dtype_policy)

    def call(self, inputs, context=None, attention_mask=None, positions=None, packing=None):
        if self.cross != (context is not None):
            raise ValueError(
                f"{self.name}: context must be given exactly when cross=True; got "
                f"cross={self.cross} and context={'None' if context is None else 'a tensor'}"
            )
        if self.cross:
            return self.attend(self.queries(inputs), *self.keys_values(context), attention_mask)
        heads = self.queries_keys_values(inputs, positions, packing)
        return self.attend(*heads, attention_mask, packing)

    def queries_keys_values(self, inputs, positions=None, packing=None):
        """Self-attention's step 1: (B, T, D), positions (B or 1, T) int32 for rotary heads ->
        query (B, N, T, H), key and value (B, M, T, H). With a `Packing` inputs are (1, R, D)."""
        total = self.num_heads + 2 * self.num_key_value_heads
        heads = self._heads(self.query_key_value, inputs, total, packing)  # (B, N + 2 M, T, H)
        ends = [self.num_heads, self.num_heads + self.num_key_value_heads]
        query, key, value = ops.split(heads, ends, axis=1)
        if self.rotary is not None:
            if positions is None:
                positions = ops.arange(ops.shape(heads)[2], dtype="int32")[None]  # (1, T)
            query, key = self.rotary(query, positions), self.rotary(key, positions)
        return query, key, value

    def queries(self, inputs):
        """Cross-attention's queries: (B, T, D) -> (B, N, T, H)."""
        return self._heads(self.query, inputs, self.num_heads)

    def keys_values(self, context):
        """Cross-attention's memory, computed once a source: (B, S, E) -> two (B, M, S, H)."""
        heads = self._heads(self.key_value, context, 2 * self.num_key_value_heads)
        return tuple(ops.split(heads, 2, axis=1))

    def attend(self, query, key, value, mask=None, packing=None):
        """Steps 2 to 4 and W^O: query (B, N, T, H), key and value (B, M, S, H), whole or in pieces,
        mask (B or 1, T or 1, S) bool -> (B, T, D); with a `Packing` (1, R, D)."""
        check_mask(self.name, mask, query.shape[0], query.shape[2], _num_keys(key))
        scale = 1 / math.sqrt(self.head_dim) if self.scale is None else self.scale
        heads, weights = scaled_dot_product_attention(
            query, key, value, mask, scale, self.dropout if self.dropout.rate else None
        )
        if recording():
            key, value = _whole(key), _whole(value)
            record(AttentionCall(self.path, self.cross, scale, query, key, value, mask, weights))
        rows, _, length, _ = ops.shape(heads)
        heads = ops.transpose(heads, (0, 2, 1, 3))  # (B, T, N, H)
        joined = ops.reshape(heads, (-1, self.num_heads * self.head_dim))  # see `Projection`
        if packing is not None:
            joined, rows, length = packing.pack(joined), 1, -1
        return ops.reshape(
            self.output_projection(joined), (rows, length, self.output_projection.units)
        )

    def _heads(self, dense, x, count, packing=None):
        rows, length, size = ops.shape(x)
        x = dense(ops.reshape(x, (-1, size)))
        if packing is not None:
            x, (rows, length) = packing.spread(x), packing.shape
        x = ops.reshape(x, (rows, length, count, self.head_dim))
        return ops.transpose(x, (0, 2, 1, 3))  # (B, count, T, H)

    def compute_output_shape(self, inputs_shape, context_shape=None):
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "head_dim": self.head_dim,
            "num_key_value_heads": self.num_key_value_heads,
            "cross": self.cross,
            "dropout": self.dropout.rate,
            "use_bias": self.use_bias,
            "scale": self.scale,
            "rotary": keras.saving.serialize_keras_object(self.rotary),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.saving.serialize_keras_object(self.output_initializer),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["rotary"] = keras.saving.deserialize_keras_object(config["rotary"])
        return cls(**config)
