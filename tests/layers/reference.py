"""The layers of `zoo.layers` once more, in float64 numpy, from the papers' formulas.

Loops and complex numbers rather than the fused products of the library: two ways to one result.
Functions take a built layer for its weights alone.
"""

import math

import numpy as np
from keras import ops


def weight(variable):
    return np.asarray(ops.convert_to_numpy(variable), "float64")


def dense(layer, x):
    y = np.asarray(x, "float64") @ weight(layer.kernel)
    return y + weight(layer.bias) if layer.use_bias else y


def attention(query, key, value, mask=None, scale=None):
    """(B, N, T, H), (B, N, S, H), (B, N, S, H), (B, T, S) bool -> (B, N, T, H), (B, N, T, S)."""
    num_rows, num_heads, length, size = query.shape
    scale = 1 / math.sqrt(size) if scale is None else scale
    output = np.zeros((num_rows, num_heads, length, value.shape[-1]))
    weights = np.zeros((num_rows, num_heads, length, key.shape[2]))
    for b, n, t in np.ndindex(num_rows, num_heads, length):
        allowed = range(key.shape[2]) if mask is None else np.flatnonzero(mask[b, t])
        exponentials = {s: math.exp(query[b, n, t] @ key[b, n, s] * scale) for s in allowed}
        for s, exponential in exponentials.items():
            weights[b, n, t, s] = exponential / sum(exponentials.values())
            output[b, n, t] += weights[b, n, t, s] * value[b, n, s]
    return output, weights


def rotate(heads, positions, layout, base=10000.0):
    """Pairs of features as complex numbers, turned by positions: (B, N, T, H), (B, T)."""
    size = heads.shape[-1]
    turn = np.exp(1j * positions[:, None, :, None] / base ** (np.arange(0, size, 2) / size))
    if layout == "half":
        turned = (heads[..., : size // 2] + 1j * heads[..., size // 2 :]) * turn
        return np.concatenate([turned.real, turned.imag], axis=-1)
    turned = (heads[..., 0::2] + 1j * heads[..., 1::2]) * turn
    return np.stack([turned.real, turned.imag], axis=-1).reshape(heads.shape)


def multi_head_attention(layer, x, context=None, mask=None, positions=None):
    """(B, T, D), (B, S, E) or None, (B, T, S) bool -> (B, T, D)."""
    num_heads, num_shared, size = layer.num_heads, layer.num_key_value_heads, layer.head_dim
    if layer.cross:
        query = dense(layer.query, x)
        key, value = np.split(dense(layer.key_value, context), 2, axis=-1)
    else:
        ends = [num_heads * size, (num_heads + num_shared) * size]
        query, key, value = np.split(dense(layer.query_key_value, x), ends, axis=-1)

    def heads_of(vectors, count):
        return np.stack([vectors[..., i * size : (i + 1) * size] for i in range(count)], axis=1)

    query, key, value = heads_of(query, num_heads), *(heads_of(y, num_shared) for y in (key, value))
    if layer.rotary is not None:
        query, key = (rotate(y, positions, layer.rotary.layout) for y in (query, key))
    key, value = (np.repeat(y, num_heads // num_shared, axis=1) for y in (key, value))
    output, _ = attention(query, key, value, mask, layer.scale)
    joined = np.concatenate([output[:, n] for n in range(num_heads)], axis=-1)
    return dense(layer.output_projection, joined)


def norm(layer, x):
    """`keras.layers.LayerNormalization` or `RMSNormalization` over the last axis."""
    scale, *shift = [weight(variable) for variable in layer.weights]
    if shift:
        x = x - x.mean(-1, keepdims=True)
    y = x / np.sqrt((x**2).mean(-1, keepdims=True) + layer.epsilon) * scale
    return y + shift[0] if shift else y


def add_and_norm(layer, x, sublayer):
    """x (B, T, D), sublayer: function of (B, T, D)."""
    if layer.order == "post":
        return norm(layer.norm, x + sublayer(x))
    return x + sublayer(norm(layer.norm, x))


ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "swish": lambda x: x / (1 + np.exp(-x)),
}


def feed_forward(layer, x, activation, gated=False):
    inner = dense(layer.inner, x)
    if gated:
        gate, value = np.split(inner, 2, axis=-1)
        return dense(layer.outer, ACTIVATIONS[activation](gate) * value)
    return dense(layer.outer, ACTIVATIONS[activation](inner))


def sinusoids(positions, hidden_dim, layout="interleaved", base=10000.0):
    """(B, T) -> (B, T, D), entry by entry from the formula of 3.5."""
    table = np.zeros((*positions.shape, hidden_dim))
    for i in range(hidden_dim // 2):
        angles = positions / base ** (2 * i / hidden_dim)
        sine, cosine = (2 * i, 2 * i + 1) if layout == "interleaved" else (i, i + hidden_dim // 2)
        table[..., sine], table[..., cosine] = np.sin(angles), np.cos(angles)
    return table


def encoder_block(block, x, mask, activation="relu"):
    x = add_and_norm(
        block.self_attention_add_norm,
        x,
        lambda h: multi_head_attention(block.self_attention, h, mask=mask),
    )
    return add_and_norm(
        block.feed_forward_add_norm, x, lambda h: feed_forward(block.feed_forward, h, activation)
    )


def decoder_block(block, x, context, mask, context_mask, activation="relu"):
    x = add_and_norm(
        block.self_attention_add_norm,
        x,
        lambda h: multi_head_attention(block.self_attention, h, mask=mask),
    )
    if block.cross_attention is not None:
        x = add_and_norm(
            block.cross_attention_add_norm,
            x,
            lambda h: multi_head_attention(block.cross_attention, h, context, context_mask),
        )
    return add_and_norm(
        block.feed_forward_add_norm, x, lambda h: feed_forward(block.feed_forward, h, activation)
    )


def embedding(layer, ids):
    factor = math.sqrt(layer.hidden_dim) if layer.scaled else 1.0
    return weight(layer.table.embeddings)[ids] * factor


def logits(layer, x):
    y = x @ weight(layer.table.embeddings).T
    return y if layer.bias is None else y + weight(layer.bias)


def transformer(model, source_ids, target_ids):
    """Logits (B, T, V) of one `zoo.models.Transformer`, padding on the right."""
    config = model.config
    real = source_ids != config.pad_id
    source_mask = np.repeat(real[:, None], source_ids.shape[1], axis=1)  # (B, S, S)
    memory_mask = np.repeat(real[:, None], target_ids.shape[1], axis=1)  # (B, T, S)
    causal = np.tri(target_ids.shape[1], dtype=bool)[None].repeat(len(target_ids), axis=0)

    def embed(layer, ids):
        positions = np.arange(ids.shape[1])[None]
        return embedding(layer, ids) + sinusoids(positions, config.hidden_dim, config.positions)

    x = embed(model.source_embedding, source_ids)
    for block in model.encoder.blocks:
        x = encoder_block(block, x, source_mask, config.activation)
    context = x if model.encoder.final_norm is None else norm(model.encoder.final_norm, x)
    x = embed(model.target_embedding, target_ids)
    for block in model.decoder.blocks:
        x = decoder_block(block, x, context, causal, memory_mask, config.activation)
    if model.decoder.final_norm is not None:
        x = norm(model.decoder.final_norm, x)
    return logits(model.target_embedding, x)
