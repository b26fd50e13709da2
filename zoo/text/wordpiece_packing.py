"""Rows of pieces to the input of BERT: [CLS] a [SEP], or [CLS] a [SEP] b [SEP]."""

from typing import Any, NamedTuple

import numpy as np

_TRUNCATIONS = ("longest_first", "only_first", "only_second")


class Pieces(NamedTuple):
    """The pieces of B texts: lists of B lists of int, or ragged int32 (B, None) in a graph.

    Args:
        ids: id of each piece.
        starts, ends: `text[start:end]` is where the piece comes from, in Unicode code points.
    """

    ids: Any
    starts: Any
    ends: Any


class PackedTexts(NamedTuple):
    """A batch for BERT (Devlin et al. 2019, section 3): arrays (B, T), or tensors in a graph.

    Args:
        token_ids: int32, [CLS] a [SEP], or [CLS] a [SEP] b [SEP], then padding.
        segment_ids: int32, 1 for b and its [SEP], else 0.
        padding_mask: bool, False for padding.
        starts, ends: int32, `text[start:end]` is where a piece comes from, in Unicode code points
            of its own text (a or b); 0 and 0 for special tokens and padding.
    """

    token_ids: Any
    segment_ids: Any
    padding_mask: Any
    starts: Any
    ends: Any

    @property
    def inputs(self):
        """dict of what a model takes: token_ids, segment_ids, padding_mask."""
        return {name: getattr(self, name) for name in self._fields[:3]}


def check_packing(max_length, truncation, segments=1):
    """Raise ValueError unless rows of `segments` texts can be packed like this."""
    if truncation not in _TRUNCATIONS:
        raise ValueError(f"truncation must be one of {_TRUNCATIONS}, got {truncation!r}")
    if segments == 1 and truncation == "only_second":
        raise ValueError('truncation="only_second" needs pairs of texts')
    if max_length is not None and (
        isinstance(max_length, bool)
        or not isinstance(max_length, (int, np.integer))
        or max_length <= segments
    ):
        raise ValueError(
            f"max_length must be an integer of at least {segments + 1} ([CLS] and {segments} x "
            f"[SEP]), got {max_length!r}"
        )


def check_room(first, second, max_length, truncation):
    """Raise ValueError where the text that `truncation` names is too short to make room.

    Args:
        first, second: lists of B lists of ids.
        max_length, truncation: see `pack_rows`.
    """
    if truncation == "longest_first":
        return
    for row, lengths in enumerate(zip(map(len, first), map(len, second), strict=True)):
        surplus = sum(lengths) + 3 - max_length
        cut = lengths[truncation == "only_second"]
        if 0 < surplus >= cut:
            raise ValueError(
                f"max_length={max_length} with truncation={truncation!r} cannot be had: row {row} "
                f"has {lengths[0]} and {lengths[1]} pieces; raise max_length or take longest_first"
            )


def kept_lengths(first, second, room, truncation, ops):
    """How many pieces of each text of a pair stay.

    "longest_first" takes them one by one from the longer text; when both end up equally long, an
    odd piece is left to the text that was longer, to the second one if none was (as the Hugging
    Face tokenizers do). The other rules cut one text, and only when it is used up the other.

    Args:
        first, second: int (B,), pieces of the texts.
        room: places for both, special tokens not counted.
        truncation: "longest_first", "only_first" or "only_second".
        ops: the module of the arrays, `numpy` or `tensorflow`.

    Returns:
        (first, second): int (B,) each.
    """
    if truncation == "only_first":
        kept_second = ops.minimum(second, room)
        return ops.minimum(first, room - kept_second), kept_second
    if truncation == "only_second":
        kept_first = ops.minimum(first, room)
        return kept_first, ops.minimum(second, room - kept_first)
    odd_to_first = ops.where(first > second, room % 2, 0)
    share = room // 2 + odd_to_first  # of the first, where both texts are too long
    kept_first = ops.minimum(first, ops.maximum(share, room - second))
    return kept_first, ops.minimum(second, room - kept_first)


