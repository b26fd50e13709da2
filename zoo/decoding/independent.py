"""Searches whose hypotheses do not compete: greedy search and sampling."""

from typing import Any, NamedTuple

from keras import ops

from zoo.decoding.constraints import best_tokens
from zoo.decoding.filters import filtered
from zoo.decoding.noise import gumbel, row_seeds
from zoo.decoding.penalties import LengthPenalty
from zoo.decoding.state import (
    History,
    Result,
    State,
    capacity,
    check_count,
    check_end_ids,
    check_token_id,
    first_logits,
    is_end,
    next_logits,
    pick,
    row_limits_or_default,
    write_token,
)
from zoo.decoding.top import log_probs_of, top_k


class IndependentRows(NamedTuple):
    """Attributes:
    live: (B,) bool.
    ids: (B, K) int32, the newest tokens.
    limits: (B,) int32, how many tokens a row may have.
    tokens: (B, K, L) int32, what was generated, then `pad_id`.
    lengths: (B, K) int32; 0 while a hypothesis is open.
    log_probs: (B, K) float32, sum over the tokens.
    seeds: (B,) int32, or () where nothing is drawn.
    filters: the `rows` of each filter.
    """

    live: Any
    ids: Any
    limits: Any
    tokens: Any
    lengths: Any
    log_probs: Any
    seeds: Any
    filters: Any


class _Independent:
    """start, step and finish over `choose(logits, count, rows)`, which a search defines."""

    def __init__(self, num_hypotheses, end_id, pad_id, filters, length_penalty):
        self.num_hypotheses = num_hypotheses
        self.end_ids = check_end_ids(end_id)
        self.pad_id = check_token_id("pad_id", pad_id)
        self.filters = tuple(filters)
        self.length_penalty = LengthPenalty(1.0) if length_penalty is None else length_penalty

    def slots_needed(self, num_rows, prompt_length, max_new_tokens):
        return capacity(prompt_length, self.num_hypotheses, max_new_tokens)

    def start(self, decode, cache, prompt, max_new_tokens, row_limits=None):
        num_rows = ops.shape(prompt)[0]
        logits, cache = first_logits(decode, prompt, cache)
        shape = (num_rows, self.num_hypotheses, logits.shape[-1])
        logits = ops.broadcast_to(logits, shape)
        shape = (num_rows, self.num_hypotheses)
        rows = IndependentRows(
            live=ops.ones((num_rows,), dtype="bool"),
            ids=ops.zeros(shape, dtype="int32"),
            limits=row_limits_or_default(row_limits, max_new_tokens, num_rows),
            tokens=ops.full((*shape, max_new_tokens), self.pad_id, dtype="int32"),
            lengths=ops.zeros(shape, dtype="int32"),
            log_probs=ops.zeros(shape, dtype="float32"),
            seeds=self.seeds(num_rows),
            filters=tuple(keep.rows for keep in self.filters),
        )
        count = ops.ones((), dtype="int32")
        return State(count, cache.expand(self.num_hypotheses), self._append(rows, logits, count))

    def step(self, decode, state):
        logits, cache = next_logits(decode, state, self.num_hypotheses)
        count = state.count + 1
        return State(count, cache, self._append(state.rows, logits, count))

    def stop(self, state, ended):
        """End those of the open hypotheses that `ended`, (B, K) bool, with the tokens they have."""
        rows = state.rows
        lengths = ops.where(ops.logical_and(rows.lengths == 0, ended), state.count, rows.lengths)
        return state._replace(
            rows=rows._replace(lengths=lengths, live=ops.any(lengths == 0, axis=1))
        )

    def finish(self, state):
        rows = state.rows
        lengths = ops.where(rows.lengths == 0, state.count, rows.lengths)
        return Result(rows.tokens, lengths, rows.log_probs / self.length_penalty(lengths))

    def _append(self, rows, logits, count):
        chosen, log_probs = self.choose(logits, count, rows)  # (B, K)
        is_open = rows.lengths == 0
        ids = ops.where(is_open, chosen, self.pad_id)
        ends = ops.logical_or(is_end(ids, self.end_ids), (count >= rows.limits)[:, None])
        lengths = ops.where(ops.logical_and(is_open, ends), count, rows.lengths)
        return rows._replace(
            live=ops.any(lengths == 0, axis=1),
            ids=ids,
            tokens=write_token(rows.tokens, ids, count),
            lengths=lengths,
            log_probs=rows.log_probs + ops.where(is_open, log_probs, 0.0),
        )

    def _filtered(self, logits, count, rows):
        return filtered(logits, self.filters, rows.filters, History(rows.tokens, count))

    def _own_log_probs(self, logits, ids):
        """What the model itself says of ids (B, K): logits (B, K, V) -> (B, K)."""
        vocab_size = logits.shape[-1]
        largest, _ = top_k(logits, 1)
        first = ops.arange(self.num_hypotheses, dtype="int32") * vocab_size
        flat = ops.reshape(logits, (-1, self.num_hypotheses * vocab_size))  # (B, K * V)
        chosen = pick(flat, ids + first)[..., None]  # (B, K, 1)
        return log_probs_of(chosen, logits, largest)[..., 0]


class Greedy(_Independent):
    """The most probable token at every step: one sequence a row.

    Args:
        end_id: the id that ends a sequence, or several, a tuple.
        pad_id: the id that fills up a result.
        length_penalty: what a sequence's log-probability is divided by to give its score; None:
            `LengthPenalty(1.0)`, the mean log-probability of a token.
        constraints: see `zoo.decoding.constraints`, applied in this order.
        filters: see `zoo.decoding.filters`, applied in this order, before the constraints. Scores
            are then of the model's own probabilities, before both.
    """

    def __init__(self, end_id, pad_id, length_penalty=None, constraints=(), filters=()):
        super().__init__(1, end_id, pad_id, filters, length_penalty)
        self.constraints = tuple(constraints)

    def seeds(self, num_rows):
        return ()

    def choose(self, logits, count, rows):
        kept = self._filtered(logits, count, rows)
        log_probs, ids = best_tokens(kept, 1, self.constraints, count, rows.limits)
        ids, log_probs = ids[..., 0], log_probs[..., 0]
        return ids, self._own_log_probs(logits, ids) if self.filters else log_probs


class Sample(_Independent):
    """Tokens drawn by their probability: `num_samples` sequences a row, in the order of their
    numbers.

    The noise is a hash of (row seed, sample, step, token): the same on every backend, whatever else
    is in the batch. Scores are of the model's own probabilities, before the filters.

    Args:
        end_id: the id that ends a sequence, or several, a tuple.
        pad_id: the id that fills up a result.
        filters: see `zoo.decoding.filters`, applied in this order, such as
            `(Temperature(0.7), TopK(50), TopP(0.9))`.
        num_samples: sequences a row.
        seed: one whole number or () int32, of which row i gets fold(seed, i); or (B,) int32.
        length_penalty: as for `Greedy`.
    """

    def __init__(self, end_id, pad_id, filters=(), num_samples=1, seed=0, length_penalty=None):
        num_samples = check_count("num_samples", num_samples)
        super().__init__(num_samples, end_id, pad_id, filters, length_penalty)
        self.seed = seed

    def seeds(self, num_rows):
        return row_seeds(self.seed, num_rows)

    def choose(self, logits, count, rows):
        kept = self._filtered(logits, count, rows)
        noise = gumbel(rows.seeds, self.num_hypotheses, count - 1, logits.shape[-1])
        _, ids = top_k(kept + noise, 1)  # (B, K, 1)
        ids = ids[..., 0]
        return ids, self._own_log_probs(logits, ids)
