"""Which rows make the batch of a step of an epoch, by a token budget or by a number of rows.

An order has `steps_per_epoch`, `shapes` (all shapes that a batch may have), `padding`,
`first_shapes(epoch)` (shapes of as many steps as the opening may need) and, called with an epoch
and a step, gives the shape (rows, width, ...) and the rows, int64 (n,), n <= rows.
"""

import functools
import math

import numpy as np

from zoo.text.buckets import make_buckets
from zoo.text.order import BatchOrder, permutation
from zoo.text.streams import check_positive, check_seed

# With pools of a quarter of the 78 batches of RTE the loss of MiniLM in its third epoch was 0.60,
# with a twentieth 0.46, and 0.48 without any sorting.
MIN_POOLS = 20


class BucketOrder:
    """Full batches from buckets of rows; over many epochs each row is used equally often.

    Args:
        buckets: list of `Bucket`.
        lengths: int (sides, N), ids of all rows.
        seed: integer >= 0.
        steps_per_epoch: batches of an epoch; None: about one pass over the rows.
        accumulate: batches of an update; an epoch has whole updates.
    """

    def __init__(self, buckets, lengths, seed, steps_per_epoch=None, accumulate=None):
        check_seed(seed)
        self._buckets = buckets
        self._lengths = lengths
        sizes = [len(bucket.members) for bucket in buckets]
        self._order = BatchOrder(sizes, [bucket.rows for bucket in buckets], seed)
        self.shapes = [bucket.shape for bucket in buckets]
        self.steps_per_epoch = _steps(steps_per_epoch, accumulate, self._order.batches_per_pass)

    @property
    def padding(self):
        """Share of padding among the ids of a pass."""
        text = sum(int(self._lengths[:, bucket.members].sum()) for bucket in self._buckets)
        width = sum(len(bucket.members) * sum(bucket.widths) for bucket in self._buckets)
        return 1 - text / width

    def __call__(self, epoch, step):
        number, positions = self._order(epoch * self.steps_per_epoch + step)
        bucket = self._buckets[number]
        return bucket.shape, bucket.members[positions]

    def first_shapes(self, epoch):
        steps = range(min(self.steps_per_epoch, 100))  # far more than it takes
        return [self.shapes[self._order(epoch * self.steps_per_epoch + s)[0]] for s in steps]


class PooledOrder:
    """Batches of equally many rows of about one length; each epoch has each row exactly once.

    The rows of an epoch are shuffled and cut into pools of several batches; those of a pool are
    sorted by length and cut into batches, and the batches of all pools are shuffled. So a row meets
    others in every epoch, and there is little padding. All batches of an epoch have the same number
    of rows or one less: no update is made from a small rest.

    Args:
        lengths: int (N,), ids of each row.
        batch_size: most rows of a batch.
        pool: batches of a pool; it is at most a twentieth of the epoch, lest the same rows meet
            again and again.
        num_shapes: most different widths.
        seed: integer >= 0.
        accumulate: batches of an update; an epoch has whole updates.
    """

    def __init__(self, lengths, batch_size, pool, num_shapes, seed, accumulate=None):
        check_seed(seed)
        check_positive(batch_size=batch_size, pool=pool, num_shapes=num_shapes)
        self._lengths = lengths
        self._seed = seed
        self.steps_per_epoch = batches = whole_updates(len(lengths), batch_size, accumulate)
        self._rows = math.ceil(len(lengths) / batches)
        self._pool = min(pool, max(1, batches // MIN_POOLS))
        self._ends = np.arange(1, batches + 1) * len(lengths) // batches
        buckets = make_buckets(lengths[None], self._rows * int(lengths.max()), num_shapes)
        self._widths = np.unique([bucket.widths[0] for bucket in buckets])
        self.shapes = [(self._rows, int(width)) for width in self._widths]
        self._epoch = functools.lru_cache(2)(self._shuffle)

    @property
    def padding(self):
        """Share of padding among the ids of the first epoch."""
        widths = sum(rows * width for rows, width in self.first_shapes(0))
        return float(1 - self._lengths.sum() / widths)

    def __call__(self, epoch, step):
        members, widths, order = self._epoch(epoch)
        batch = order[step]
        first = self._ends[batch - 1] if batch else 0
        return self._shape(widths[batch]), members[first : self._ends[batch]]

    def first_shapes(self, epoch):
        _, widths, order = self._epoch(epoch)
        return [self._shape(width) for width in widths[order]]

    def _shape(self, width):
        return self._rows, int(width)

    def _shuffle(self, epoch):
        """Rows of an epoch, batch by batch (N,), the batches' widths and their order."""
        shuffled = permutation(len(self._lengths), (self._seed, epoch, 0))
        members, widths = self._in_pools(shuffled, self._pool)
        if widths.min() == widths.max():  # the first batches must differ: see `opening`
            members, widths = self._in_pools(shuffled, len(widths))
        return members, widths, permutation(len(widths), (self._seed, epoch, 1))

    def _in_pools(self, shuffled, pool):
        sizes = np.diff(self._ends, prepend=0)
        pool_of_row = np.repeat(np.arange(len(sizes)) // pool, sizes)
        members = shuffled[np.lexsort((self._lengths[shuffled], pool_of_row))]
        longest = self._lengths[members[np.maximum(self._ends - 1, 0)]]
        return members, self._widths[np.searchsorted(self._widths, longest)]


def whole_updates(rows, batch_size, accumulate):
    """Fewest batches of at most `batch_size` rows that hold `rows` rows and are whole updates."""
    unit = _unit(accumulate)
    return math.ceil(rows / (batch_size * unit)) * unit


def _unit(accumulate):
    if accumulate is None:
        return 1
    check_positive(accumulate=accumulate)
    return accumulate


def _steps(steps_per_epoch, accumulate, batches_per_pass):
    """Batches of an epoch: a whole number of updates."""
    unit = _unit(accumulate)
    if steps_per_epoch is None:
        return max(batches_per_pass // unit, 1) * unit
    check_positive(steps_per_epoch=steps_per_epoch)
    if steps_per_epoch % unit:
        raise ValueError(
            f"steps_per_epoch={steps_per_epoch} must be a multiple of accumulate={accumulate}, "
            "so that no update crosses the end of an epoch"
        )
    return steps_per_epoch
