"""Speculative decoding: a small model guesses, the big one checks many guesses at once."""

from typing import Any, NamedTuple

from keras import ops

from zoo.decoding.penalties import LengthPenalty
from zoo.decoding.state import (
    Result,
    State,
    check_count,
    check_end_ids,
    check_token_id,
    first_logits,
    is_end,
    pick,
    row_limits_or_default,
)
from zoo.decoding.top import top_log_probs


class CachePair(NamedTuple):
    """The caches of two models that read the same tokens, as one.

    Attributes:
        main: the big model's `Cache`.
        draft: the small model's.
    """

    main: Any
    draft: Any

    def extend(self, num_slots):
        return CachePair(self.main.extend(num_slots), self.draft.extend(num_slots))

    def compact(self, rows):
        return CachePair(self.main.compact(rows), self.draft.compact(rows))

    def take_back(self, num_tokens):
        """Hide the last `num_tokens` (B,) int32 of each row; free what all rows take back."""
        least = ops.min(num_tokens, initial=2**30)
        least = ops.where(least == 2**30, 0, least)  # no rows
        return CachePair(*(each.forget(num_tokens).truncate(least) for each in self))


class SpeculativeRows(NamedTuple):
    """Attributes:
    live: (B,) bool.
    ids: (B, 1) int32, the newest tokens.
    limits: (B,) int32, how many tokens a row may have.
    tokens: (B, 1, L) int32, what was generated, then `pad_id`.
    counts: (B,) int32, how many tokens there are.
    log_probs: (B,) float32, sum over the tokens.
    """

    live: Any
    ids: Any
    limits: Any
    tokens: Any
    counts: Any
    log_probs: Any


