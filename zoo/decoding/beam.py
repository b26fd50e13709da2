"""Beam search."""

from typing import Any, NamedTuple

from keras import ops

from zoo.decoding.constraints import NEVER, best_tokens
from zoo.decoding.filters import filtered
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

# The log-probability of a beam that does not exist.
_NO_BEAM = NEVER


class BeamRows(NamedTuple):
    """Attributes:
    live: (B,) bool.
    ids: (B, K) int32, the newest tokens of the live beams.
    limits: (B,) int32, how many tokens a row may have.
    tokens: (B, n + K, L) int32, the tokens of the n best finished beams, then of the live ones.
    scores: (B, n) float32, of the finished beams, falling; -inf where there is none yet.
    log_probs: (B, K) float32, of the live beams, falling.
    filters: the `rows` of each filter.
    """

    live: Any
    ids: Any
    limits: Any
    tokens: Any
    scores: Any
    log_probs: Any
    filters: Any


class BeamSearch:
    """The `beam_size` most probable beginnings at every step: "Google's neural machine translation
    system" (Wu et al. 2016), 7.

    At every step the C best continuations of the live beams are candidates: C = 2K, and K more for
    each further end id, so that K of them do not end. An end token finishes a beam only among the
    first K of them; the first K others live on. The best finished beams are kept apart and never
    change; a beam that reaches the row's limit counts as finished. A row stops when no live beam
    can still beat the worst finished beam asked for, whatever its length: no better sequence is
    ever lost, as with `early_stopping="never"` of the transformers library.

    Args:
        beam_size: K, beams a row.
        end_id: the id that ends a sequence, or several, a tuple.
        pad_id: the id that fills up a result.
        length_penalty: what a log-probability is divided by to give a score (see
            `zoo.decoding.penalties`); None: `LengthPenalty(1.0)`, the mean over the tokens.
        n_best: sequences a row in the result, best first; at most `beam_size`.
        constraints: see `zoo.decoding.constraints`, applied in this order.
        filters: see `zoo.decoding.filters`, applied in this order, before the constraints. They get
            log-probabilities for logits and must give none above 0; what they give is what beams
            and scores add up, as in the transformers library: no softmax follows.
    """

    def __init__(
        self,
        beam_size,
        end_id,
        pad_id,
        length_penalty=None,
        n_best=1,
        constraints=(),
        filters=(),
    ):
        self.num_hypotheses = check_count("beam_size", beam_size)
        self.end_ids = check_end_ids(end_id)
        self.pad_id = check_token_id("pad_id", pad_id)
        self.length_penalty = LengthPenalty(1.0) if length_penalty is None else length_penalty
        self.n_best = check_count("n_best", n_best)
        self.constraints = tuple(constraints)
        self.filters = tuple(filters)
        if n_best > beam_size:
            raise ValueError(
                f"n_best must be at most beam_size = {beam_size}; got n_best = {n_best}"
            )

    def slots_needed(self, num_rows, prompt_length, max_new_tokens):
        return capacity(prompt_length, self.num_hypotheses, max_new_tokens)

    def start(self, decode, cache, prompt, max_new_tokens, row_limits=None):
        num_rows, num_beams, n_best = ops.shape(prompt)[0], self.num_hypotheses, self.n_best
        logits, cache = first_logits(decode, prompt, cache)
        shape = (num_rows, n_best + num_beams, max_new_tokens)
        # The prompt is one beam; the others do not exist yet.
        log_probs = ops.where(ops.arange(num_beams, dtype="int32") == 0, 0.0, _NO_BEAM)
        rows = BeamRows(
            live=ops.ones((num_rows,), dtype="bool"),
            ids=ops.zeros((num_rows, num_beams), dtype="int32"),
            limits=row_limits_or_default(row_limits, max_new_tokens, num_rows),
            tokens=ops.full(shape, self.pad_id, dtype="int32"),
            scores=ops.full((num_rows, n_best), -float("inf"), dtype="float32"),
            log_probs=ops.broadcast_to(log_probs, (num_rows, num_beams)),
            filters=tuple(keep.rows for keep in self.filters),
        )
        count = ops.ones((), dtype="int32")
        rows, parents = self._grow(rows, logits, count)
        return State(count, cache.expand(num_beams).reorder(parents), rows)

    def step(self, decode, state):
        logits, cache = next_logits(decode, state, self.num_hypotheses)
        count = state.count + 1
        rows, parents = self._grow(state.rows, logits, count)
        return State(count, cache.reorder(parents), rows)

    def finish(self, state):
        """The finished beams. Rows that are still live may have fewer than n, or better ones to
        come."""
        rows = state.rows
        exists = rows.scores > -float("inf")  # (B, n)
        ids = ops.where(exists[..., None], rows.tokens[:, : self.n_best], self.pad_id)
        # A finished beam has its only end token last, or was cut at the limit.
        ends = ops.cumsum(ops.cast(is_end(ids, self.end_ids), "int32"), axis=-1)
        lengths = ops.sum(ops.cast(ends == 0, "int32"), axis=-1) + 1
        lengths = ops.minimum(lengths, rows.limits[:, None])
        return Result(ids, ops.where(exists, lengths, 0), rows.scores)

    def _grow(self, rows, logits, count):
        """Let the live beams take the token number `count` -> rows and parents (B, K) int32."""
        num_beams, n_best = self.num_hypotheses, self.n_best
        log_probs, parents, tokens = self._candidates(rows, logits, count)  # (B, C)
        ends = ops.logical_or(is_end(tokens, self.end_ids), (count >= rows.limits)[:, None])
        scores, finished = self._finished(rows, log_probs[:, :num_beams], ends, count)
        log_probs, living = ops.top_k(ops.where(ends, _NO_BEAM, log_probs), num_beams)
        living = ops.cast(living, "int32") + n_best

        # Among n finished beams and C candidates: where the n + K that stay come from, and what
        # token they add.
        kept = ops.broadcast_to(ops.arange(n_best, dtype="int32"), (ops.shape(tokens)[0], n_best))
        origins = ops.concatenate([kept, parents + n_best], axis=1)  # (B, n + C)
        tokens = ops.pad(tokens, [[0, 0], [n_best, 0]], constant_values=self.pad_id)
        chosen = ops.concatenate([finished, living], axis=1)  # (B, n + K)
        both = pick(ops.stack([origins, tokens], axis=-1), chosen)  # (B, n + K, 2)
        origins, tokens = both[..., 0], both[..., 1]
        rows = rows._replace(
            live=self._can_improve(rows, log_probs[:, 0], scores[:, -1], count),
            ids=tokens[:, n_best:],
            tokens=write_token(pick(rows.tokens, origins), tokens, count),
            scores=scores,
            log_probs=log_probs,
        )
        return rows, origins[:, n_best:] - n_best

    def _candidates(self, rows, logits, count):
        """The best continuations, best first: log-probabilities, parents and tokens, all (B, C).

        Each beam's best tokens are found first: fewer numbers to add to and to compare.
        """
        num_beams = self.num_hypotheses
        vocab_size = logits.shape[-1]
        number = (1 + len(self.end_ids)) * num_beams
        per_beam = min(number, vocab_size)
        # Both (B, K, m); (B, 1, m) after the prompt.
        rules = self._rules(rows)
        new, tokens = best_tokens(logits, per_beam, rules, count, rows.limits)
        total = rows.log_probs[..., None] + new  # (B, K, m)
        if tokens.shape[1] != num_beams:
            tokens = ops.broadcast_to(tokens, ops.shape(total))
        flat = (-1, num_beams * per_beam)
        number = min(number, num_beams * per_beam)
        log_probs, indices = ops.top_k(ops.reshape(total, flat), number)
        indices = ops.cast(indices, "int32")
        return log_probs, indices // per_beam, pick(ops.reshape(tokens, flat), indices)

    def _rules(self, rows):
        """The filters, which see the tokens of the live beams, and the constraints, all as
        constraints."""
        if not self.filters:
            return self.constraints

        def keep(log_probs, count, limits):
            # After the prompt the beams are one, (B, 1, V), and have no tokens.
            beams = rows.tokens[:, self.n_best : self.n_best + ops.shape(log_probs)[1]]
            return filtered(log_probs, self.filters, rows.filters, History(beams, count))

        return (keep, *self.constraints)

    def _finished(self, rows, log_probs, ends, count):
        """The n best of the finished beams and of the first K candidates (B, K) that end.

        Returns scores (B, n) and where they stand among n finished beams and C candidates, (B, n).
        """
        counts = ops.logical_and(ends[:, : self.num_hypotheses], log_probs > _NO_BEAM / 2)
        counts = ops.logical_and(counts, rows.live[:, None])  # a final result never changes
        new = ops.where(counts, log_probs / self.length_penalty(count), -float("inf"))
        scores, indices = ops.top_k(ops.concatenate([rows.scores, new], axis=1), self.n_best)
        return scores, ops.cast(indices, "int32")

    def _can_improve(self, rows, log_prob, worst, count):
        """Whether the best live beam (B,) may still beat the worst finished one (B,): (B,) bool.

        Its log-probability can only fall, and the penalty is largest at one of the two ends of the
        lengths to come.
        """
        soonest = log_prob / self.length_penalty(count + 1)
        latest = log_prob / self.length_penalty(rows.limits)
        best = ops.where(log_prob > _NO_BEAM / 2, ops.maximum(soonest, latest), -float("inf"))
        open_rows = ops.logical_and(rows.live, count < rows.limits)
        return ops.logical_and(open_rows, best > worst)
