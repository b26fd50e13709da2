"""Batches of prompts with answers for `fit`: packed, ranked, and in pairs."""

import math

import numpy as np

from zoo.text.epoch_orders import PooledOrder
from zoo.text.streams import BatchStream, OnePass, check_positive


class PackedAnswers:
    """Several prompts with their answers in each row, which do not see each other.

    Rows are filled by first-fit decreasing: the longest first, each into the first row that has
    room. A batch is ({"token_ids", "document_ids", "padding_mask"}, labels, weights), all (B, T):
    labels are the token behind each, and weigh 1 where that is a token of an answer, else 0.

    Args:
        rows: `AnswerRows`.
        length: T; a prompt with its answer has T + 1 tokens at most.

    Raises:
        ValueError: a row is longer.
    """

    row_name, way_out = "row", "give a greater length"

    def __init__(self, rows, length):
        check_positive(length=length)
        longest = int(rows.lengths.max())
        if longest > length + 1:
            raise ValueError(
                f"length={length} is too short for a row of {longest} tokens: at least "
                f"{longest - 1} is needed"
            )
        self.rows, self.length = rows, length
        self.packed = _first_fit(rows.lengths - 1, length)  # the last token is a label only
        self.lengths = np.full((1, len(self.packed)), length)

    def __len__(self):
        return len(self.packed)

    def batch(self, members, num_rows, width):
        """Packed rows number `members`, filled up to `num_rows` with rows that weigh nothing."""
        ids = np.full((num_rows, width), self.rows.pad_id, "int32")
        labels, documents = ids.copy(), np.zeros((num_rows, width), "int32")
        real, weights = np.zeros((num_rows, width), bool), np.zeros((num_rows, width), "float32")
        real[:, 0] = True
        for row, member in enumerate(members):
            begin = 0
            for document, number in enumerate(self.packed[member]):
                size = int(self.rows.lengths[number]) - 1
                tokens, _, answer = self.rows.batch(number, size + 1)
                place = slice(begin, begin + size)
                ids[row, place], labels[row, place] = tokens[:-1], tokens[1:]
                documents[row, place], real[row, place] = document, True
                weights[row, place] = answer[1:]
                begin += size
            documents[row, begin:] = len(self.packed[member])
        inputs = {"token_ids": ids, "document_ids": documents, "padding_mask": real}
        return inputs, labels, weights

    def weight(self, members):
        """Tokens of answers in packed rows."""
        if not len(members):
            return 0.0
        numbers = np.concatenate([self.packed[member] for member in members])
        return float((self.rows.lengths - self.rows.answer_starts)[numbers].sum())


class RankedAnswers:
    """The K answers of each prompt side by side, with their ranks.

    A batch is ({"token_ids", "padding_mask": (B, K, T)}, ranks (B, K), weights (B,)), as
    `zoo.models.GPTReward` and `zoo.training.RankingLoss` take them.

    Args:
        rows: `AnswerRows` of all answers of all prompts.
        numbers: int (N, K), which row each answer of a prompt is; -1 where it has fewer than K.
        ranks: int (N, K), 0 for the best, equal for ties; -1 where there is no answer.

    Raises:
        ValueError: a prompt has no two answers of different rank, which says nothing.
    """

    row_name, way_out = "prompt", "cut long answers"

    def __init__(self, rows, numbers, ranks):
        self.rows = rows
        self.numbers, self.ranks = np.asarray(numbers, "int64"), np.asarray(ranks, "int32")
        lowest = np.where(self.ranks >= 0, self.ranks, np.iinfo("int32").max).min(axis=1)
        useless = np.flatnonzero(self.ranks.max(axis=1) <= lowest)
        if len(useless):
            raise ValueError(
                f"ranks[{useless[0]}] must tell two answers apart; got "
                f"{self.ranks[useless[0]].tolist()}"
            )
        lengths = np.where(self.numbers >= 0, rows.lengths[np.maximum(self.numbers, 0)], 0)
        self.lengths = lengths.max(axis=1)[None]  # (1, N)

    def __len__(self):
        return len(self.numbers)

    def batch(self, members, num_rows, width):
        """Prompts number `members`, filled up to `num_rows` with rows that weigh nothing."""
        filled, weights = _filled(members, num_rows)
        ids, mask, _ = self.rows.batch(self.numbers[filled], width)
        return {"token_ids": ids, "padding_mask": mask}, self.ranks[filled], weights

    def weight(self, members):
        """Every prompt weighs the same."""
        return float(len(members))