class SpeculativeGreedy:
    """Greedy search whose tokens are guessed by a smaller model first: "Fast inference from
    Transformers via speculative decoding" (Leviathan et al. 2023, arXiv:2211.17192), algorithm 1
    at temperature 0.

    At every step the small model guesses `num_drafts` tokens one after the other, and the big one
    reads them all at once. The guesses that are its own choices stay, and the first that is not is
    replaced: the result is the big model's greedy one, in at most as many of its steps.

    The cache is a `CachePair`. Rows accept unequally many guesses: what one takes back is hidden in
    its slots, and only what all take back is freed.

    Args:
        draft_decode: the small model's `decode`, of the same vocabulary.
        num_drafts: guesses at a time.
        end_id: the id that ends a sequence, or several, a tuple.
        pad_id: the id that fills up a result.
        length_penalty: as for `Greedy`.
    """

    num_hypotheses = 1

    def __init__(self, draft_decode, num_drafts, end_id, pad_id, length_penalty=None):
        self.draft_decode = draft_decode
        self.num_drafts = check_count("num_drafts", num_drafts)
        self.end_ids = check_end_ids(end_id)
        self.pad_id = check_token_id("pad_id", pad_id)
        self.length_penalty = LengthPenalty(1.0) if length_penalty is None else length_penalty

    def slots_needed(self, num_rows, prompt_length, max_new_tokens):
        # A step fills as many slots as its luckiest row gets tokens: at most num_drafts + 1, and
        # over all steps no more than all rows' tokens together; and a last step overshoots.
        chunk = self.num_drafts + 1
        return prompt_length + min(num_rows, chunk) * max_new_tokens + chunk

    def start(self, decode, cache, prompt, max_new_tokens, row_limits=None):
        num_rows = ops.shape(prompt)[0]
        logits, main = first_logits(decode, prompt, cache.main)
        _, draft = self.draft_decode(prompt, cache.draft)
        rows = SpeculativeRows(
            live=ops.ones((num_rows,), dtype="bool"),
            ids=ops.zeros((num_rows, 1), dtype="int32"),
            limits=row_limits_or_default(row_limits, max_new_tokens, num_rows),
            tokens=ops.full((num_rows, 1, max_new_tokens), self.pad_id, dtype="int32"),
            counts=ops.zeros((num_rows,), dtype="int32"),
            log_probs=ops.zeros((num_rows,), dtype="float32"),
        )
        log_probs, chosen = top_log_probs(logits, 1)  # (B, 1, 1)
        accepted = ops.ones((num_rows,), dtype="int32")
        rows, _ = self._append(rows, chosen[..., 0], log_probs[..., 0], accepted)
        return State(ops.ones((), dtype="int32"), CachePair(main, draft), rows)

    def step(self, decode, state):
        main, draft = state.cache
        guesses = [state.rows.ids]  # (B, 1) each
        for _ in range(self.num_drafts):
            logits, draft = self.draft_decode(guesses[-1], draft)
            guesses.append(top_log_probs(ops.cast(logits, "float32"), 1)[1][..., 0])
        # The last guess is read too, so that both caches hold the same tokens.
        _, draft = self.draft_decode(guesses[-1], draft)
        read = ops.concatenate(guesses, axis=1)  # (B, J), J = num_drafts + 1
        logits, main = decode(read, main)
        logits = ops.reshape(ops.cast(logits, "float32"), (-1, len(guesses), logits.shape[-1]))
        log_probs, chosen = top_log_probs(logits, 1)
        log_probs, chosen = log_probs[..., 0], chosen[..., 0]  # (B, J)
        right = ops.cast(read[:, 1:] == chosen[:, :-1], "int32")
        accepted = 1 + ops.sum(ops.cumprod(right, axis=1), axis=1)  # (B,)
        rows, new = self._append(state.rows, chosen, log_probs, accepted)
        cache = CachePair(main, draft).take_back(len(guesses) - ops.maximum(new, 1))
        return State(state.count + 1, cache, rows)

    def stop(self, state, ended):
        """End those of the open rows that `ended`, (B, 1) bool, with the tokens they have."""
        rows = state.rows
        live = ops.logical_and(rows.live, ops.logical_not(ended[:, 0]))
        return state._replace(rows=rows._replace(live=live))

    def finish(self, state):
        rows = state.rows
        lengths = rows.counts[:, None]  # (B, 1)
        return Result(rows.tokens, lengths, rows.log_probs[:, None] / self.length_penalty(lengths))

    def _append(self, rows, chosen, log_probs, accepted):
        """Write the first `accepted` (B,) of the tokens `chosen` (B, J), up to end and limit.

        Returns:
            The rows and how many tokens were written, (B,) int32.
        """
        number = ops.arange(ops.shape(chosen)[1], dtype="int32")  # (J,)
        ends = ops.cast(is_end(chosen, self.end_ids), "int32")
        after_end = ops.cumsum(ends, axis=1) - ends > 0
        room = rows.limits - rows.counts
        kept = ops.logical_and(
            number < ops.minimum(accepted, room)[:, None], ops.logical_not(after_end)
        )
        kept = ops.logical_and(kept, rows.live[:, None])  # (B, J)
        new = ops.sum(ops.cast(kept, "int32"), axis=1)  # (B,)
        counts = rows.counts + new

        place = ops.arange(ops.shape(rows.tokens)[-1], dtype="int32") - rows.counts[:, None]
        inside = ops.logical_and(place >= 0, place < new[:, None])  # (B, L)
        written = pick(chosen, ops.clip(place, 0, ops.shape(chosen)[1] - 1))
        newest = pick(chosen, ops.maximum(new - 1, 0)[:, None])  # (B, 1)
        ended = ops.logical_or(is_end(newest[:, 0], self.end_ids), counts >= rows.limits)
        return rows._replace(
            live=ops.logical_and(rows.live, ops.logical_not(ended)),
            ids=ops.where(rows.live[:, None], newest, self.pad_id),
            tokens=ops.where(inside[:, None], written[:, None], rows.tokens),
            counts=counts,
            log_probs=rows.log_probs + ops.sum(ops.where(kept, log_probs, 0.0), axis=1),
        ), new
