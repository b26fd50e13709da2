"""The few largest of many logits, and their log-probabilities."""

import math

from keras import ops


def top_log_probs(logits, count):
    """The `count` most probable tokens.

    The normaliser takes the maximum from the top: one pass over the vocabulary less.

    Args:
        logits: (..., V) float32, V fixed.
        count: how many, at most V.

    Returns:
        log-probabilities (..., count) float32, falling, and token ids (..., count) int32.
    """
    values, ids = top_k(logits, count)
    return log_probs_of(values, logits, values[..., :1]), ids


def log_probs_of(chosen, logits, largest):
    """Log-probabilities (..., J) of the `chosen` (..., J) of logits (..., V), given their `largest`
    (..., 1)."""
    total = ops.sum(ops.exp(logits - largest), axis=-1, keepdims=True)
    return (chosen - largest) - ops.log(total)  # exact for the largest: no difference of sums


def top_k(x, count):
    """`ops.top_k` along the last axis, by way of the maxima of blocks.

    The `count` largest numbers lie in the `count` blocks with the largest maxima, so all but those
    blocks need only a maximum, which costs a tenth of a selection.

    Args:
        x: (..., V), V fixed.
        count: how many, at most V.

    Returns:
        values (..., count), falling, and indices (..., count) int32; of equal values the lower
        index comes first where the backend's `top_k` does so.
    """
    size = x.shape[-1]
    block = _block_size(size, count)
    if block is None:
        values, indices = ops.top_k(x, count)
        return values, ops.cast(indices, "int32")
    leading = ops.shape(x)[:-1]
    blocks = ops.reshape(x, (-1, size // block, block))  # (R, J, block)
    _, chosen = ops.top_k(ops.max(blocks, axis=-1, initial=-float("inf")), count)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=-1)  # (R, count): equal values by index
    num_rows = ops.shape(blocks)[0]
    offsets = ops.arange(num_rows, dtype="int32")[:, None] * (size // block)
    held = ops.take(ops.reshape(blocks, (-1, block)), chosen + offsets, axis=0)
    values, inside = ops.top_k(ops.reshape(held, (num_rows, count * block)), count)
    inside = ops.cast(inside, "int32")
    # Which of the held blocks, as a sum over a one-hot row: `count` is small.
    held_block = ops.expand_dims(inside // block, -1) == ops.arange(count, dtype="int32")
    first = ops.sum(ops.where(held_block, chosen[:, None, :], 0), axis=-1)
    indices = first * block + inside % block
    return ops.reshape(values, (*leading, count)), ops.reshape(indices, (*leading, count))


def _block_size(size, count):
    """The divisor of `size` that leaves the least to select from; None: blocks do not pay."""
    if size < 64 * count:
        return None
    best = math.sqrt(size / count)  # the least of size / block + count * block
    divisors = [d for d in range(2, size // count + 1) if size % d == 0]
    block = min(divisors, key=lambda d: size / d + count * d, default=None)
    if block is None or not best / 4 <= block <= best * 4:
        return None
    return block
