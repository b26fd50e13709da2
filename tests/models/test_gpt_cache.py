"""Cached decoding of a GPT equals its plain forward."""

import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from tests.models_on_ids import some_ids
from tests.small_gpts import VARIANTS, forward, real_from, small
from zoo.compiled import compiled, shapes_are_dynamic

both = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def ids(rng):
    return some_ids(rng, 3, 7)


def in_chunks(model, ids, lengths, real=None, capacity=None):
    """Logits of `decode` in chunks of `lengths`, and the write index."""
    real = np.ones_like(ids, dtype=bool) if real is None else real

    def run(ids, real):
        cache = model.start(ops.shape(ids)[0], sum(lengths) if capacity is None else capacity)
        pieces, begin = [], 0
        for length in lengths:
            columns = slice(begin, begin + length)
            logits, cache = model.decode(ids[:, columns], cache, real[:, columns])
            pieces.append(logits)
            begin += length
        return ops.concatenate(pieces, axis=1), cache.index

    return to_numpy(compiled(model, run)(ids, real))


def assert_close(given, expected):
    np.testing.assert_allclose(given, expected, atol=1e-5, rtol=1e-5)


@both
@pytest.mark.parametrize("lengths", [(1, 1, 5), (3, 1, 3), (7,)])
def test_chunks_equal_the_plain_forward(ids, variant, lengths):
    logits, index = in_chunks(small(variant), ids, lengths)
    assert_close(logits, forward(small(variant), ids))
    assert index == 7


def test_free_slots_change_nothing(ids):
    logits, _ = in_chunks(small(), ids, (2, 5), capacity=17)
    assert_close(logits, forward(small(), ids))


def test_rematerialization_is_for_whole_sequences(ids):
    logits, _ = in_chunks(small(rematerialize=True), ids, (3, 4))
    assert_close(logits, forward(small(), ids))


@pytest.mark.parametrize(
    ("variant", "lengths"),
    [("gpt2", (5, 1, 1)), ("present_day", (5, 1, 1)), ("present_day", (3, 4)), ("gpt2", (7,))],
)
def test_prompts_of_mixed_lengths(ids, variant, lengths):
    """Padded on the left, and the chunks may end anywhere in the padding."""
    real = real_from((7, 4, 3), 7)
    logits, _ = in_chunks(small(variant), ids, lengths, real)
    assert np.isfinite(logits).all()
    for row in range(3):
        alone = forward(small(variant), ids[row, real[row]][None])[0]
        assert_close(logits[row, real[row]], alone)


def hypotheses(model, prompt, real, first, parents, later):
    """Two hypotheses that part, swap parents, and go on: the logits of `later`, K tokens each."""

    def run(prompt, real, first, parents, later):
        cache = model.start(ops.shape(prompt)[0], 17)
        _, cache = model.decode(prompt, cache, real)
        _, cache = model.decode(first, cache.expand(2))
        logits, _ = model.decode(later, cache.reorder(parents))
        return logits

    return to_numpy(compiled(model, run)(prompt, real, first, parents, later))


@pytest.mark.parametrize(("variant", "length"), [("gpt2", 2), ("present_day", 1)])
def test_hypotheses_equal_plain_forwards_of_each(rng, variant, length):
    model = small(variant)
    prompt, real = some_ids(rng, 3, 5), real_from((5, 2, 2), 5)
    first, later = some_ids(rng, 3, 2), some_ids(rng, 3, 2 * length)
    parents = np.array([[1, 0], [1, 1], [0, 0]], "int32")
    logits = hypotheses(model, prompt, real, first, parents, later)
    for row in range(3):
        for k in range(2):
            own = slice(k * length, (k + 1) * length)
            chosen = first[row, parents[row, k]]
            whole = [*prompt[row, real[row]], chosen, *later[row, own]]
            assert_close(logits[row, own], forward(model, [whole])[0, -length:])


