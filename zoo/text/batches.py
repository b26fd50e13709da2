"""Batches of pairs for `fit` and `evaluate`, from ids on disk."""

import functools
import itertools
import math

import keras
import numpy as np

from zoo.text.buckets import make_buckets
from zoo.text.order import BatchOrder
from zoo.text.pairs import Pairs


class PairBatches(keras.utils.PyDataset):
    """An endless stream of training batches whose order is a pure function of (seed, epoch, step).

    Batches have at most `num_shapes` different shapes, each at most `max_tokens` ids, and are
    always full; over any number of steps each pair has been used equally often, as nearly as whole
    batches allow. An epoch is a fixed number of batches:

        batches.first_epoch = epoch  # 0, or where a stopped training goes on
        model.fit(batches, steps_per_epoch=batches.steps_per_epoch, initial_epoch=epoch,
                  epochs=20, shuffle=False)

    The stream has no end because Keras shuffles the steps of a `PyDataset` that has one by Python's
    global generator, unless told otherwise, and never tells it the epoch.

    Args:
        source, target: `IdArrays` of equally many rows.
        special_ids: `SpecialIds` of the model.
        max_tokens: most ids of a batch, source and target, padding included: rows x (S + T).
        max_length: leave out pairs with a longer side, start or end id included; None keeps all.
        num_shapes: most different batch shapes (B, S, T), each compiled once on JAX. More shapes,
            less padding: captions of about 14 ids give 17 % with 8, 10 % with 16, 7 % with 24.
        seed: integer >= 0.
        steps_per_epoch: batches of an epoch; the default is about one pass over the pairs.
        accumulate: None gives sample weights 1 on text and 0 on padding. A number k gives weights
            for gradient accumulation over k batches (`gradient_accumulation_steps=k`): text
            weighs k / (text of the k batches of its update), so that with a loss that sums
            (`reduction="sum"`) the optimizer's mean over the k gradients is exactly the gradient of
            the mean over all tokens of the update, however unequal the batches.

    Raises:
        ValueError: an argument is out of range, or a pair is longer than `max_tokens`.
    """

    def __init__(
        self,
        source,
        target,
        special_ids,
        *,
        max_tokens=4096,
        max_length=None,
        num_shapes=24,
        seed=0,
        steps_per_epoch=None,
        accumulate=None,
    ):
        super().__init__()
        _check_positive(max_tokens=max_tokens, num_shapes=num_shapes)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
        self._pairs = Pairs(source, target, special_ids)
        self.buckets = _buckets(self._pairs, max_length, max_tokens, num_shapes)
        sizes = [len(bucket.members) for bucket in self.buckets]
        self.left_out = len(self._pairs) - sum(sizes)
        self._order = BatchOrder(sizes, [bucket.rows for bucket in self.buckets], seed)
        self._accumulate = accumulate
        self.steps_per_epoch = _steps(steps_per_epoch, accumulate, self._order.batches_per_pass)
        self.first_epoch = 0
        self._opening = functools.lru_cache(8)(self._find_opening)

    @property
    def num_batches(self):
        """None, which Keras reads as endless."""
        return None

    @property
    def padding(self):
        """Share of padding among the ids of the batches, source and target."""
        return _padding(self._pairs, self.buckets)

    def __getitem__(self, index):
        """Batch number `index` from the start of epoch `first_epoch`."""
        return self.batch(self.first_epoch, index)

    def batch(self, epoch, step):
        """The batch of a step of an epoch, as `Pairs.batch` describes it."""
        epoch, step = epoch + step // self.steps_per_epoch, step % self.steps_per_epoch
        bucket, members = self._select(epoch, step)
        inputs, labels, weight = self._pairs.batch(members, *bucket[:3])
        if self._accumulate is not None:
            weight *= np.float32(self._accumulate / self._tokens_of_update(epoch, step))
        return inputs, labels, weight

    def _select(self, epoch, step):
        """Bucket and pairs of a step of an epoch."""
        step = self._opening(epoch).get(step, step)
        number, positions = self._order(epoch * self.steps_per_epoch + step)
        bucket = self.buckets[number]
        return bucket, bucket.members[positions]

    def _tokens_of_update(self, epoch, step):
        first = step - step % self._accumulate
        steps = range(first, first + self._accumulate)
        return sum(int(self._pairs.target_lengths[self._select(epoch, s)[1]].sum()) for s in steps)

    def _find_opening(self, epoch):
        steps = range(min(self.steps_per_epoch, 100))  # far more than it takes
        numbers = [self._order(epoch * self.steps_per_epoch + step)[0] for step in steps]
        return _opening([self.buckets[number] for number in numbers], self.buckets)


