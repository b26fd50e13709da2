"""Which rows share a batch shape: a bounded number of shapes with little padding."""

from typing import NamedTuple

import numpy as np


class Bucket(NamedTuple):
    """Rows that share one batch shape.

    Fields:
        rows: rows in a batch.
        widths: width of each side of a batch: (S, T) of pairs, (T,) of single rows.
        members: int64 (n,), numbers of the rows, rising.
    """

    rows: int
    widths: tuple[int, ...]
    members: np.ndarray

    @property
    def shape(self):
        """(rows, width, ...)."""
        return self.rows, *self.widths


def check_budget(totals, numbers, max_tokens, kind, way_out):
    """Raise ValueError if a row alone is over the budget.

    Args:
        totals: int (n,), ids of each row, all sides together.
        numbers: int (n,), the numbers that the rows are known by.
        max_tokens: most ids of a batch.
        kind: what a row is called.
        way_out: what may be done, besides raising max_tokens.
    """
    if totals.max() > max_tokens:
        raise ValueError(
            f"{kind} {numbers[totals.argmax()]} has {totals.max()} ids, more than "
            f"max_tokens={max_tokens}: raise max_tokens, or {way_out}"
        )


def make_buckets(lengths, max_tokens, num_shapes):
    """Divide rows into at most `num_shapes` buckets by the lengths of their sides.

    One bucket with all rows is cut in two, again and again, each time where the cut (of one bucket,
    at a length of one side) saves the most padding: a k-d tree over the lengths. All sides being
    cut, pairs of unequal lengths do not pay for each other. No cut leaves a bucket that could not
    fill a batch.

    Args:
        lengths: int (sides, N), ids of each row as they stand in a batch, over all sides at most
            `max_tokens`.
        max_tokens: most ids of a batch, all sides, padding included: rows x (sum of the widths).
        num_shapes: most buckets.

    Returns:
        List of `Bucket`, every row in exactly one. It depends on the lengths alone.
    """
    # Many rows share their lengths: work on the different lengths only.
    dims = lengths.max(axis=1) + 1
    keys, cell_of_row, counts = np.unique(
        np.ravel_multi_index(lengths, dims), return_inverse=True, return_counts=True
    )
    lengths = np.stack(np.unravel_index(keys, dims))  # (sides, different lengths)
    leaves = [np.arange(len(counts))]
    cuts = [_best_cut(lengths, counts, max_tokens)]
    while len(leaves) < num_shapes:
        best = max(range(len(leaves)), key=lambda i: cuts[i][0])
        saved, lower = cuts[best]
        if saved == 0:
            break
        leaf = leaves[best]
        leaves[best], new = leaf[lower], leaf[~lower]
        leaves.append(new)
        cuts[best] = _best_cut(lengths[:, leaves[best]], counts[leaves[best]], max_tokens)
        cuts.append(_best_cut(lengths[:, new], counts[new], max_tokens))
    leaf_of_cell = np.empty(len(counts), "int64")
    for number, leaf in enumerate(leaves):
        leaf_of_cell[leaf] = number
    leaf_of_row = leaf_of_cell[cell_of_row]
    return [
        _bucket(lengths[:, leaf], np.flatnonzero(leaf_of_row == number), max_tokens)
        for number, leaf in enumerate(leaves)
    ]


def _bucket(lengths, members, max_tokens):
    widths = tuple(map(int, lengths.max(axis=1)))
    return Bucket(min(max_tokens // sum(widths), len(members)), widths, members)


def _best_cut(lengths, counts, max_tokens):
    """The best of the best cuts along each side: (ids saved, lower part (n,) bool)."""
    cuts = [
        _best_cut_along(side, np.delete(lengths, number, axis=0), counts, max_tokens)
        for number, side in enumerate(lengths)
    ]
    return max(cuts, key=lambda cut: cut[0])


def _best_cut_along(side, others, counts, max_tokens):
    order = np.argsort(side, kind="stable")
    cut, others, rows = side[order], others[:, order], np.cumsum(counts[order])
    last = np.flatnonzero(cut[:-1] < cut[1:])  # last position of the lower part
    if not len(last):
        return 0, None
    # Width of the other sides together, of the rows up to each position and from it on.
    below = np.maximum.accumulate(others, axis=1).sum(axis=0)
    above = np.maximum.accumulate(others[:, ::-1], axis=1)[:, ::-1].sum(axis=0)
    lower_width, upper_width = cut[last] + below[last], cut[-1] + above[last + 1]
    lower, upper = rows[last], rows[-1] - rows[last]
    saved = rows[-1] * (cut[-1] + below[-1]) - lower * lower_width - upper * upper_width
    fills_a_batch = (lower >= max_tokens // lower_width) & (upper >= max_tokens // upper_width)
    saved = np.where(fills_a_batch, saved, 0)
    best = saved.argmax()
    return saved[best], side <= cut[last[best]]