def pack_rows(first, second, special_ids, max_length=None, truncation="longest_first"):
    """Pack rows of pieces, without TensorFlow; `pack_in_graph` gives the same.

    Args:
        first: `Pieces` of B texts, as `WordPieceTokenizer.pieces` gives them.
        second: the same of the second texts, or None.
        special_ids: `SpecialIds`; start is [CLS], end is [SEP].
        max_length: longest row, special tokens included, or None.
        truncation: see `kept_lengths`.

    Returns:
        `PackedTexts`; T is at least 1 plus the number of texts of a row, also for zero rows.

    Raises:
        ValueError: `max_length` has no room for the special tokens, an unknown truncation, or
            different numbers of rows.
    """
    texts = [first] if second is None else [first, second]
    check_packing(max_length, truncation, len(texts))
    if len({len(text.ids) for text in texts}) > 1:
        raise ValueError(
            f"first and second must have equally many rows, got {len(first.ids)} and "
            f"{len(second.ids)}"
        )
    lengths = [np.array([len(row) for row in text.ids], "int64") for text in texts]
    if max_length is not None:
        lengths = _cut(lengths, max_length - 1 - len(texts), truncation, np)
    width = int(np.max(sum(lengths), initial=0)) + 1 + len(texts)
    shape = len(first.ids), width
    token_ids = np.full(shape, special_ids.pad, "int32")
    segment_ids, starts, ends = (np.zeros(shape, "int32") for _ in range(3))
    padding_mask = np.zeros(shape, "bool")
    token_ids[:, 0] = special_ids.start
    for row in range(len(first.ids)):
        column = 1
        for number, text in enumerate(texts):
            kept = lengths[number][row]
            place = slice(column, column + kept)
            token_ids[row, place] = text.ids[row][:kept]
            starts[row, place] = text.starts[row][:kept]
            ends[row, place] = text.ends[row][:kept]
            token_ids[row, column + kept] = special_ids.end
            segment_ids[row, column : column + kept + 1] = number
            column += kept + 1
        padding_mask[row, :column] = True
    return PackedTexts(token_ids, segment_ids, padding_mask, starts, ends)


def _cut(lengths, room, truncation, ops):
    if len(lengths) == 1:
        return [ops.minimum(lengths[0], room)]
    return list(kept_lengths(*lengths, room, truncation, ops))


def pack_in_graph(first, second, special_ids, max_length=None, truncation="longest_first"):
    """The same on TensorFlow: `Pieces` of ragged int32 (B, None) -> `PackedTexts`."""
    import tensorflow as tf

    texts = [first] if second is None else [first, second]
    lengths = [tf.cast(text.ids.row_lengths(), tf.int32) for text in texts]  # (B,) each
    if max_length is not None:
        lengths = _cut(lengths, max_length - 1 - len(texts), truncation, tf)
    width = tf.maximum(tf.reduce_max(sum(lengths)), 0) + 1 + len(texts)
    column = tf.range(width)[tf.newaxis]  # (1, T)
    begin = tf.ones_like(lengths[0])[:, tf.newaxis]  # (B, 1), the text's first column
    zeros = tf.zeros_like(begin + column)  # (B, T)
    token_ids = tf.where(column == 0, special_ids.start, zeros + special_ids.pad)
    segment_ids = starts = ends = zeros
    for number, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        end = begin + length[:, tf.newaxis]
        inside = (begin <= column) & (column < end)
        place = tf.cast(text.ids.row_starts(), tf.int32)[:, tf.newaxis] + column - begin
        token_ids, starts, ends = (
            tf.where(inside, _taken(rows.flat_values, place, inside), values)
            for rows, values in zip(text, (token_ids, starts, ends), strict=True)
        )
        token_ids = tf.where(column == end, special_ids.end, token_ids)
        segment_ids = tf.where((begin <= column) & (column <= end), number, segment_ids)
        begin = end + 1
    return PackedTexts(token_ids, segment_ids, column < begin, starts, ends)


def _taken(values, place, where):
    """values[place] `where` that is a place, else 0; there may be no values at all."""
    import tensorflow as tf

    values = tf.concat([values, [0]], axis=0)
    return tf.gather(values, tf.where(where, place, 0))
