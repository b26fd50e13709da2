"""Data sets of batches for Keras: an endless stream to train on, one pass to evaluate on.

What a batch holds is the business of its contents (`Pairs`, `LabelledRows`); which rows share one,
and when it comes, that of an order (`BucketOrder`, `PooledOrder`). Contents have `lengths` int
(sides, N), `batch(members, rows, *widths)` -> (inputs, labels, sample_weight), which fills up with
rows that weigh nothing, and `weight(members)`, the sum of the sample weights.
"""

import functools
import itertools
import math

import keras
import numpy as np

from zoo.text.buckets import check_budget, make_buckets
from zoo.text.endless import EndlessBatches


class BatchStream(EndlessBatches):
    """`EndlessBatches` whose order is a pure function of (seed, epoch, step).

    Args:
        contents: what the batches hold.
        order: which batch comes when.
        accumulate: None gives the sample weights of the contents. A number k gives weights for
            gradient accumulation over k batches (`gradient_accumulation_steps=k`): they are scaled
            by k / (sum of the weights of the k batches of an update), so that with a loss that sums
            (`reduction="sum"`) the optimizer's mean over the k gradients is exactly the gradient of
            the weighted mean over all that the update sees, however unequal the batches.
    """

    def __init__(self, contents, order, accumulate=None):
        super().__init__(order.steps_per_epoch)
        self._contents = contents
        self._order = order
        self._accumulate = accumulate
        self._opening = functools.lru_cache(8)(self._find_opening)

    @property
    def padding(self):
        """Share of padding among the ids of the batches."""
        return self._order.padding

    def batch(self, epoch, step):
        """The batch of a step of an epoch: (inputs, labels, sample_weight)."""
        shape, members = self._select(epoch, step)
        inputs, labels, weight = self._contents.batch(members, *shape)
        if self._accumulate is not None:
            weight *= np.float32(self._accumulate / self._weight_of_update(epoch, step))
        return inputs, labels, weight

    def _select(self, epoch, step):
        """Shape of a step of an epoch, and its rows."""
        return self._order(epoch, self._opening(epoch).get(step, step))

    def _weight_of_update(self, epoch, step):
        first = step - step % self._accumulate
        steps = range(first, first + self._accumulate)
        weight = sum(self._contents.weight(self._select(epoch, s)[1]) for s in steps)
        return weight or 1.0  # where nothing counts, nothing is scaled

    def _find_opening(self, epoch):
        return opening(self._order.first_shapes(epoch), self._order.shapes)


class OnePass(keras.utils.PyDataset):
    """One pass over rows in a fixed order, each exactly once, for `evaluate` and validation.

    The last batch of each shape is filled up with rows that weigh nothing.

    Args:
        contents: what the batches hold.
        max_tokens: most ids of a batch, padding included.
        num_shapes: most different batch shapes.

    Raises:
        ValueError: an argument is out of range, or a row is longer than `max_tokens`.
    """

    def __init__(self, contents, max_tokens, num_shapes):
        super().__init__()
        self._contents = contents
        buckets = budget_buckets(contents, np.arange(len(contents)), max_tokens, num_shapes)
        buckets = [_balanced(bucket) for bucket in buckets]
        batches = [
            (bucket.shape, bucket.members[start : start + bucket.rows])
            for bucket in buckets
            for start in range(0, len(bucket.members), bucket.rows)
        ]
        shapes = [shape for shape, _ in batches]
        swaps = opening(shapes, shapes)
        self._batches = [batches[swaps.get(step, step)] for step in range(len(batches))]

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        """Batch number `index`: (inputs, labels, sample_weight)."""
        shape, members = self._batches[index]
        return self._contents.batch(members, *shape)

    def members(self, index):
        """Which rows stand first in batch `index`: int64 (n,), n <= B."""
        return self._batches[index][1]


def to_tf_data(batches):
    """Batches as a `tf.data.Dataset`, prepared ahead in a thread. Imports TensorFlow.

    Args:
        batches: `PairBatches` or `RowBatches` (an endless data set), or their siblings for
            evaluation.
    """
    import tensorflow as tf

    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec([None, *(None for _ in array.shape[1:])], array.dtype),
        batches[0],
    )
    data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    count = tf.data.INFINITE_CARDINALITY if batches.num_batches is None else batches.num_batches
    options = tf.data.Options()
    options.autotune.enabled = False  # see `EndlessBatches`
    data = data.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)
    return data.with_options(options)


def budget_buckets(contents, kept, max_tokens, num_shapes):
    """`make_buckets` of the rows `kept`, int (n,), of contents."""
    check_positive(max_tokens=max_tokens, num_shapes=num_shapes)
    lengths = contents.lengths[:, kept]
    check_budget(lengths.sum(axis=0), kept, max_tokens, contents.row_name, contents.way_out)
    buckets = make_buckets(lengths, max_tokens, num_shapes)
    return [bucket._replace(members=kept[bucket.members]) for bucket in buckets]


def opening(sequence, shapes):
    """Swaps of steps after which the first two batches differ in each width that varies at all.

    Keras' TensorFlow trainer looks at two batches and takes for constant what they share; a later
    batch of another width would then be refused.

    Args:
        sequence: list of (rows, width, ...) of the first steps.
        shapes: all that there are.

    Returns:
        {step: step that takes its place}, empty where nothing is to be swapped.
    """
    varying = [side for side in range(1, len(shapes[0])) if len({s[side] for s in shapes}) > 1]
    first_step = {}  # of each shape
    for step, shape in enumerate(sequence):
        first_step.setdefault(shape, step)
    for (a, first), (b, second) in itertools.combinations(first_step.items(), 2):
        if all(a[side] != b[side] for side in varying):
            steps = {step: step for step in (0, 1, first, second)}
            steps[0], steps[first] = steps[first], steps[0]
            steps[1], steps[second] = steps[second], steps[1]
            return steps
    return {}


def check_positive(**arguments):
    """Raise ValueError unless each number is at least 1."""
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def check_seed(seed):
    """Raise ValueError unless `seed` is an integer >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")


def _balanced(bucket):
    """As many batches with rows spread evenly: hardly any row is left to fill the last one."""
    batches = math.ceil(len(bucket.members) / bucket.rows)
    return bucket._replace(rows=math.ceil(len(bucket.members) / batches))
