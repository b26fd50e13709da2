"""The order of training batches: an endless stream that is a pure function of (seed, step)."""

import functools

import numpy as np


class BatchOrder:
    """Which members of which bucket make batch number `step`.

    The members of a bucket form an endless stream, one permutation after the other; its batches are
    consecutive slices, so every batch is full and what one pass leaves over opens the next. A pass
    holds the batches that each bucket completes in it, in a shuffled order. So far as whole batches
    allow, pass p has used every member exactly p + 1 times.

    Args:
        sizes: members of each bucket.
        rows: members in a batch of each bucket, at most its size.
        seed: integer >= 0.
    """

    def __init__(self, sizes, rows, seed):
        self._sizes = np.asarray(sizes, "int64")
        self._rows = np.asarray(rows, "int64")
        if np.any(self._rows < 1) or np.any(self._rows > self._sizes):
            raise ValueError(f"rows must be between 1 and the bucket's size, got {rows}, {sizes}")
        self._seed = seed
        # Caches only: whatever they hold can be computed again. A batch touches one pass and, as
        # rows <= size, at most two permutations of its bucket.
        self._members = functools.lru_cache(2 * len(sizes))(self._shuffle_members)
        self._pass = functools.lru_cache(2)(self._shuffle_pass)

    @property
    def batches_per_pass(self):
        """Mean number of batches of a pass over the data; single passes differ by a few."""
        return round(float((self._sizes / self._rows).sum()))

    def __call__(self, step):
        """Batch number `step` >= 0: (bucket, positions (rows,) among the members of the bucket)."""
        number = self._pass_of(step)
        buckets, batches = self._pass(number)
        place = step - int(self._completed(number).sum())
        bucket, batch = int(buckets[place]), int(batches[place])
        rows, size = int(self._rows[bucket]), int(self._sizes[bucket])
        stream = np.arange(batch * rows, (batch + 1) * rows)
        first, last = int(stream[0]) // size, int(stream[-1]) // size
        members = [self._members(bucket, number) for number in range(first, last + 1)]
        return bucket, np.concatenate(members)[stream - first * size]

    def _completed(self, passes):
        """Batches that each bucket has completed after so many passes."""
        return passes * self._sizes // self._rows

    def _pass_of(self, step):
        number = int(step / (self._sizes / self._rows).sum())
        while self._completed(number).sum() > step:
            number -= 1
        while self._completed(number + 1).sum() <= step:
            number += 1
        return number

    def _shuffle_pass(self, number):
        """Batches of a pass, shuffled: (bucket, number of the batch within its bucket)."""
        first, stop = self._completed(number), self._completed(number + 1)
        counts = stop - first
        buckets = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        order = permutation(len(buckets), (self._seed, number, 0))
        return buckets[order], (first[buckets] + within)[order]

    def _shuffle_members(self, bucket, number):
        return permutation(int(self._sizes[bucket]), (self._seed, number, bucket + 1))


def permutation(size, key):
    """A permutation of 0..size-1 by Philox (Salmon et al. 2011), the same on every platform.

    Sorting raw random words, because numpy promises the stream of a bit generator for good, but
    not that of `Generator.permutation` (NEP 19).

    Args:
        size: number of entries.
        key: integers >= 0.
    """
    words = np.random.Philox(np.random.SeedSequence(list(key))).random_raw(size)
    return np.argsort(words, kind="stable")
