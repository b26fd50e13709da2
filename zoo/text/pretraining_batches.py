"""Batches to pretrain BERT, from documents on disk."""

import functools
import threading

import keras
import numpy as np

from zoo.text.endless import EndlessBatches
from zoo.text.order import BatchOrder
from zoo.text.sentence_pairs import PairRows, SentencePairs


class PretrainingBatches(EndlessBatches):
    """`EndlessBatches` of masked pairs, a pure function of (seed, epoch, step).

    Every batch is full and of the one shape (B, T) with M places to predict in a row. Every
    sentence but the last of a document opens an example, and all of them have opened equally many,
    as nearly as whole batches allow; each time with other masks, another b and other lengths.

    A batch is (inputs, labels, weights) for `BERTPretrainer`: "token_ids", "segment_ids",
    "padding_mask" (B, T) and "mask_positions" (B, M); and under "mlm_logits" (B, M) and
    "nsp_logits" (B,) the labels (1: b is from another document) and the weights. The weights of an
    update sum to `accumulate`, so that with losses that sum (`TokenCrossEntropy(reduction="sum")`)
    and `gradient_accumulation_steps=accumulate` the optimizer sees exactly the mean over the
    update's masked tokens plus the mean over its rows.

    Args:
        documents: `Documents`.
        special_ids: `SpecialIds` of the tokenizer.
        masking: `TokenMasking`.
        rows: B.
        length: T, special tokens included.
        seed: integer >= 0.
        steps_per_epoch: batches of an epoch, a multiple of `accumulate`; the default is about as
            many as the text fills once.
        accumulate: batches of an update.

    Raises:
        ValueError: an argument is out of range, or as `SentencePairs`.
    """

    def __init__(
        self,
        documents,
        special_ids,
        masking,
        *,
        rows=32,
        length=128,
        seed=0,
        steps_per_epoch=None,
        accumulate=1,
    ):
        _check_positive(rows=rows, accumulate=accumulate)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
        self._pairs = SentencePairs(documents, special_ids, length)
        if rows > len(self._pairs):
            raise ValueError(
                f"rows must be at most {len(self._pairs)}, the sentences that another one of "
                f"their document follows; got {rows}"
            )
        self._masking, self._seed, self._accumulate = masking, seed, accumulate
        self._order = BatchOrder([len(self._pairs)], [rows], seed)
        if steps_per_epoch is None:
            passes = len(documents.sentences.ids) // (rows * length * accumulate)
            steps_per_epoch = max(passes, 1) * accumulate
        _check_positive(steps_per_epoch=steps_per_epoch)
        if steps_per_epoch % accumulate:
            raise ValueError(
                f"steps_per_epoch={steps_per_epoch} must be a multiple of accumulate={accumulate}, "
                "so that no update crosses the end of an epoch"
            )
        super().__init__(steps_per_epoch)
        # Only a cache: the batches of an update are asked for one after the other, or side by side.
        self._update = functools.lru_cache(2)(self._make_update)
        self._lock = threading.Lock()

    def batch(self, epoch, step):
        """The batch of a step of an epoch."""
        update, number = divmod(step, self._accumulate)
        with self._lock:
            return self._update(epoch, update)[number]

    def _make_update(self, epoch, update):
        """The batches of an update of an epoch."""
        first = update * self._accumulate
        made = [self._make(epoch, first + number) for number in range(self._accumulate)]
        return _weighted(made, self._accumulate)

    def _make(self, epoch, step):
        _, numbers = self._order(epoch * self.steps_per_epoch + step)
        pairs = self._pairs(self._pairs.opening(numbers), (self._seed, epoch, step, 0))
        return _batch(pairs, self._masking(pairs.token_ids, (self._seed, epoch, step, 1)))


class PretrainingEvaluation(keras.utils.PyDataset):
    """One pass over documents in their order, masked once and for all, for `evaluate`.

    Examples follow one another without overlap. The last batch is filled up with rows that weigh
    nothing. Each batch's weights sum to 1; metrics of tokens (`TokenMean`) count each token once.

    Args:
        documents, special_ids, masking, rows, length: as for `PretrainingBatches`.
        seed: integer >= 0 of the masks and of which b are random.

    Raises:
        ValueError: as `PretrainingBatches`.
    """

    def __init__(self, documents, special_ids, masking, *, rows=32, length=128, seed=0):
        super().__init__()
        _check_positive(rows=rows)
        self._pairs = SentencePairs(documents, special_ids, length)
        self._masking, self._rows, self._seed = masking, rows, seed
        self._sentences = self._pairs.one_pass()

    @property
    def examples(self):
        """Number of examples."""
        return len(self._sentences)

    def __len__(self):
        return -(-len(self._sentences) // self._rows)

    def __getitem__(self, index):
        """Batch number `index`, as `PretrainingBatches` describes it."""
        sentences = self._sentences[index * self._rows : (index + 1) * self._rows]
        real = len(sentences)
        sentences = np.resize(sentences, self._rows)
        pairs = self._pairs(sentences, (self._seed, index, 0))
        masked = self._masking(pairs.token_ids, (self._seed, index, 1))
        return _weighted([_batch(pairs, masked, real)], 1)[0]


def _batch(pairs: PairRows, masked, real=None):
    """(inputs, labels, weights), the weights 1 in the first `real` rows."""
    inputs = {
        "token_ids": masked.token_ids,
        "segment_ids": pairs.segment_ids,
        "padding_mask": pairs.padding_mask,
        "mask_positions": masked.positions,
    }
    labels = {"mlm_logits": masked.labels, "nsp_logits": pairs.is_random.astype("int32")}
    counts = np.arange(len(pairs.is_random)) < (len(pairs.is_random) if real is None else real)
    weights = {"mlm_logits": masked.used & counts[:, None], "nsp_logits": counts}
    return inputs, labels, {name: weight.astype("float32") for name, weight in weights.items()}


def _weighted(batches, total):
    """The same batches, the weights of all together sum to `total` for each output."""
    sums = {
        name: sum(float(weights[name].sum()) for _, _, weights in batches)
        for name in ("mlm_logits", "nsp_logits")
    }
    return [
        (
            inputs,
            labels,
            {name: w * np.float32(total / max(sums[name], 1.0)) for name, w in weights.items()},
        )
        for inputs, labels, weights in batches
    ]


def _check_positive(**arguments):
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
