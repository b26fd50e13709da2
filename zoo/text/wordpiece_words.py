"""Texts to the words that WordPiece cuts, each character with its place in the text."""

from typing import Any, NamedTuple

from zoo.text.ragged_rows import row_numbers
from zoo.text.wordpiece_normalizer import is_punctuation_in_graph, is_space_in_graph

_BREAK = b"\xff"  # no byte of UTF-8
_ADDED = 1 << 21  # added to the code points of added tokens, which are not normalized


class Words(NamedTuple):
    """The W words of B texts, as tensors.

    Args:
        text: string (W,), normalized.
        row: int64 (W,), index of the text.
        is_added: bool (W,), the word is a token that stands for itself.
        places: ragged int64 (W, None), for each character of `text` the index of the code point of
            the original text that it comes from.
    """

    text: Any
    row: Any
    is_added: Any
    places: Any


def words_in_graph(text, normalizer, added_pattern):
    """Cut texts into words.

    Args:
        text: string (B,), valid UTF-8.
        normalizer: a `WordPieceNormalizer`.
        added_pattern: regular expression of the tokens that stand for themselves.

    Returns:
        `Words`.
    """
    import tensorflow as tf

    segments, is_added = _segments(text, added_pattern)  # ragged (B, M), bool (all M)
    codes = tf.strings.unicode_decode(segments.flat_values, "UTF-8")  # ragged (all M, None)
    of_segment = row_numbers(codes)
    keys = codes.flat_values + tf.where(tf.gather(is_added, of_segment), _ADDED, 0)
    normalized, is_space, is_alone, source = _normalized(keys, normalizer)
    segment = tf.gather(of_segment, source)  # of each normalized character
    begins = ~is_space & (_differs(segment) | is_alone | _after(is_space | is_alone))
    word = tf.boolean_mask(tf.cumsum(tf.cast(begins, tf.int64)) - 1, ~is_space)
    count = tf.reduce_sum(tf.cast(begins, tf.int64))
    places = source - tf.gather(_row_starts(segments, codes), segment)
    normalized, places = (tf.boolean_mask(x, ~is_space) for x in (normalized, places))
    characters = tf.RaggedTensor.from_value_rowids(normalized, word, count, validate=False)
    segment = tf.boolean_mask(segment, begins)
    return Words(
        text=tf.strings.unicode_encode(characters, "UTF-8"),
        row=tf.gather(segments.value_rowids(), segment),
        is_added=tf.gather(is_added, segment),
        places=characters.with_flat_values(places),
    )


def _segments(text, added_pattern):
    """Split texts before and after each added token: ragged (B, M), and which those are."""
    import tensorflow as tf

    # Not tf_text.regex_split: it ends a text at its first NUL.
    marked = tf.strings.regex_replace(text, f"({added_pattern})", _BREAK + rb"\1" + _BREAK)
    segments = tf.strings.split(marked, _BREAK)
    return segments, tf.strings.regex_full_match(segments.flat_values, added_pattern)


def _row_starts(segments, codes):
    """For each segment, the number of code points before its text: int64 (all M,)."""
    import tensorflow as tf

    first_segments = tf.gather(segments.row_splits, segments.value_rowids())
    return tf.gather(codes.row_splits, first_segments)


def _normalized(keys, normalizer):
    """Normalize characters, each distinct one once.

    Args:
        keys: int32 (C,), code points, plus `_ADDED` where they stay as they are.

    Returns:
        The N normalized characters: code points int32 (N,), is_space and is_alone bool (N,), and
        source int64 (N,), index of the character in `keys`.
    """
    import tensorflow as tf

    keys, index = tf.unique(keys)  # (U,), (C,)
    is_added = keys >= _ADDED
    codes = tf.where(is_added, keys - _ADDED, keys)
    characters = tf.strings.unicode_encode(codes[:, tf.newaxis], "UTF-8")
    texts = tf.where(is_added, characters, normalizer.in_graph(characters))
    results = tf.strings.unicode_split(texts, "UTF-8")  # ragged (U, None)
    flat, of_key = results.flat_values, row_numbers(results)
    is_word = ~tf.gather(is_added, of_key)  # an added token is neither space nor punctuation
    is_alone = tf.gather(normalizer.alone_in_graph(characters), of_key)
    is_alone = is_word & (is_alone | is_punctuation_in_graph(flat))
    is_space = is_word & is_space_in_graph(flat)
    # Which of the results each character gets, in the order of the characters.
    chosen = tf.gather(results.with_flat_values(tf.range(tf.size(flat))), index)
    codes = tf.strings.unicode_decode(texts, "UTF-8").flat_values
    codes, is_space, is_alone = (
        tf.gather(x, chosen.flat_values) for x in (codes, is_space, is_alone)
    )
    return codes, is_space, is_alone, row_numbers(chosen)


def _after(flags):
    """flags[i - 1] at place i, True at the first."""
    import tensorflow as tf

    return tf.concat([tf.ones_like(flags[:1]), flags[:-1]], axis=0)


def _differs(values):
    """Whether values[i] is not values[i - 1], True at the first."""
    import tensorflow as tf

    return tf.concat([tf.ones_like(values[:1], tf.bool), values[1:] != values[:-1]], axis=0)