class PreferredAnswers:
    """Pairs of answers, the preferred one first, for `zoo.training.DirectPreference`.

    Args:
        rows: `AnswerRows`.
        pairs: int (N, 2), which rows.
        reference: float (N, 2), log-probabilities of these answers by the reference, in nats.
    """

    row_name, way_out = "pair", "cut long answers"

    def __init__(self, rows, pairs, reference):
        self.rows = rows
        self.pairs, self.reference = np.asarray(pairs), np.asarray(reference, "float32")
        self.lengths = rows.lengths[self.pairs].max(axis=1)[None]

    def __len__(self):
        return len(self.pairs)

    def batch(self, members, num_rows, width):
        """Pairs number `members`, filled up to `num_rows` with rows that weigh nothing."""
        filled, weights = _filled(members, num_rows)
        inputs, labels = shifted(*self.rows.batch(self.pairs[filled], width))
        return inputs, {**labels, "reference": self.reference[filled]}, weights

    def weight(self, members):
        """Every pair weighs the same."""
        return float(len(members))


class AnswerBatches(BatchStream):
    """An endless stream of training batches, in an order by (seed, epoch, step); each epoch has
    every row of the contents exactly once.

    Args:
        contents: `PackedAnswers`, `RankedAnswers` or `PreferredAnswers`.
        batch_size: most rows of a batch.
        seed: integer >= 0.
        accumulate: None, or the number of batches of an update, see `BatchStream`.
        num_shapes: most different widths.
    """

    def __init__(self, contents, batch_size, *, seed=0, accumulate=None, num_shapes=8):
        pool = math.ceil(len(contents) / batch_size)
        order = PooledOrder(contents.lengths[0], batch_size, pool, num_shapes, seed, accumulate)
        super().__init__(contents, order, accumulate)


class AnswerEvaluation(OnePass):
    """One pass over contents in a fixed order, every row exactly once.

    Args:
        contents: as for `AnswerBatches`.
        batch_size: rows of the longest; more of shorter ones.
        num_shapes: most different widths.
    """

    def __init__(self, contents, batch_size, num_shapes=8):
        super().__init__(contents, batch_size * int(contents.lengths.max()), num_shapes)


def shifted(ids, mask, answers):
    """Rows (..., T) as inputs and the token behind each: {"token_ids", "padding_mask"} and
    {"token_ids", "answers"}, all (..., T - 1)."""
    inputs = {"token_ids": ids[..., :-1], "padding_mask": mask[..., :-1]}
    return inputs, {"token_ids": ids[..., 1:], "answers": answers[..., 1:]}


def _filled(members, num_rows):
    """Row numbers (num_rows,) that repeat the first, and weights (num_rows,) 0 for those."""
    filled = np.full(num_rows, members[0] if len(members) else 0, "int64")
    filled[: len(members)] = members
    return filled, (np.arange(num_rows) < len(members)).astype("float32")


def _first_fit(lengths, room):
    """Numbers of the lengths that share a row of `room`: list of int arrays, in the order of the
    first that each holds."""
    bins, left = [], np.zeros(0, "int64")
    for number in np.argsort(-lengths, kind="stable"):
        fitting = np.flatnonzero(left >= lengths[number])
        if len(fitting):
            place = fitting[0]
        else:
            place, left = len(bins), np.append(left, room)
            bins.append([])
        bins[place].append(number)
        left[place] -= lengths[number]
    return [np.sort(np.asarray(each)) for each in bins]
