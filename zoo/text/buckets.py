"""Which pairs share a batch shape: a bounded number of shapes with little padding."""

from typing import NamedTuple

import numpy as np


class Bucket(NamedTuple):
    """Pairs that share one batch shape.

    Fields:
        rows: pairs in a batch.
        source_length, target_length: widths S and T of a batch.
        members: int64 (n,), indices of the pairs, rising.
    """

    rows: int
    source_length: int
    target_length: int
    members: np.ndarray


def make_buckets(source_lengths, target_lengths, max_tokens, num_shapes):
    """Divide pairs into at most `num_shapes` buckets by the lengths of both sides.

    One bucket with all pairs is cut in two, again and again, each time where the cut (of one
    bucket, at one source or target length) saves the most padding: a k-d tree over the two lengths.
    Both sides being cut, pairs of unequal lengths do not pay for each other. No cut leaves a bucket
    that could not fill a batch.

    Args:
        source_lengths, target_lengths: int (N,), ids of each pair as they stand in a batch, the sum
            of both at most `max_tokens`.
        max_tokens: most ids of a batch, source and target, padding included: rows x (S + T).
        num_shapes: most buckets.

    Returns:
        List of `Bucket`, every pair in exactly one. It depends on the lengths alone.
    """
    # Many pairs share their lengths: work on the different (source, target) lengths only.
    base = target_lengths.max() + 1
    keys, cell_of_pair, counts = np.unique(
        source_lengths * base + target_lengths, return_inverse=True, return_counts=True
    )
    lengths = np.stack(np.divmod(keys, base))  # (2, different lengths)
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
    leaf_of_pair = leaf_of_cell[cell_of_pair]
    return [
        _bucket(lengths[:, leaf], np.flatnonzero(leaf_of_pair == number), max_tokens)
        for number, leaf in enumerate(leaves)
    ]


def _bucket(lengths, members, max_tokens):
    source_length, target_length = map(int, lengths.max(axis=1))
    rows = min(max_tokens // (source_length + target_length), len(members))
    return Bucket(rows, source_length, target_length, members)


def _best_cut(lengths, counts, max_tokens):
    """The better of the best cuts along source and target: (ids saved, lower part (n,) bool)."""
    source, target = lengths
    along_source = _best_cut_along(source, target, counts, max_tokens)
    along_target = _best_cut_along(target, source, counts, max_tokens)
    return max(along_source, along_target, key=lambda cut: cut[0])


def _best_cut_along(cut_lengths, other_lengths, counts, max_tokens):
    order = np.argsort(cut_lengths, kind="stable")
    cut, other, pairs = cut_lengths[order], other_lengths[order], np.cumsum(counts[order])
    last = np.flatnonzero(cut[:-1] < cut[1:])  # last position of the lower part
    if not len(last):
        return 0, None
    longest_below = np.maximum.accumulate(other)
    longest_above = np.maximum.accumulate(other[::-1])[::-1]
    lower_width = cut[last] + longest_below[last]
    upper_width = cut[-1] + longest_above[last + 1]
    lower, upper = pairs[last], pairs[-1] - pairs[last]
    saved = pairs[-1] * (cut[-1] + longest_below[-1]) - lower * lower_width - upper * upper_width
    fills_a_batch = (lower >= max_tokens // lower_width) & (upper >= max_tokens // upper_width)
    saved = np.where(fills_a_batch, saved, 0)
    best = saved.argmax()
    return saved[best], cut_lengths <= cut[last[best]]
