"""Batches to train a language model on and to evaluate it with, from one row of tokens."""

import dataclasses
import math

import keras
import numpy as np

from zoo.text.draws import below, uniform
from zoo.text.epoch_orders import whole_updates
from zoo.text.order import BatchOrder
from zoo.text.streams import BatchStream, check_positive, check_seed
from zoo.text.token_stream import PackedRows


@dataclasses.dataclass(frozen=True)
class ShuffledRows:
    """The stream cut into rows side by side, which come in a shuffled order.

    Over any number of steps each row has been used equally often, as nearly as whole batches allow.
    The last row ends with the stream, so it may begin inside the one before.

    Args:
        batch_size: rows of a batch.
        steps_per_epoch: batches of an epoch; None: about one pass over the stream.
    """

    batch_size: int = 32
    steps_per_epoch: int | None = None

    def order(self, num_tokens, length, seed, accumulate):
        """The order of a stream of `num_tokens`."""
        return _ShuffledOrder(self, num_tokens, length, seed, accumulate)


@dataclasses.dataclass(frozen=True)
class RandomRows:
    """Rows that begin anywhere, each drawn by itself, as nanoGPT takes them.

    The same token stands in another place of its row each time, but some tokens are seen more often
    than others.

    Args:
        batch_size: rows of a batch.
        steps_per_epoch: batches of an epoch; None: as many as hold the stream once.
    """

    batch_size: int = 32
    steps_per_epoch: int | None = None

    def order(self, num_tokens, length, seed, accumulate):
        """The order of a stream of `num_tokens`."""
        return _RandomOrder(self, num_tokens, length, seed, accumulate)


class LanguageModelBatches(BatchStream):
    """An endless stream of packed rows, a pure function of (seed, epoch, step).

    A batch is ({"token_ids" (B, T)} and, kept apart, "document_ids" (B, T); labels (B, T), the
    token behind each; weights (B, T)). An epoch is a fixed number of batches:

        batches.first_epoch = epoch  # 0, or where a stopped training goes on
        model.fit(batches, steps_per_epoch=batches.steps_per_epoch, initial_epoch=epoch,
                  epochs=20, shuffle=False)

    Args:
        stream: `TokenStream`.
        length: T.
        rows: `ShuffledRows` or `RandomRows`.
        keep_apart: as for `PackedRows`.
        seed: integer >= 0.
        accumulate: None gives weights 1; a number k those for gradient accumulation over k batches
            with a loss that sums: see `BatchStream`.

    Raises:
        ValueError: an argument is out of range, or the stream is too short for a batch.
    """

    def __init__(self, stream, length, rows, *, keep_apart=False, seed=0, accumulate=None):
        contents = PackedRows(stream, length, keep_apart)
        if len(stream) <= length:
            raise ValueError(
                f"length={length} needs a text of {length + 1} tokens at least, this one has "
                f"{len(stream)}: give more text or shorter rows"
            )
        order = rows.order(len(stream), length, seed, accumulate)
        super().__init__(contents, order, accumulate)


class LanguageModelEvaluation(keras.utils.PyDataset):
    """One pass over a stream in rows side by side: each token is predicted exactly once.

    All but the first, that is, which nothing stands before. A token sees those before it in its
    row; the first of a row see little, so longer rows give better scores. The mean over the tokens
    is `TokenLoss`. What is left at the end weighs nothing.

    Args:
        stream, length, keep_apart: as for `LanguageModelBatches`.
        batch_size: rows of a batch.
        max_batches: stop after so many; None: the whole stream.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, stream, length, batch_size=32, *, keep_apart=False, max_batches=None):
        super().__init__()
        check_positive(batch_size=batch_size)
        self._rows = PackedRows(stream, length, keep_apart)
        starts = np.arange(0, len(stream) - 1, length)
        if max_batches is not None:
            check_positive(max_batches=max_batches)
            starts = starts[: max_batches * batch_size]
        self._starts, self._batch_size = starts, min(batch_size, len(starts))

    def __len__(self):
        return math.ceil(len(self._starts) / self._batch_size)

    def __getitem__(self, index):
        """Batch number `index`: (inputs, labels, weights)."""
        first = index * self._batch_size
        starts = self._starts[first : first + self._batch_size]
        return self._rows.batch(starts, self._batch_size, self._rows.length)


class _Order:
    """What `BatchStream` asks of an order, for rows of one length."""

    padding = 0.0

    def __init__(self, rows, num_tokens, length, seed, accumulate):
        check_positive(batch_size=rows.batch_size, accumulate=accumulate or 1)
        check_seed(seed)
        self._length, self._seed = length, seed
        self._last = num_tokens - 1 - length  # where the last row starts
        self.shapes = [(rows.batch_size, length)]
        self._rows = math.ceil((num_tokens - 1) / length)
        steps = rows.steps_per_epoch
        if steps is None:
            steps = whole_updates(self._rows, rows.batch_size, accumulate)
        check_positive(steps_per_epoch=steps)
        if steps % (accumulate or 1):
            raise ValueError(
                f"steps_per_epoch={steps} must be a multiple of accumulate={accumulate}, so that "
                "no update crosses the end of an epoch"
            )
        self.steps_per_epoch = steps

    def __call__(self, epoch, step):
        return self.shapes[0], self.starts(epoch, step)

    def first_shapes(self, epoch):
        return self.shapes


class _ShuffledOrder(_Order):
    def __init__(self, rows, num_tokens, length, seed, accumulate):
        super().__init__(rows, num_tokens, length, seed, accumulate)
        if rows.batch_size > self._rows:
            raise ValueError(
                f"batch_size={rows.batch_size} needs a text of as many rows of {length} tokens, "
                f"this one has {self._rows}: give more text, fewer or shorter rows, or RandomRows"
            )
        self._order = BatchOrder([self._rows], [rows.batch_size], seed)

    def starts(self, epoch, step):
        _, numbers = self._order(epoch * self.steps_per_epoch + step)
        return np.minimum(numbers * self._length, self._last)


class _RandomOrder(_Order):
    def starts(self, epoch, step):
        rows, _ = self.shapes[0]
        return below(uniform((rows,), (self._seed, epoch, step)), self._last + 1)
