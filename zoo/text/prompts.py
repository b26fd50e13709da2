"""Prompts of different lengths as one batch for a decoder: aligned right, padded left."""

from typing import NamedTuple

import numpy as np

from zoo.text.ragged_rows import row_numbers, where_true


class Prompts(NamedTuple):
    """A batch of prompts, P as wide as the longest and at least 1.

    Attributes:
        token_ids: int32 (B, P), padding left of each prompt.
        padding_mask: bool (B, P), True where there is a token. A prompt without tokens is a row of
            False alone.
    """

    token_ids: object
    padding_mask: object


def check_prompt_length(max_length, start):
    """Raise ValueError unless `max_length` has room for the start id and a token.

    Args:
        max_length: longest prompt, or None.
        start: whether each prompt begins with a start id.
    """
    if max_length is not None and max_length < 1 + start:
        raise ValueError(f"max_length must be at least {1 + start}, got {max_length}")


def align_right(rows, pad_id, max_length=None, start_id=None, always_start=False):
    """Rows of ids to one batch; `align_right_in_graph` is the same on TensorFlow.

    Args:
        rows: list of B lists of int.
        pad_id: id of the places left of a prompt.
        max_length: longest prompt, start id included; longer ones lose their beginning.
        start_id: id that begins a prompt, or None.
        always_start: whether it begins every prompt, or only those without other ids.

    Returns:
        `Prompts` of arrays.
    """
    start = [start_id] if always_start else []
    if start_id is not None and not always_start:
        rows = [row or [start_id] for row in rows]
    if max_length is not None:
        rows = [row[max(0, len(row) + len(start) - max_length) :] for row in rows]
    width = max((len(row) + len(start) for row in rows), default=0)
    token_ids = np.full((len(rows), max(width, 1)), pad_id, "int32")  # (B, P)
    padding_mask = np.zeros(token_ids.shape, bool)
    for number, row in enumerate(rows):
        row = start + row
        if row:
            token_ids[number, -len(row) :] = row
            padding_mask[number, -len(row) :] = True
    return Prompts(token_ids, padding_mask)


def align_right_in_graph(rows, pad_id, max_length=None, start_id=None, always_start=False):
    """`align_right` on TensorFlow.

    Args:
        rows: ragged int32 (B, None).
        pad_id, max_length, start_id, always_start: see `align_right`.
    """
    import tensorflow as tf

    if max_length is not None:
        excess = rows.row_lengths() - (max_length - always_start)
        row = row_numbers(rows)
        column = tf.range(tf.size(row, tf.int64)) - tf.gather(rows.row_starts(), row)
        rows = where_true(rows, column >= tf.gather(excess, row))
    if start_id is not None:
        begins = (rows.row_lengths() == 0) | always_start  # (B,)
        start = tf.fill([tf.math.count_nonzero(begins)], start_id)
        start = tf.RaggedTensor.from_row_lengths(start, tf.cast(begins, tf.int64))
        rows = tf.concat([start, rows], axis=1)
    lengths = rows.row_lengths()  # (B,)
    width = tf.maximum(tf.reduce_max(lengths, axis=0), 1)  # the least int64 where B is 0
    place = tf.range(width) - (width - lengths[:, None])  # (B, P), negative left of the prompt
    padding_mask = place >= 0
    # One more id, for rows that begin behind the last.
    flat = tf.concat([rows.flat_values, [pad_id]], axis=0)
    inside = tf.where(padding_mask, rows.row_starts()[:, None] + place, 0)
    return Prompts(tf.where(padding_mask, tf.gather(flat, inside), pad_id), padding_mask)
