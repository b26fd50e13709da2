"""What is to be learned about a row: something of the whole, of each token, or a span.

Labels of N rows have `check(lengths)`, `batch(members, width)` -> (labels, sample_weight), and
`weight(members)`, the sum of those weights.
"""

import numpy as np

from zoo.text.padding import gather_rows

_NOT_SCORED = -1


class RowLabels:
    """A label of each row as a whole.

    Args:
        values: int (N,) classes; float (N, L), each of L labels holds (1) or not (0); or float
            (N, 1), a number to predict.
        weights: float (N,), at least 0, how much each row counts, such as the weight of its class;
            None: 1.

    Raises:
        ValueError: the values have another shape, or values and weights do not fit.
    """

    def __init__(self, values, weights=None):
        values = np.asarray(values)
        kinds = {("i", 1): "int32", ("u", 1): "int32", ("f", 2): "float32"}
        kind = values.dtype.kind, values.ndim
        if kind not in kinds:
            raise ValueError(
                "values must be integer classes (N,) or floats (N, L); "
                f"got {values.dtype} of shape {values.shape}"
            )
        self.values = values.astype(kinds[kind])
        self.weights = _weights(weights, len(values))

    def check(self, lengths):
        """Raise ValueError unless these are labels of rows of such lengths, int (N,)."""
        _check_count("values", self.values, lengths)

    def batch(self, members, width):
        """int (n,) rows -> labels (n,) or (n, L), sample_weight float32 (n,)."""
        return self.values[members], self.weights[members]

    def weight(self, members):
        return float(self.weights[members].sum())


class SpanLabels:
    """The first and the last column of a span in each row, as `BERTSpanSelector` predicts them.

    Args:
        starts, ends: int (N,), columns; both 0, that of [CLS], where there is no answer.
        weights: float (N,), at least 0, how much each row counts; None: 1.

    Raises:
        ValueError: the three do not fit together, or a span ends before it starts.
    """

    def __init__(self, starts, ends, weights=None):
        self.starts, self.ends = np.asarray(starts, "int32"), np.asarray(ends, "int32")
        if self.starts.ndim != 1 or self.starts.shape != self.ends.shape:
            raise ValueError(
                f"starts and ends must be (N,) both; got {self.starts.shape}, {self.ends.shape}"
            )
        wrong = np.flatnonzero((self.starts < 0) | (self.ends < self.starts))
        if len(wrong):
            row = wrong[0]
            raise ValueError(f"row {row} has no span: {self.starts[row]} to {self.ends[row]}")
        self.weights = _weights(weights, len(self.starts))

    def check(self, lengths):
        """Raise ValueError unless these are labels of rows of such lengths, int (N,)."""
        _check_count("starts", self.starts, lengths)
        beyond = np.flatnonzero(self.ends >= lengths)
        if len(beyond):
            row = beyond[0]
            raise ValueError(f"the span of row {row} ends at {self.ends[row]} of {lengths[row]}")

    def batch(self, members, width):
        """int (n,) rows -> {"start_logits": (n,), "end_logits": (n,)}, sample_weight (n,)."""
        labels = {"start_logits": self.starts[members], "end_logits": self.ends[members]}
        return labels, self.weights[members]

    def weight(self, members):
        return float(self.weights[members].sum())


class TokenLabels:
    """A class of each token; those that are not scored, such as later pieces of a word, have -1.

    Args:
        rows: list of N lists of int, a label for every token of the row, [CLS] and [SEP] included.
        class_weights: float (L,), at least 0, how much a token of each class counts; None: 1.

    Raises:
        ValueError: a label is below -1, none is scored, or one has no weight.
    """

    def __init__(self, rows, class_weights=None):
        lengths = np.fromiter((len(row) for row in rows), "int64", len(rows))
        self._offsets = np.concatenate([[0], np.cumsum(lengths)])
        self._flat = np.concatenate([np.asarray(row, "int32") for row in rows] or [[]])
        if (self._flat < _NOT_SCORED).any():
            raise ValueError(f"labels must be at least -1 (not scored), got {self._flat.min()}")
        scored = self._flat != _NOT_SCORED
        if not scored.any():
            raise ValueError("labels are -1 everywhere: no token is scored")
        count = int(self._flat.max()) + 1
        if class_weights is not None and len(class_weights) < count:
            raise ValueError(
                f"class_weights must be one a class, at least {count}; got {len(class_weights)}"
            )
        weights = _weights(class_weights, count if class_weights is None else len(class_weights))
        self._class_weights = np.append(weights, np.float32(0.0))  # the last is _NOT_SCORED's
        sums = np.cumsum(self._class_weights[self._flat], dtype="float64")
        self._row_weights = np.diff(np.concatenate([[0.0], sums])[self._offsets])

    @classmethod
    def of_words(cls, word_labels, first_pieces, lengths, class_weights=None):
        """Labels of words, each at the word's first piece (Devlin et al. 2018, 5.3).

        Args:
            word_labels: list of N lists of int, a label for every word.
            first_pieces: N rows of int, the columns of the words' first pieces and -1 for words
                that have none, as `WordPieceTokenizer.encode_words` gives them; rows may be longer
                than there are words.
            lengths: int (N,), tokens of each row, special tokens included.
            class_weights: as for the class.

        Raises:
            ValueError: the arguments do not fit together.
        """
        if not len(word_labels) == len(first_pieces) == len(lengths):
            raise ValueError(
                "word_labels, first_pieces and lengths must be as many; "
                f"got {len(word_labels)}, {len(first_pieces)} and {len(lengths)}"
            )
        rows = []
        for number, labels in enumerate(word_labels):
            columns = np.asarray(first_pieces[number])[: len(labels)]
            if len(columns) < len(labels):
                raise ValueError(
                    f"row {number} has {len(labels)} labels, but first pieces of {len(columns)}"
                )
            row = np.full(lengths[number], _NOT_SCORED, "int32")
            row[columns[columns >= 0]] = np.asarray(labels, "int32")[columns >= 0]
            rows.append(row)
        return cls(rows, class_weights)

    def check(self, lengths):
        """Raise ValueError unless these are labels of rows of such lengths, int (N,)."""
        own = np.diff(self._offsets)
        _check_count("labels", own, lengths)
        wrong = np.flatnonzero(own != lengths)
        if len(wrong):
            row = wrong[0]
            raise ValueError(f"row {row} has {lengths[row]} tokens and {own[row]} labels")

    def batch(self, members, width):
        """int (n,) rows -> labels int32 (n, T), sample_weight float32 (n, T); 0 where unscored."""
        labels, _ = gather_rows(self._flat, self._offsets, members, width, _NOT_SCORED)
        return np.maximum(labels, 0), self._class_weights[labels]

    def weight(self, members):
        return float(self._row_weights[members].sum())


def _weights(weights, count):
    if weights is None:
        return np.ones(count, "float32")
    weights = np.asarray(weights, "float32")
    if weights.shape != (count,) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"weights must be {count} numbers, each at least 0; got {weights}")
    return weights


def _check_count(name, labels, lengths):
    if len(labels) != len(lengths):
        raise ValueError(f"{name} must be one a row, {len(lengths)}; got {len(labels)}")
