"""Documents on disk as one row of tokens, and windows of it as input and labels."""

import numpy as np


class TokenStream:
    """Documents one after the other as one row of n tokens, read where they lie.

    With an end id the row is `end, document 0, end, document 1, end, ..., end`. So every token of
    every document stands behind another one and can be predicted, the end of each document too,
    and a model learns how a document begins: after `end`, which is what to prompt it with for a
    new text. Without one the documents touch.

    Args:
        documents: `IdArrays`, a document a row.
        end_id: id that stands between documents, or None.

    Raises:
        ValueError: `end_id` is outside the vocabulary, or there are fewer than two tokens.
    """

    def __init__(self, documents, end_id=None):
        self.documents = documents
        self.end_id = end_id
        offsets = np.asarray(documents.offsets, "int64")
        if end_id is None:
            self._starts = offsets[:-1]
            self._length = int(offsets[-1])
        else:
            if not 0 <= end_id < documents.vocabulary_size:
                raise ValueError(
                    f"end_id={end_id} is outside the vocabulary of {documents.vocabulary_size} ids"
                )
            # Where the ends stand: the one before a document is where it starts.
            self._starts = offsets + np.arange(len(offsets))
            self._length = int(offsets[-1]) + len(offsets)
        if self._length < 2:
            raise ValueError("the text has fewer than two tokens: there is nothing to predict")

    def __len__(self):
        """n, the number of tokens."""
        return self._length

    def tokens(self, positions):
        """The tokens at positions 0 to n - 1: int array -> int32 array of its shape."""
        if self.end_id is None:
            return self.documents.ids[positions].astype("int32")
        ends = self.document_numbers(positions) + 1  # how many stand at or before a position
        found = self.documents.ids[np.maximum(positions - ends, 0)]
        is_end = self._starts[ends - 1] == positions
        return np.where(is_end, self.end_id, found).astype("int32")

    def document_numbers(self, positions):
        """Which document each position belongs to, an end to the document behind it."""
        return np.searchsorted(self._starts, positions, side="right") - 1


class PackedRows:
    """Rows of T tokens and, as labels, the token behind each; a row is named by where it starts.

    Args:
        stream: `TokenStream`.
        length: T.
        keep_apart: give the model `document_ids`, so that attention stays inside a document and
            its positions start anew ("document masking"). An end id is the first input of the
            document behind it and the last label of the one before, so no label is lost; without
            an end id the label that belongs to the next document weighs 0.

    Raises:
        ValueError: `length` is below 1 or leaves no token of the stream to predict.
    """

    def __init__(self, stream, length, keep_apart=False):
        if length < 1:
            raise ValueError(f"length must be at least 1, got {length}")
        self.stream, self.length, self.keep_apart = stream, length, keep_apart

    def batch(self, starts, rows, length):
        """(inputs, labels, weights) of `rows` rows; those without a start weigh nothing.

        Args:
            starts: int64 (n,), n <= rows, positions in the stream.
            rows, length: B, T.

        Returns:
            inputs {"token_ids" int32 (B, T)} and, kept apart, "document_ids" int32 (B, T); labels
            int32 (B, T); weights float32 (B, T).
        """
        filled = np.zeros(rows, "int64")
        filled[: len(starts)] = starts
        positions = filled[:, None] + np.arange(length + 1)
        last = len(self.stream) - 1
        weights = (positions[:, 1:] <= last) & (np.arange(rows) < len(starts))[:, None]
        positions = np.minimum(positions, last)
        tokens = self.stream.tokens(positions)
        inputs = {"token_ids": tokens[:, :-1]}
        if self.keep_apart:
            numbers = self.stream.document_numbers(positions)
            inputs["document_ids"] = (numbers - numbers[:, :1])[:, :-1].astype("int32")
            if self.stream.end_id is None:
                weights &= numbers[:, 1:] == numbers[:, :-1]
        return inputs, tokens[:, 1:], weights.astype("float32")

    def weight(self, starts):
        """Sum of the weights of rows."""
        if self.keep_apart and self.stream.end_id is None:
            return float(self.batch(starts, len(starts), self.length)[2].sum())
        left = len(self.stream) - 1 - np.asarray(starts)
        return float(np.minimum(left, self.length).sum())
