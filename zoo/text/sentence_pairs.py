"""Pairs of texts, of which the second follows the first or not: next sentence prediction."""

from typing import NamedTuple

import numpy as np

from zoo.text.draws import below, uniform

_SHORT = 0.1  # share of pairs that are made shorter than the row


class PairRows(NamedTuple):
    """Packed pairs, [CLS] a [SEP] b [SEP] and padding, as arrays (B, T).

    Args:
        token_ids: int32.
        segment_ids: int32, 1 for b and its [SEP], else 0.
        padding_mask: bool, False for padding.
        is_random: bool (B,), whether b is from another document.
    """

    token_ids: np.ndarray
    segment_ids: np.ndarray
    padding_mask: np.ndarray
    is_random: np.ndarray


class SentencePairs:
    """Examples of next sentence prediction (Devlin et al. 2018, 3.1 and A.2), in any order.

    An example is opened by a sentence: from there on, whole sentences of the document are taken
    until they fill the row, two at least. Cut between two of them at random, they are texts a and
    b. In half of all cases b is replaced by sentences that begin anywhere in the other documents,
    drawn evenly, up to the end of that document or of the row. Where a and b are too long, the
    longer loses tokens, at its beginning and its end. A tenth of all examples fills a shorter
    length only, drawn evenly from 2 tokens upwards.

    The original code cuts a document into examples from its beginning to its end, and puts back
    what a random b has displaced; here every sentence but the last of a document opens an example,
    so that an example depends on nothing but its opening and its draw.

    Args:
        documents: `Documents`, two at least, one of which holds two sentences.
        special_ids: `SpecialIds`; start is [CLS], end is [SEP].
        length: T, special tokens included.

    Raises:
        ValueError: the documents are too few, a special id is outside the vocabulary, or `length`
            has no room for two tokens.
    """

    def __init__(self, documents, special_ids, length):
        if length < 5:
            raise ValueError(f"length must be at least 5 ([CLS] a [SEP] b [SEP]), got {length}")
        special_ids.check(documents.sentences.vocabulary_size)
        if len(documents) < 2:
            raise ValueError("documents must be two at least: b is drawn from another document")
        self._documents, self._special, self._length = documents, special_ids, length
        self._room = length - 3  # tokens of text
        # Openings before each document: its last sentence opens nothing.
        self._openings = documents.offsets - np.arange(len(documents) + 1)
        if len(self) == 0:
            raise ValueError("documents must hold two sentences somewhere: one has no next one")

    def __len__(self):
        """Number of sentences that can open an example."""
        return int(self._openings[-1])

    def opening(self, numbers):
        """Sentences that open the examples of these numbers: int (B,), below `len` -> (B,)."""
        return numbers + np.searchsorted(self._openings, numbers, "right") - 1

    def one_pass(self):
        """Sentences that open examples which follow one another without overlap, int64 (n,).

        A single sentence that is left at the end of a document opens none.
        """
        found = []
        for start, stop in zip(self._documents.offsets, self._documents.offsets[1:], strict=False):
            while start < stop - 1:
                found.append(int(start))
                start = self._filled(start, self._room, stop, at_least=2)
        return np.asarray(found, "int64")

    def __call__(self, sentences, key):
        """The examples that some sentences open.

        Args:
            sentences: int (B,), none of which is the last of its document.
            key: integers >= 0, such as (seed, epoch, step): the same key draws the same examples.

        Returns:
            `PairRows`.
        """
        short, length, cut, replace, other, front_a, front_b = uniform((7, len(sentences)), key)
        starts = self._documents.sentences.offsets
        shorter = 2 + below(length, self._room - 1)
        target = np.where(short < _SHORT, shorter, self._room)
        document = self._document_of(sentences)
        begin, stop = self._documents.offsets[document], self._documents.offsets[document + 1]
        last = self._filled(sentences, target, stop, at_least=2)
        middle = sentences + 1 + below(cut, last - sentences - 1)
        is_random = replace < 0.5
        # Sentences of the other documents only: those before this one, and those after it.
        elsewhere = below(other, int(self._documents.offsets[-1]) - (stop - begin))
        elsewhere += np.where(elsewhere >= begin, stop - begin, 0)
        end = self._documents.offsets[self._document_of(elsewhere) + 1]
        rest = target - (starts[middle] - starts[sentences])
        end = self._filled(elsewhere, rest, end, at_least=1)
        first_b, last_b = np.where(is_random, elsewhere, middle), np.where(is_random, end, last)
        a = starts[sentences], starts[middle] - starts[sentences]
        b = starts[first_b], starts[last_b] - starts[first_b]
        return PairRows(*self._packed(*self._shortened(a, b, front_a, front_b)), is_random)

    def _document_of(self, sentences):
        return np.searchsorted(self._documents.offsets, sentences, "right") - 1

    def _filled(self, sentences, target, stop, at_least):
        """Behind the sentences which, from these on, fill `target` tokens or reach `stop`."""
        starts = self._documents.sentences.offsets
        filled = np.searchsorted(starts, starts[sentences] + target)
        return np.clip(filled, sentences + at_least, stop)

    def _shortened(self, a, b, front_a, front_b):
        """Let the longer of two texts, (first id, number of ids), lose tokens until they fit."""
        (begin_a, count_a), (begin_b, count_b) = a, b
        half = (self._room + 1) // 2
        kept_a = np.minimum(count_a, np.maximum(self._room - count_b, half))
        kept_b = np.minimum(count_b, self._room - kept_a)
        # What goes is divided at random between beginning and end.
        begin_a = begin_a + below(front_a, count_a - kept_a + 1)
        begin_b = begin_b + below(front_b, count_b - kept_b + 1)
        return begin_a, kept_a, begin_b, kept_b

    def _packed(self, begin_a, count_a, begin_b, count_b):
        """Token ids, segment ids and padding mask (B, T) of texts at (B,) with (B,) ids."""
        special, ids = self._special, self._documents.sentences.ids
        column = np.arange(self._length)
        begin_a, count_a, begin_b, count_b = (
            x[:, None] for x in (begin_a, count_a, begin_b, count_b)
        )
        first_end = 1 + count_a  # columns of the two [SEP]
        second_end = 2 + count_a + count_b
        in_a = (column >= 1) & (column < first_end)
        in_b = (column > first_end) & (column < second_end)
        place = np.where(in_a, begin_a + column - 1, begin_b + column - first_end - 1)
        token_ids = np.full(place.shape, special.pad, "int32")
        text = in_a | in_b
        token_ids[text] = ids[place[text]]
        token_ids[:, 0] = special.start
        token_ids[(column == first_end) | (column == second_end)] = special.end
        segment_ids = (column > first_end) & (column <= second_end)
        return token_ids, segment_ids.astype("int32"), column <= second_end
