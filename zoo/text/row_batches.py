"""Batches of single rows with labels for `fit` and `evaluate`: what BERT is fine-tuned on."""

import dataclasses

import keras
import numpy as np

from zoo.text.epoch_orders import BucketOrder, PooledOrder
from zoo.text.streams import BatchStream, OnePass, budget_buckets


@dataclasses.dataclass(frozen=True)
class EqualRows:
    """Batches of equally many rows; an epoch has each row exactly once.

    As in fine-tuning elsewhere, but rows of about one length share a batch: see `PooledOrder`.

    Args:
        batch_size: most rows of a batch. The rows of an epoch are spread evenly over as many
            batches as that takes.
        num_shapes: most different widths, each compiled once on JAX.
        pool: batches whose rows are sorted by length together, at most a twentieth of the epoch:
            more give less padding and mix less.
    """

    batch_size: int = 32
    num_shapes: int = 24
    pool: int = 100

    def order(self, contents, seed, accumulate):
        """The order of `LabelledRows`."""
        return PooledOrder(
            contents.lengths[0], self.batch_size, self.pool, self.num_shapes, seed, accumulate
        )


@dataclasses.dataclass(frozen=True)
class TokenBudget:
    """Full batches of about equally many tokens, as `PairBatches` has them.

    Args:
        max_tokens: most ids of a batch, padding included: B x T.
        num_shapes: most different batch shapes, each compiled once on JAX.
        steps_per_epoch: batches of an epoch; None: about one pass over the rows.
    """

    max_tokens: int = 4096
    num_shapes: int = 16
    steps_per_epoch: int | None = None

    def order(self, contents, seed, accumulate):
        """The order of `LabelledRows`."""
        every = np.arange(len(contents))
        buckets = budget_buckets(contents, every, self.max_tokens, self.num_shapes)
        return BucketOrder(buckets, contents.lengths, seed, self.steps_per_epoch, accumulate)


class LabelledRows:
    """Rows of ids with their labels.

    Args:
        rows: `EncodedRows` of N rows.
        labels: `RowLabels`, `TokenLabels` or `SpanLabels` of N rows.

    Raises:
        ValueError: rows and labels do not fit together.
    """

    row_name = "row"
    way_out = "cut long rows (max_length of the tokenizer)"

    def __init__(self, rows, labels):
        labels.check(rows.lengths)
        self.rows, self.labels = rows, labels
        self.lengths = rows.lengths[None]  # (1, N)
        self.weight = labels.weight

    def __len__(self):
        return len(self.rows)

    def batch(self, members, rows, width):
        """Some rows as what `fit` takes.

        Args:
            members: int (n,), n <= rows. Rows after them repeat one of them and weigh nothing.
            rows, width: B, T.

        Returns:
            (inputs, labels, sample_weight): inputs as `EncodedRows.batch`, labels and weights of B
            rows as the labels give them.
        """
        filled = np.full(rows, members[0] if len(members) else 0)
        filled[: len(members)] = members
        labels, weight = self.labels.batch(filled, width)
        weight[len(members) :] = 0.0
        return self.rows.batch(filled, width), labels, weight


class RowBatches(BatchStream):
    """An endless stream of training batches of rows, in an order by (seed, epoch, step).

        batches = RowBatches(rows, RowLabels(classes), EqualRows(32), seed=1)
        batches.first_epoch = epoch  # 0, or where a stopped training goes on
        model.fit(batches, steps_per_epoch=batches.steps_per_epoch, initial_epoch=epoch,
                  epochs=3, shuffle=False)

    A batch is ({"token_ids": int32 (B, T), "segment_ids": int32 (B, T), "padding_mask": bool
    (B, T)}, labels, sample_weight): labels and weights are (B,), (B, L) or (B, T), see `RowLabels`,
    `SpanLabels` and `TokenLabels`. For the mean over what counts, take losses with
    `reduction="mean_with_sample_weight"`: Keras' default divides by all rows or tokens.

    Args:
        rows: `EncodedRows` of N rows.
        labels: `RowLabels`, `TokenLabels` or `SpanLabels` of N rows.
        batching: `EqualRows` or `TokenBudget`.
        seed: integer >= 0.
        accumulate: None, or the number of batches of an update, see `BatchStream`.

    Raises:
        ValueError: an argument is out of range, or rows and labels do not fit together.
    """

    def __init__(self, rows, labels, batching, *, seed=0, accumulate=None):
        contents = LabelledRows(rows, labels)
        super().__init__(contents, batching.order(contents, seed, accumulate), accumulate)


class EvaluationRowBatches(OnePass):
    """One pass over rows in a fixed order, every row exactly once, for `evaluate` and metrics.

    Args:
        rows, labels: as for `RowBatches`.
        max_tokens: most ids of a batch, padding included.
        num_shapes: most different batch shapes.

    Raises:
        ValueError: an argument is out of range, a row is longer than `max_tokens`, or rows and
            labels do not fit together.
    """

    def __init__(self, rows, labels, *, max_tokens=4096, num_shapes=16):
        super().__init__(LabelledRows(rows, labels), max_tokens, num_shapes)

    def outputs(self, function):
        """What a function gives for each row, in the order of the rows.

        Args:
            function: of a batch's inputs, gives a tree of arrays (B, ...), such as
                `model.predict_on_batch`.

        Returns:
            List of N trees of numpy arrays (...); of outputs (B, T, ...) a row has (T, ...), T
            being the width of its batch.
        """
        found = [None] * sum(len(self.members(index)) for index in range(len(self)))
        for index in range(len(self)):
            outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, function(self[index][0]))
            for place, row in enumerate(self.members(index)):
                found[row] = keras.tree.map_structure(lambda o, i=place: o[i], outputs)
        return found
