"""Where the words of a text stand, as BERT's own pre-tokenizer finds them."""

import functools
from typing import Any, NamedTuple

from zoo.text.checks import check_text
from zoo.text.wordpiece_words import words_in_graph

_CHUNK = 256  # texts cut at a time: bounds the memory whatever the number of texts


class SpannedWords(NamedTuple):
    """The words of B texts in a graph, ragged (B, None) each.

    Args:
        text: string, the word as it stands in the text.
        starts, ends: int32, `text[start:end]` is the word, in Unicode code points.
    """

    text: Any
    starts: Any
    ends: Any


class WordSpans:
    """Cuts texts at white space and around punctuation (Devlin et al. 2018, "BasicTokenizer").

    Chinese characters and special tokens such as "[MASK]" are words of their own, too. What BERT
    does not see belongs to no word at its ends: control characters, and in uncased models combining
    marks. Words give the same pieces alone as in their text. Python calls run the TensorFlow graph.

    Args:
        tokenizer: a `WordPieceTokenizer`.
    """

    def __init__(self, tokenizer):
        self.normalizer = tokenizer.normalizer
        self.added_pattern = tokenizer.added_pattern

    def __call__(self, texts):
        """The words of texts.

        Args:
            texts: list of B str.

        Returns:
            List of B lists of (start, end): `text[start:end]` is a word.

        Raises:
            ValueError: an entry is not a str of valid Unicode.
        """
        import tensorflow as tf

        for row, text in enumerate(texts):
            check_text(text, row)
        rows = []
        for begin in range(0, len(texts), _CHUNK):
            with tf.device("CPU"):
                found = self._traced(tf.constant(texts[begin : begin + _CHUNK], tf.string))
            starts, ends = (field.to_list() for field in found)
            rows += [list(zip(*row, strict=True)) for row in zip(starts, ends, strict=True)]
        return rows

    @functools.cached_property
    def _traced(self):
        import tensorflow as tf

        specs = [tf.TensorSpec([None], tf.string)]
        return tf.function(lambda text: self.in_graph(text)[1:], specs, autograph=False)

    def in_graph(self, text):
        """The same as TensorFlow ops, without state: string [B] -> `SpannedWords`.

        Invalid UTF-8 is read as U+FFFD.
        """
        import tensorflow as tf

        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        words = words_in_graph(text, self.normalizer, self.added_pattern)
        places = words.places  # ragged (all W, None), a character of each word at least
        starts = tf.gather(places.flat_values, places.row_starts())
        ends = tf.gather(places.flat_values, places.row_limits() - 1) + 1
        # Code points rather than substrings: those would be searched from the text's begin, each.
        codes = tf.strings.unicode_decode(text, "UTF-8")
        before = tf.gather(codes.row_starts(), words.row)
        characters = tf.ragged.range(before + starts, before + ends)
        characters = characters.with_flat_values(
            tf.gather(codes.flat_values, characters.flat_values)
        )
        rows = tf.RaggedTensor.from_value_rowids(
            tf.strings.unicode_encode(characters, "UTF-8"),
            words.row,
            tf.size(text, tf.int64),
            validate=False,
        )
        starts, ends = (rows.with_flat_values(tf.cast(x, tf.int32)) for x in (starts, ends))
        return SpannedWords(rows, starts, ends)