class EvaluationBatches(keras.utils.PyDataset):
    """One pass over pairs in a fixed order, every pair exactly once, for `evaluate` and validation.

    The last batch of each shape is filled up with rows that weigh nothing.

    Args:
        source, target, special_ids, max_tokens, num_shapes: as for `PairBatches`.

    Raises:
        ValueError: an argument is out of range, or a pair is longer than `max_tokens`.
    """

    def __init__(self, source, target, special_ids, *, max_tokens=4096, num_shapes=24):
        super().__init__()
        _check_positive(max_tokens=max_tokens, num_shapes=num_shapes)
        self._pairs = Pairs(source, target, special_ids)
        buckets = _buckets(self._pairs, None, max_tokens, num_shapes)
        self.buckets = [_balanced(bucket) for bucket in buckets]
        batches = [
            (bucket, bucket.members[start : start + bucket.rows])
            for bucket in self.buckets
            for start in range(0, len(bucket.members), bucket.rows)
        ]
        opening = _opening([bucket for bucket, _ in batches], self.buckets)
        self._batches = [batches[opening.get(step, step)] for step in range(len(batches))]

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        """Batch number `index`, as `Pairs.batch` describes it."""
        bucket, members = self._batches[index]
        return self._pairs.batch(members, *bucket[:3])

    def members(self, index):
        """Which pairs stand in the first rows of batch `index`: int64 (n,), n <= B."""
        return self._batches[index][1]


def to_tf_data(batches):
    """Batches as a `tf.data.Dataset`, prepared ahead in a thread. Imports TensorFlow.

    Args:
        batches: `PairBatches` (an endless data set) or `EvaluationBatches`.
    """
    import tensorflow as tf

    def rows(dtype):
        return tf.TensorSpec([None, None], dtype)

    signature = (
        {"source_ids": rows(tf.int32), "target_ids": rows(tf.int32)},
        rows(tf.int32),
        rows(tf.float32),
    )
    data = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    count = tf.data.INFINITE_CARDINALITY if batches.num_batches is None else batches.num_batches
    return data.apply(tf.data.experimental.assert_cardinality(count)).prefetch(tf.data.AUTOTUNE)


def _check_positive(**arguments):
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _buckets(pairs, max_length, max_tokens, num_shapes):
    """Buckets of the pairs of which no side is longer than `max_length`."""
    longest = np.maximum(pairs.source_lengths, pairs.target_lengths)
    kept = np.arange(len(pairs)) if max_length is None else np.flatnonzero(longest <= max_length)
    if not len(kept):
        raise ValueError(
            f"max_length={max_length} leaves out every pair: the shortest has {longest.min()} ids"
        )
    source_lengths, target_lengths = pairs.source_lengths[kept], pairs.target_lengths[kept]
    total = source_lengths + target_lengths
    if total.max() > max_tokens:
        raise ValueError(
            f"pair {kept[total.argmax()]} has {total.max()} ids, more than max_tokens={max_tokens}:"
            " raise max_tokens, or leave out long pairs (max_length of PairBatches)"
        )
    buckets = make_buckets(source_lengths, target_lengths, max_tokens, num_shapes)
    return [bucket._replace(members=kept[bucket.members]) for bucket in buckets]


def _balanced(bucket):
    """As many batches with rows spread evenly: hardly any row is left to fill the last one."""
    batches = math.ceil(len(bucket.members) / bucket.rows)
    return bucket._replace(rows=math.ceil(len(bucket.members) / batches))


def _opening(sequence, buckets):
    """Swaps of steps after which the first two batches differ in each width that varies at all.

    Keras' TensorFlow trainer looks at two batches and takes for constant what they share; a later
    batch of another width would then be refused.

    Args:
        sequence: buckets of the first steps.
        buckets: all buckets.

    Returns:
        {step: step that takes its place}, empty where nothing is to be swapped.
    """
    varying = [side for side in (1, 2) if len({bucket[side] for bucket in buckets}) > 1]
    first_step = {}  # of each pair of widths
    for step, bucket in enumerate(sequence):
        first_step.setdefault(bucket[:3], step)
    for (a, first), (b, second) in itertools.combinations(first_step.items(), 2):
        if all(a[side] != b[side] for side in varying):
            steps = {step: step for step in (0, 1, first, second)}
            steps[0], steps[first] = steps[first], steps[0]
            steps[1], steps[second] = steps[second], steps[1]
            return steps
    return {}


def _steps(steps_per_epoch, accumulate, batches_per_pass):
    """Batches of an epoch: a whole number of updates."""
    if accumulate is not None:
        _check_positive(accumulate=accumulate)
    unit = accumulate or 1
    if steps_per_epoch is None:
        return max(batches_per_pass // unit, 1) * unit
    _check_positive(steps_per_epoch=steps_per_epoch)
    if steps_per_epoch % unit:
        raise ValueError(
            f"steps_per_epoch={steps_per_epoch} must be a multiple of accumulate={accumulate}, "
            "so that no update crosses the end of an epoch"
        )
    return steps_per_epoch


def _padding(pairs, buckets):
    text = width = 0
    for _, source_length, target_length, members in buckets:
        text += pairs.source_lengths[members].sum() + pairs.target_lengths[members].sum()
        width += len(members) * (source_length + target_length)
    return float(1 - text / width)
