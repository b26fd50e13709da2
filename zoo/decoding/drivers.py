"""The two ways to run a search: as a loop in a graph, and step by step from Python.

Both work in stages. A stage ends when few rows are live, or after some steps; then the rows whose
result is final leave, and slots of the cache that no hypothesis sees any more are dropped, because
attention reads every slot of every row at every step. Where a compiled loop cannot change shapes,
as on JAX, there is one stage, with room for everything.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.compiled import shapes_are_dynamic

# Steps of a stage at most: fewer copy the cache more often, more read more slots of dead beams.
_STAGE = 16


def run(search, decode, cache, prompt, max_new_tokens, row_limits=None, retire_at=0.5):
    """Run a search by `ops.while_loop`: inside a compiled function, an export, or eagerly.

    Args:
        search: `Greedy`, `BeamSearch`, `Sample`, or an object like them (see
            `zoo.decoding.state`).
        decode: `decode(ids (B, T), cache) -> (logits (B, T, V), cache)`.
        cache: a `Cache` with one hypothesis a row, such as `model.start` gives, and P free slots;
            the driver makes room for the new tokens.
        prompt: (B, P) int32, what is fed first, the last token last.
        max_new_tokens: L, whole number or, where shapes are dynamic, () int32: the new tokens
            a row may have.
        row_limits: (B,) int32 or None: a limit for each row, at most L. A limit that depends
            on the row alone keeps its result independent of the batch.
        retire_at: a stage ends once at most this share of its rows is live, from 0 to 1.

    Returns:
        A `Result`.
    """
    state = _start(search, decode, cache, prompt, max_new_tokens, row_limits)
    if not shapes_are_dynamic():
        return search.finish(_loop(search, decode, state, 0.0, max_new_tokens))

    def any_live(batch):
        return ops.any(batch.state.rows.live)

    def stage(batch):
        batch = batch.renew(batch.state.rows.live)
        stop = batch.state.count + _STAGE

        def loop(state):
            return _loop(search, decode, state, retire_at, stop)

        if search.num_hypotheses > 1:
            return (batch.with_state(loop(batch.state)),)
        return (batch.with_state(_told_when_alone(loop, batch.state)),)

    # Renewed without loss first: that hides the shapes from TensorFlow, whose loops may not
    # change what they know.
    batch = _Batch.of(state).renew(ops.ones_like(state.rows.live))
    return search.finish(ops.while_loop(any_live, stage, (batch,))[0].whole())


def stream(
    search,
    decode,
    cache,
    prompt,
    max_new_tokens,
    row_limits=None,
    retire_at=0.5,
    compile_step=None,
    has_ended=None,
):
    """Run a search from Python; yields the `Result` so far after every token.

    Arguments as for `run`, and the last result equals that of `run`. The sequences of `Greedy` and
    `Sample` grow by a token a step; `BeamSearch` shows what is finished.

    Args:
        compile_step: function that compiles the step, a function State -> State, or None: each runs
            eagerly. See `zoo.compiled.compiled_step`. What was compiled for one search does for
            another that differs in the numbers of its rows only.
        has_ended: function `Result` -> (B, n) bool array, which sequences shall go on no more, or
            None. The search must have a method `stop`, as `Greedy` and `Sample` do.
    """

    def step(state):
        return search.step(decode, state)

    if compile_step is not None:
        step = compile_step(step)
    state = _start(search, decode, cache, prompt, max_new_tokens, row_limits)
    batch, stop = _Batch.of(state), state.count
    while True:
        result = search.finish(batch.whole())
        if has_ended is not None:
            batch = batch.stopped(search, has_ended(result))
        yield result
        if not bool(ops.any(batch.state.rows.live)):
            return
        if shapes_are_dynamic() and not bool(_stage_goes_on(batch.state, retire_at, stop)):
            batch, stop = batch.renew(batch.state.rows.live), batch.state.count + _STAGE
        batch = batch.with_state(step(batch.state))


def _start(search, decode, cache, prompt, max_new_tokens, row_limits):
    if not shapes_are_dynamic():
        num_rows, length = prompt.shape
        needed = search.slots_needed(num_rows, length, max_new_tokens)
        cache = cache.extend(max(0, needed - length))
    return search.start(decode, cache, prompt, max_new_tokens, row_limits)


def _loop(search, decode, state, retire_at, stop):
    pack, unpack = _packing(state)
    packed = ops.while_loop(
        lambda packed: _stage_goes_on(unpack(packed), retire_at, stop),
        lambda packed: (pack(search.step(decode, unpack(packed))),),
        (pack(state),),
    )[0]
    return unpack(packed)


def _told_when_alone(loop, state):
    """`loop(state)`; a graph has a second loop that knows of it where only one row is there.

    The vectors of one row are multiplied in another way than those of several, see `Projection`.
    """
    num_rows = ops.shape(state.rows.live)[0]

    def alone():
        def first(x):
            # Not reshaped: from a reshape to one row, TensorFlow infers that there can be no more,
            # even in a branch that is not taken.
            return x[0][None] if len(x.shape) else x

        return loop(keras.tree.map_structure(first, state))

    return ops.cond(num_rows == 1, alone, lambda: loop(state))


def _packing(state):
    """Two functions: to the form in which a compiled loop carries a `State`, and back.

    Where shapes are fixed, as on JAX, that is without axes of length one. XLA takes such axes out
    of products; a cache that is carried with them is written once for the product and once to be
    carried on, each time into a copy, instead of once in place: a tenth of a step of GPT-2 124M
    with one row.
    """
    if shapes_are_dynamic():
        return _unchanged, _unchanged
    shapes = [tuple(x.shape) for x in keras.tree.flatten(state)]
    short = [tuple(length for length in shape if length != 1) for shape in shapes]

    def reshaped(tree, shapes):
        flat = map(ops.reshape, keras.tree.flatten(tree), shapes)
        return keras.tree.pack_sequence_as(state, list(flat))

    return lambda whole: reshaped(whole, short), lambda packed: reshaped(packed, shapes)


def _unchanged(state):
    return state


def _stage_goes_on(state, retire_at, stop):
    """Whether more than a share of the rows is live, and fewer than `stop` tokens are there."""
    live = ops.cast(state.rows.live, "float32")
    many = ops.sum(live) > retire_at * ops.sum(ops.ones_like(live))
    return ops.logical_and(many, state.count < stop)


class _Batch(NamedTuple):
    """A batch that rows leave.

    Attributes:
        state: the search's state of R rows.
        numbers: (R,) int32, which rows of the whole batch they are.
        rows: the `rows` of the whole batch, (B, ...), as they were when they left or last stepped.
    """

    state: Any
    numbers: Any
    rows: Any

    @classmethod
    def of(cls, state):
        num_rows = ops.shape(state.rows.live)[0]
        return cls(state, ops.arange(num_rows, dtype="int32"), state.rows)

    def renew(self, kept):
        """With the rows that are `kept`, (R,) bool, and the slots of the cache that they need."""
        kept = ops.nonzero(kept)[0]  # (R',)

        def take(x):
            return ops.take(x, kept, axis=0)

        rows = keras.tree.map_structure(take, self.state.rows)
        state = self.state._replace(cache=self.state.cache.compact(kept), rows=rows)
        return self._replace(state=state, numbers=take(self.numbers))

    def with_state(self, state):
        """After more steps of the rows that are there."""

        def write(whole, part):
            return ops.scatter_update(whole, self.numbers[:, None], part)

        rows = keras.tree.map_structure(write, self.rows, state.rows)
        return self._replace(state=state, rows=rows)

    def stopped(self, search, ended):
        """With those hypotheses ended that have `ended`, (B, n) bool array of the whole batch."""
        ended = ops.take(ops.convert_to_tensor(ended, dtype="bool"), self.numbers, axis=0)
        return self.with_state(search.stop(self.state, ended))

    def whole(self):
        """The state with the rows of the whole batch, for `finish`."""
        return self.state._replace(rows=self.rows)
