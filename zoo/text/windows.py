"""Contexts that are too long for a model, in windows that overlap, each behind the question."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from zoo.text.wordpiece_packing import Pieces, pack_in_graph, pack_rows

_SPECIAL = 3  # [CLS] question [SEP] window [SEP]


class Windows(NamedTuple):
    """Where the W windows of B contexts lie: integers (W,), but for `counts`, in order of the rows.

    Args:
        counts: (B,), windows of each context, at least 1.
        rows: context of the window.
        question_lengths: pieces of its question that stay.
        begins, lengths: its first piece in the context, and how many it holds.
        own_begins, own_ends: the part of the window, from its begin, whose pieces count here; each
            piece of a context counts in one window.
    """

    counts: Any
    rows: Any
    question_lengths: Any
    begins: Any
    lengths: Any
    own_begins: Any
    own_ends: Any


class PackedWindows(NamedTuple):
    """Windows for BERT: arrays (W, T), or tensors in a graph.

    Args:
        token_ids, segment_ids, padding_mask, starts, ends: as in `PackedTexts`; starts and ends
            count in the question or in the whole context.
        may_end: bool, pieces of the context, where an answer may end.
        may_start: bool, those of them that count in this window, where an answer may start.
    """

    token_ids: Any
    segment_ids: Any
    padding_mask: Any
    starts: Any
    ends: Any
    may_end: Any
    may_start: Any

    @property
    def inputs(self):
        """dict of what a model takes: token_ids, segment_ids, padding_mask."""
        return {name: getattr(self, name) for name in self._fields[:3]}


@dataclasses.dataclass(frozen=True)
class WindowRule:
    """Rows [CLS] question [SEP] window [SEP], as many as a context needs.

    The layout is that of the transformers library's tokenizers with truncation="only_second" and
    return_overflowing_tokens: windows are as long as the room behind the question allows, each
    begins `stride` pieces before its forerunner ends, and the last one is as long as what is left.

    A piece in two windows counts in the one where it has more context on its scarcer side, the
    first of equals ("max context", `run_squad.py` of Devlin et al. 2019; without its bonus of 0.01
    for each piece of a window's length): neighbours halve their overlap.

    Args:
        max_length: longest row in tokens, special tokens included.
        max_question_length: longest question in tokens; longer ones lose their tail.
        stride: pieces that neighbouring windows share.

    Raises:
        ValueError: a number is out of range, or the longest question leaves no more room for a
            window than `stride`.
    """

    max_length: int = 384
    max_question_length: int = 64
    stride: int = 128

    def __post_init__(self):
        for name, least in (("max_length", 4), ("max_question_length", 1), ("stride", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}")
        room = self.max_length - _SPECIAL - self.max_question_length
        if self.stride >= room:
            raise ValueError(
                f"stride must be below the room for a window: max_length={self.max_length} less "
                f"{_SPECIAL} special tokens and max_question_length={self.max_question_length} "
                f"leaves {room}; got stride={self.stride}"
            )

    def windows(self, questions, contexts, ops):
        """Lay out the windows.

        Args:
            questions, contexts: int (B,), their pieces.
            ops: the module of the arrays, `numpy` or `tensorflow`.

        Returns:
            `Windows`.
        """
        questions = ops.minimum(questions, self.max_question_length)
        rooms = self.max_length - _SPECIAL - questions
        steps = rooms - self.stride
        counts = 1 + (ops.maximum(contexts - rooms, 0) + steps - 1) // steps
        rows, firsts, lasts, rooms, steps, questions, contexts = (
            ops.repeat(values, counts)
            for values in (
                _range(counts, ops),
                ops.cumsum(counts) - counts,
                ops.cumsum(counts) - 1,
                rooms,
                steps,
                questions,
                contexts,
            )
        )
        numbers = _range(rows, ops)
        begins = (numbers - firsts) * steps
        lengths = ops.minimum(rooms, contexts - begins)
        own_begins = ops.where(numbers > firsts, (self.stride + 1) // 2, 0)
        own_ends = ops.where(numbers < lasts, lengths - self.stride // 2, lengths)
        return Windows(counts, rows, questions, begins, lengths, own_begins, own_ends)

    def pack(self, questions, contexts, special_ids):
        """Pack questions with the windows of their contexts, without TensorFlow.

        Args:
            questions, contexts: `Pieces` of B texts each, as `WordPieceTokenizer.pieces` gives.
            special_ids: `SpecialIds`; start is [CLS], end is [SEP].

        Returns:
            (`Windows`, `PackedWindows`).
        """
        lengths = (np.array([len(ids) for ids in x.ids], "int32") for x in (questions, contexts))
        windows = self.windows(*lengths, np)
        rows, kept = windows.rows.tolist(), windows.question_lengths.tolist()
        begins = windows.begins.tolist()
        ends = (windows.begins + windows.lengths).tolist()
        first = Pieces(
            *([x[row][:length] for row, length in zip(rows, kept, strict=True)] for x in questions)
        )
        places = list(zip(rows, begins, ends, strict=True))
        second = Pieces(*([x[row][begin:end] for row, begin, end in places] for x in contexts))
        packed = pack_rows(first, second, special_ids)
        return windows, _packed_windows(packed, windows, np)

    def pack_in_graph(self, questions, contexts, special_ids):
        """The same on TensorFlow, of ragged int32 (B, None)."""
        import tensorflow as tf

        lengths = (tf.cast(x.ids.row_lengths(), tf.int32) for x in (questions, contexts))
        windows = self.windows(*lengths, tf)
        zeros = tf.zeros_like(windows.rows)
        first = _cut(questions, windows.rows, zeros, windows.question_lengths)
        second = _cut(contexts, windows.rows, windows.begins, windows.lengths)
        packed = pack_in_graph(first, second, special_ids)
        return windows, _packed_windows(packed, windows, tf)


def substrings_in_graph(texts, starts, ends):
    """`texts[starts:ends]` in Unicode code points: string (B,), int32 (B,) each -> string (B,).

    Invalid UTF-8 is read as U+FFFD, as by the tokenizer.
    """
    import tensorflow as tf

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.substr(texts, starts, ends - starts, unit="UTF8_CHAR")


def _range(values, ops):
    """0, 1, 2, ... along the last axis of integers."""
    return ops.cumsum(ops.ones_like(values), axis=-1) - 1


def _packed_windows(packed, windows, ops):
    """`PackedTexts` of windows with the pieces where answers start and end."""
    first = 2 + windows.question_lengths[:, ops.newaxis]  # column of a window's first piece
    columns = _range(packed.token_ids, ops) - first
    may_end = (columns >= 0) & (columns < windows.lengths[:, ops.newaxis])
    begins, ends = (x[:, ops.newaxis] for x in (windows.own_begins, windows.own_ends))
    return PackedWindows(*packed, may_end, (columns >= begins) & (columns < ends))


def _cut(pieces, rows, begins, lengths):
    """Slices of ragged rows: `Pieces` (B, None), int32 (W,) each -> `Pieces` (W, None)."""
    import tensorflow as tf

    starts = tf.gather(tf.cast(pieces.ids.row_starts(), tf.int32), rows) + begins
    places = tf.ragged.range(starts, starts + lengths)  # ragged (W, None)
    return Pieces(*(tf.gather(field.flat_values, places) for field in pieces))
