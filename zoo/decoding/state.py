"""What every search shares: the state, the result, and the limits on a row's length.

A search is an object with `num_hypotheses`, a method `slots_needed(num_rows, prompt_length,
max_new_tokens)`, the cache slots that it fills at most, and three methods over one `State`:

    start(decode, cache, prompt, max_new_tokens, row_limits) -> State   one token is chosen
    step(decode, state) -> State                                        one more token
    finish(state) -> Result                                             what is there, any time

`decode(ids (B, T), cache) -> (logits (B, T, V), cache)` is all that it knows of a model. After
`start` every call has T = K, the newest token of each hypothesis.
"""

import numbers
from typing import Any, NamedTuple

from keras import ops

from zoo.layers.cache import gather_beams


class State(NamedTuple):
    """The state of a search; B rows, K hypotheses a row.

    Attributes:
        count: () int32, tokens generated so far, the same for all rows that are live.
        cache: the model's `Cache`, K hypotheses a row.
        rows: NamedTuple of the search's own tensors, all (B, ...). Among them `live` (B,) bool,
            False once a row's result is final, and `ids` (B, K) int32, to be decoded next.
    """

    count: Any
    cache: Any
    rows: Any


class History(NamedTuple):
    """What the hypotheses have so far.

    Attributes:
        tokens: (B, K, L) int32, the new tokens; the first `count` - 1 are there.
        count: () int32, which token is chosen next, from 1.
    """

    tokens: Any
    count: Any

    def chosen(self):
        """`tokens`, with -1 where there is none yet."""
        place = ops.arange(ops.shape(self.tokens)[-1], dtype="int32")
        return ops.where(place < self.count - 1, self.tokens, -1)


class Result(NamedTuple):
    """What a search found; B rows, n sequences a row, L new tokens at most.

    Attributes:
        ids: (B, n, L) int32, the new tokens with the end token, then `pad_id`.
        lengths: (B, n) int32, tokens with the end token; 0 where a row has fewer than n sequences.
        scores: (B, n) float32, sum of the tokens' log-probabilities over the length penalty; -inf
            where there is no sequence.
    """

    ids: Any
    lengths: Any
    scores: Any


def capacity(prompt_length, num_hypotheses, max_new_tokens):
    """Cache slots that a search needs: P + K * (max_new_tokens - 1). The last token is not fed."""
    return prompt_length + num_hypotheses * (max_new_tokens - 1)


def row_limits_or_default(row_limits, max_new_tokens, num_rows):
    """How many tokens each row may have: (B,) int32 between 1 and `max_new_tokens`."""
    if isinstance(max_new_tokens, numbers.Integral) and max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1; got {max_new_tokens}")
    if row_limits is None:
        return ops.broadcast_to(ops.cast(max_new_tokens, "int32"), (num_rows,))
    row_limits = ops.convert_to_tensor(row_limits, dtype="int32")
    if len(row_limits.shape) != 1:
        raise ValueError(f"row_limits must have shape (B,); got {tuple(row_limits.shape)}")
    return ops.clip(row_limits, 1, max_new_tokens)


def check_token_id(name, value):
    """`value` as a token id; `name` is the argument's, for the error."""
    if not isinstance(value, numbers.Integral) or value < 0:
        raise ValueError(f"{name} must be a whole number from 0; got {value!r}")
    return int(value)


def check_end_ids(value):
    """The argument `end_id`, one id or several, as a tuple of ids."""
    ids = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not ids:
        raise ValueError("end_id must be an id or several; got none")
    return tuple(check_token_id("end_id", each) for each in ids)


def is_end(ids, end_ids):
    """Where one of the ids `end_ids`, a tuple, stands: bool, of the shape of `ids`."""
    found = ids == end_ids[0]
    for each in end_ids[1:]:
        found = ops.logical_or(found, ids == each)
    return found


def check_count(name, value, minimum=1):
    """`value` as a number of things; `name` is the argument's, for the error."""
    if not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name} must be a whole number from {minimum}; got {value!r}")
    return int(value)


def first_logits(decode, prompt, cache):
    """Feed the prompt: ids (B, P) -> the last token's logits (B, 1, V) float32 and the cache."""
    logits, cache = decode(prompt, cache)
    return ops.cast(logits[:, -1:], "float32"), cache


def next_logits(decode, state, num_hypotheses):
    """Feed the newest tokens -> their logits (B, K, V) float32 and the cache."""
    logits, cache = decode(state.rows.ids, state.cache)
    shape = (-1, num_hypotheses, logits.shape[-1])  # so that a graph knows K
    return ops.reshape(ops.cast(logits, "float32"), shape), cache


def write_token(tokens, new, count):
    """Put new (B, M) int32 at position `count` - 1 of tokens (B, M, L)."""
    position = ops.arange(ops.shape(tokens)[-1], dtype="int32")
    return ops.where(position == count - 1, new[:, :, None], tokens)


def pick(x, indices):
    """x (B, M, ...), indices (B, J) int32 in [0, M) -> (B, J, ...)."""
    return gather_beams(x, indices)
