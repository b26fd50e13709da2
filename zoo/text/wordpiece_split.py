"""Texts that are split into words already, such as those of tagging."""

import itertools

import numpy as np

from zoo.text.wordpiece_packing import Pieces


def rows_of_words(of_words, lengths):
    """Join the pieces of words to rows, without TensorFlow; `rows_of_words_in_graph` is the same.

    Args:
        of_words: `Pieces` of all words of all texts, one after the other.
        lengths: list of B int, words of each text.

    Returns:
        (`Pieces` of B rows, places counted in each word; int32 (B, W), for each word the column of
        its first piece in a packed row, -1 for words without pieces).
    """
    columns = np.full((len(lengths), max(lengths, default=0)), -1, "int32")
    words = zip(*of_words, strict=True)
    rows = Pieces([], [], [])
    for row, length in enumerate(lengths):
        joined = [], [], []
        for word, parts in enumerate(itertools.islice(words, length)):
            if parts[0]:
                columns[row, word] = 1 + len(joined[0])  # 1 for [CLS]
            for whole, part in zip(joined, parts, strict=True):
                whole.extend(part)
        for field, whole in zip(rows, joined, strict=True):
            field.append(whole)
    return rows, columns


def rows_of_words_in_graph(pieces, words, length):
    """The same on TensorFlow.

    Args:
        pieces: function string (all W,) -> `Pieces` of as many rows.
        words: string (B, W).
        length: int32 (B,), words of each text.
    """
    import tensorflow as tf

    ragged = tf.RaggedTensor.from_tensor(words, lengths=length)
    of_words = pieces(ragged.flat_values)
    rows = Pieces(*(ragged.with_flat_values(x).merge_dims(1, 2) for x in of_words))
    counts = ragged.with_flat_values(tf.cast(of_words.ids.row_lengths(), tf.int32))
    counts = counts.to_tensor(0, shape=tf.shape(words, tf.int64))  # (B, W)
    columns = 1 + tf.cumsum(counts, axis=1, exclusive=True)
    return rows, tf.where(counts > 0, columns, -1)


def columns_within(columns, packed, ops):
    """Replace the columns of words that were cut off by -1.

    Args:
        columns: int32 (B, W), of `rows_of_words`.
        packed: `PackedTexts` of the rows; what was cut off is as wide as the batch.
        ops: the module of the arrays, `numpy` or `tensorflow`.
    """
    last = ops.shape(packed.token_ids)[1] - 1  # the place of [SEP] in the widest row
    return ops.where(columns < last, columns, -1)