@both
def test_steps_may_be_taken_back(rng, ids, variant):
    model = small(variant)

    def run(ids, wrong):
        cache = model.start(3, 7)
        _, cache = model.decode(ids[:, :3], cache)
        _, cache = model.decode(wrong, cache)
        logits, _ = model.decode(ids[:, 3:], cache.truncate(4))
        return logits

    logits = to_numpy(compiled(model, run)(ids, some_ids(rng, 3, 4)))
    assert_close(logits, forward(model, ids)[:, 3:])


def test_one_prefix_serves_several_ends(rng, ids):
    """A cache is a value: what was decoded from it does not change it."""
    model = small("present_day")

    def run(ids, others):
        _, cache = model.decode(ids[:, :4], model.start(3, 11))
        first, _ = model.decode(ids[:, 4:], cache)
        second, _ = model.decode(others, cache)
        return ops.stack([first, second])

    others = some_ids(rng, 3, 3)
    first, second = to_numpy(compiled(model, run)(ids, others))
    assert_close(first, forward(model, ids)[:, 4:])
    whole = np.concatenate([ids[:, :4], others], axis=1)
    assert_close(second, forward(model, whole)[:, 4:])


def test_rows_may_leave_the_batch(ids):
    model = small()
    real = real_from((7, 4, 4), 7)

    def run(ids, real, rows):
        _, cache = model.decode(ids[:, :4], model.start(3, 7), real[:, :4])
        logits, _ = model.decode(ops.take(ids, rows, axis=0)[:, 4:], cache.take_rows(rows))
        return logits

    logits = to_numpy(compiled(model, run)(ids, real, np.array([2, 0], "int32")))
    for given, row in zip(logits, (2, 0), strict=True):
        assert_close(given, forward(model, ids[row, real[row]][None])[0, -3:])


@pytest.mark.skipif(not shapes_are_dynamic(), reason="caches are compacted where shapes may change")
def test_a_compacted_cache_goes_on(ids):
    model = small("present_day")
    real = real_from((7, 4, 4), 7)

    def run(ids, real, rows):
        _, cache = model.decode(ids[:, :5], model.start(3, 23), real[:, :5])
        cache = cache.compact(rows)
        slots = ops.shape(cache.beam["visible"])[-1]
        logits, _ = model.decode(ops.take(ids, rows, axis=0)[:, 5:], cache)
        return logits, ops.convert_to_tensor(slots)

    logits, slots = to_numpy(compiled(model, run)(ids, real, np.array([1, 2], "int32")))
    assert slots == 2  # the prompts of both are of two tokens
    for given, row in zip(logits, (1, 2), strict=True):
        assert_close(given, forward(model, ids[row, real[row]][None])[0, -2:])


def test_keys_and_values_of_fewer_heads_are_kept():
    slots = small("present_day").start(3, 11).row["slots"]
    assert [tuple(x.shape) for pair in slots for x in pair] == 4 * [(3, 2, 11, 4)]


def test_bad_steps(ids):
    model = small()
    _, cache = model.decode(ids[:, :2], model.start(3, 4))
    with pytest.raises(ValueError, match="4 slots, of which 2 are free; got 5 tokens"):
        model.decode(ids[:, 2:], cache)
    with pytest.raises(ValueError, match="K = 2 hypotheses of the cache; got 3"):
        model.decode(ids[:, 2:5], cache.expand(2))
    with pytest.raises(ValueError, match="padding_mask must have the shape of token_ids"):
        model.decode(ids[:, 2:3], cache, np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="token_ids must be ids of the vocabulary"):
        model.decode(np.full((3, 1), 37), cache)
    _, used = model.decode(ids, model.start(3, 0))
    with pytest.raises(ValueError, match="capacity=0"):
        model.decode(ids, used)
    longer = model.start(3, 23)
    _, longer = model.decode(np.full((3, 19), 5, "int32"), longer)
    with pytest.raises(ValueError, match="at most 19 long; got 20"):
        model.decode(ids[:, :1], longer)
