"""Two arrays of ids, row by row source and translation, and how some rows become a batch."""

import numpy as np

from zoo.text.padding import gather_rows


class Pairs:
    """Source and target sequences of a translation model.

    Args:
        source, target: `IdArrays` of N rows each.
        special_ids: `SpecialIds` of the model.

    Raises:
        ValueError: the arrays differ in length, or a special id is outside a vocabulary.
    """

    row_name = "pair"
    way_out = "leave out long pairs (max_length of PairBatches)"

    def __init__(self, source, target, special_ids):
        if len(source) != len(target):
            raise ValueError(
                f"source has {len(source)} rows and target {len(target)}: "
                "row i of one must translate row i of the other"
            )
        special_ids.check(source.vocabulary_size)
        special_ids.check(target.vocabulary_size)
        self.source, self.target, self.special_ids = source, target, special_ids
        # In a batch, one more id: the source's end; the target's start, or its label's end.
        self.lengths = np.stack([source.lengths, target.lengths]) + 1  # (2, N)

    def __len__(self):
        return len(self.source)

    def weight(self, members):
        """Sum of the sample weights of some pairs: how many ids their labels have."""
        return int(self.lengths[1, members].sum())

    def batch(self, indices, rows, source_length, target_length):
        """Some pairs as what `fit` takes.

        Args:
            indices: int (n,), n <= rows; the rows after them are empty and weigh nothing.
            rows, source_length, target_length: B, S, T.

        Returns:
            ({"source_ids": int32 (B, S), "target_ids": int32 (B, T)}, labels int32 (B, T),
            sample_weight float32 (B, T)). Sources end with the end id, target_ids begin with the
            start id, labels are the same shifted left and end with the end id. sample_weight is 1
            up to the end id and 0 on padding.
        """
        special, n = self.special_ids, len(indices)
        source, source_ends = _rows(self.source, indices, rows, source_length, special.pad)
        source[source_ends] = special.end  # also in empty rows: attention needs a key
        labels, label_ends = _rows(self.target, indices, rows, target_length, special.pad)
        targets = np.full_like(labels, special.start)  # (B, T)
        targets[:, 1:] = labels[:, :-1]
        labels[label_ends] = special.end
        labels[n:] = special.pad
        weight = (np.arange(target_length) <= label_ends[1][:, None]).astype("float32")
        weight[n:] = 0.0
        return {"source_ids": source, "target_ids": targets}, labels, weight


def _rows(arrays, indices, rows, width, pad):
    """Rows padded right: (int32 (rows, width), index of the first free place of each row)."""
    padded = np.full((rows, width), pad, "int32")
    ends = np.zeros(rows, "int64")
    filled = slice(len(indices))
    padded[filled], ends[filled] = gather_rows(arrays.ids, arrays.offsets, indices, width, pad)
    return padded, (np.arange(rows), ends)
