"""Padding that all tokenizers share."""

import numpy as np


def pad_rows(rows, special_ids, max_length=None):
    """Rows of ids to one array for a model's encoder.

    Args:
        rows: list of B lists of int.
        special_ids: `SpecialIds`.
        max_length: longest row, end id included; longer rows lose their tail.

    Returns:
        int32 (B, S): ids, end id, then padding; S >= 1 even for zero rows.
    """
    if max_length is not None:
        rows = [row[: max_length - 1] for row in rows]
    width = max((len(row) for row in rows), default=0) + 1
    batch = np.full((len(rows), width), special_ids.pad, "int32")  # (B, S)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = row
        batch[i, len(row)] = special_ids.end
    return batch


def gather_rows(flat, offsets, members, width, pad):
    """Some rows of a flat array, padded right; ids beyond `width` are left out.

    Args:
        flat: (total,), all rows one after the other.
        offsets: int (N + 1,), row i is `flat[offsets[i]:offsets[i + 1]]`.
        members: int (B,), numbers of the rows.
        width: T.
        pad: value of the places behind a row.

    Returns:
        int32 (B, T) and the lengths of the rows, int64 (B,).
    """
    starts = offsets[members]
    lengths = offsets[members + 1] - starts
    columns = np.arange(width)
    inside = columns < lengths[:, None]  # (B, T)
    padded = np.full((len(members), width), pad, "int32")
    padded[inside] = flat[(starts[:, None] + columns)[inside]]
    return padded, lengths


def pad_rows_in_graph(ids, special_ids, max_length=None):
    """The same on TensorFlow: ragged int32 (B, None) -> int32 (B, S)."""
    import tensorflow as tf

    if max_length is not None:
        ids = ids[:, : max_length - 1]
    end = tf.fill([ids.nrows(), 1], special_ids.end)  # (B, 1)
    ids = tf.concat([ids, end], axis=1)
    # At least one column, also for zero rows: a softmax over no key has no value.
    width = tf.maximum(ids.bounding_shape()[1], 1)
    rows = tf.constant(-1, width.dtype)  # as many as there are
    return ids.to_tensor(special_ids.pad, shape=tf.stack([rows, width]))
