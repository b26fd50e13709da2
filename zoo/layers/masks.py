"""Attention masks: boolean, True = may attend. Built once by a model, then passed as arguments."""

import keras
from keras import ops


def not_padding(ids, pad_id):
    """Where a token stands: ids (B, S) int, `pad_id` the id of padding -> (B, S) bool."""
    return ops.not_equal(ids, ops.cast(pad_id, ids.dtype))


def key_mask(real):
    """Every query may attend to every real key: (B, S) bool -> (B, 1, S) bool."""
    return real[:, None, :]


def causal_mask(length):
    """A position may attend to itself and to what lies before: -> (1, T, T) bool.

    "Attention is all you need", 3.2.3: the decoder masks out what would leak from the future.
    """
    positions = ops.arange(length, dtype="int32")
    return ops.greater_equal(positions[:, None], positions[None, :])[None]


def document_mask(documents):
    """Causal attention within documents: (B, T) int, equal within each -> (B, T, T) bool."""
    same = ops.equal(documents[:, :, None], documents[:, None, :])
    return ops.logical_and(same, causal_mask(ops.shape(documents)[1]))


def positions_of(real):
    """Position of every real token in its row, wherever the padding is.

    Args:
        real: (B, T) bool, True where a token stands.

    Returns:
        (B, T) int32: 0 for the first real token, 1 for the next; padding gets a valid position.
    """
    return ops.maximum(ops.cumsum(ops.cast(real, "int32"), axis=-1) - 1, 0)


def slot_mask(visible, index, real):
    """What new tokens may attend to in a cache, and what is visible afterwards.

    The T = K * t tokens fill the slots index .. index + T; token i of hypothesis k lies in slot
    index + k * t + i. It sees what its hypothesis saw, and its own chunk up to itself.

    Args:
        visible: (B, K, C) bool, the slots that each hypothesis descends from.
        index: () int32, the first free slot.
        real: (B, K * t) bool, False for padding: nobody sees it.

    Returns:
        mask (B, K * t, C) bool, the new visible (B, K, C) bool, and the position of every token
        in its hypothesis (B, K * t) int32.
    """
    num_rows, num_beams, num_slots = ops.shape(visible)
    total = ops.shape(real)[1]
    length = total // num_beams  # t
    relative = ops.arange(num_slots, dtype="int32") - index  # (C,)
    if isinstance(total, int) and total == 1:
        real_slot = real  # (B, 1)
    else:
        real_slot = ops.take(real, ops.clip(relative, 0, total - 1), axis=1)  # (B, C)
    first = ops.arange(num_beams, dtype="int32")[:, None] * length  # (K, 1)
    own = ops.logical_and(relative >= first, relative < first + length)  # (K, C)
    after = ops.logical_or(visible, ops.logical_and(own, real_slot[:, None]))  # (B, K, C)
    before = ops.sum(ops.cast(visible, "int32"), axis=-1, keepdims=True)  # (B, K, 1)
    if isinstance(length, int) and length == 1:
        return after, after, before[..., 0]
    last = first[..., None] + ops.arange(length, dtype="int32")[:, None]  # (K, t, 1)
    mask = ops.logical_and(after[:, :, None, :], relative <= last)  # (B, K, t, C)
    mask = ops.reshape(mask, (num_rows, total, num_slots))
    chunk = ops.reshape(real, (num_rows, num_beams, length))
    positions = before + positions_of(chunk)  # (B, K, t)
    return mask, after, ops.reshape(positions, (num_rows, total))


def check_mask(layer, mask, rows, length, keys):
    """Raise unless `mask` is None or fits the attention of `layer` exactly.

    Args:
        layer: name, for the error.
        mask: (B or 1, T or 1, S) bool or None.
        rows, length, keys: B, T and S; None or a tensor where unknown while tracing.

    Raises:
        ValueError: another rank, size or dtype. (A wider mask would broadcast the queries.)
    """
    if mask is None:
        return
    fits = len(mask.shape) == 3 and keras.backend.standardize_dtype(mask.dtype) == "bool"
    if fits:
        fits = all(
            given in allowed
            for given, allowed in zip(mask.shape, ((rows, 1), (length, 1), (keys,)), strict=True)
            if isinstance(given, int) and isinstance(allowed[0], int)
        )
    if not fits:
        raise ValueError(
            f"{layer}: the attention mask must be boolean, of shape (B or 1, T or 1, S) with "
            f"B = {rows}, T = {length} and S = {keys}; got {mask.dtype} of shape "
            f"{tuple(mask.shape)}"
        )
