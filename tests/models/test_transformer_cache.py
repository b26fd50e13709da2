"""Cached decoding of the Transformer equals its plain forward."""

import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from tests.models_on_ids import some_ids
from tests.small_transformers import MARIAN, forward, small
from zoo.compiled import compiled, shapes_are_dynamic


def steps_of(model, source, target, lengths, capacity=None):
    """Logits of `decode` in chunks of `lengths`."""

    def run(source, target):
        cache = model.start(source, sum(lengths) if capacity is None else capacity)
        pieces, begin = [], 0
        for length in lengths:
            logits, cache = model.decode(target[:, begin : begin + length], cache)
            pieces.append(logits)
            begin += length
        return ops.concatenate(pieces, axis=1), cache.index

    return to_numpy(compiled(model, run)(source, target))


@pytest.mark.parametrize("overrides", [{}, {**MARIAN, "norm_order": "pre"}])
@pytest.mark.parametrize("lengths", [(1, 1, 3), (3, 1, 1), (5,)])
def test_chunks_over_a_cache_equal_the_plain_forward(source, target, overrides, lengths):
    model = small(**overrides)
    source = np.where(source == 0, model.config.pad_id, source)
    logits, index = steps_of(model, source, target, lengths)
    expected = forward(model, source, target)
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)
    assert index == 5


def test_free_slots_change_nothing(source, target):
    logits, _ = steps_of(small(), source, target, (2, 3), capacity=11)
    np.testing.assert_allclose(logits, forward(small(), source, target), atol=1e-5, rtol=1e-5)


def beams_of(model, source, prompt, beams, parents, later):
    """Two beams that part, swap parents, and go on: the logits of `later`, K tokens each."""

    def run(source, prompt, beams, parents, later):
        cache = model.start(source, 17)
        _, cache = model.decode(prompt, cache)
        _, cache = model.decode(beams, cache.expand(2))
        logits, _ = model.decode(later, cache.reorder(parents))
        return logits

    return to_numpy(compiled(model, run)(source, prompt, beams, parents, later))


@pytest.mark.parametrize("length", [1, 2])
def test_beams_equal_plain_forwards_of_each_hypothesis(rng, source, length):
    model = small()
    prompt = np.concatenate([np.full((3, 1), 2), some_ids(rng, 3, 2)], axis=1).astype("int32")
    first, later = some_ids(rng, 3, 2), some_ids(rng, 3, 2 * length)
    parents = np.array([[1, 0], [1, 1], [0, 0]], "int32")
    logits = beams_of(model, source, prompt, first, parents, later)
    for k in range(2):
        chosen = np.take_along_axis(first, parents[:, k : k + 1], axis=1)
        own = slice(k * length, (k + 1) * length)
        whole = np.concatenate([prompt, chosen, later[:, own]], axis=1)
        expected = forward(model, source, whole)[:, -length:]
        np.testing.assert_allclose(logits[:, own], expected, atol=1e-5, rtol=1e-5)


def test_steps_may_be_taken_back(rng, source, target):
    model = small()

    def run(source, target, wrong):
        cache = model.start(source, 5)
        _, cache = model.decode(target[:, :2], cache)
        _, cache = model.decode(wrong, cache)
        logits, _ = model.decode(target[:, 2:], cache.truncate(3))
        return logits

    logits = to_numpy(compiled(model, run)(source, target, some_ids(rng, 3, 3)))
    expected = forward(model, source, target)[:, 2:]
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)


def test_rows_may_leave_the_batch(source, target):
    model = small()

    def run(source, target, rows):
        cache = model.start(source, 5)
        _, cache = model.decode(target[:, :2], cache)
        logits, _ = model.decode(ops.take(target, rows, axis=0)[:, 2:], cache.take_rows(rows))
        return logits

    rows = np.array([2, 0], "int32")
    logits = to_numpy(compiled(model, run)(source, target, rows))
    expected = forward(model, source, target)[rows][:, 2:]
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not shapes_are_dynamic(), reason="caches are compacted where shapes may change")
def test_a_compacted_cache_goes_on(rng, source):
    model = small()
    prompt = np.concatenate([np.full((3, 1), 2), some_ids(rng, 3, 2)], axis=1).astype("int32")
    first, then, last = (some_ids(rng, 3, 2) for _ in range(3))
    parents, rows = np.array([[1, 1], [1, 0], [0, 0]], "int32"), np.array([2, 0], "int32")

    def run(source, prompt, first, then, last, parents, rows):
        cache = model.start(source, 29)
        _, cache = model.decode(prompt, cache)
        _, cache = model.decode(first, cache.expand(2))
        cache = cache.reorder(parents).compact(rows)
        slots = ops.shape(cache.beam["visible"])[-1]
        logits, cache = model.decode(ops.take(then, rows, axis=0), cache)
        more, _ = model.decode(ops.take(last, rows, axis=0), cache)
        return ops.stack([logits, more], axis=2), ops.convert_to_tensor(slots)

    logits, slots = to_numpy(compiled(model, run)(source, prompt, first, then, last, parents, rows))
    assert slots == 4  # the prompt and one of the two beams, in both rows
    for k in range(2):
        chosen = np.take_along_axis(first, parents[:, k : k + 1], axis=1)
        whole = np.concatenate([prompt, chosen, then[:, k : k + 1], last[:, k : k + 1]], axis=1)
        expected = forward(model, source, whole)[rows][:, -2:]
        np.testing.assert_allclose(logits[:, k], expected, atol=1e-5, rtol=1e-5)


def test_more_tokens_than_slots(source, target):
    model = small()
    _, cache = model.decode(target[:, :2], model.start(source, 4))
    with pytest.raises(ValueError, match="4 slots, of which 2 are free; got 3 tokens"):
        model.decode(target[:, 2:], cache)
    with pytest.raises(ValueError, match="K = 2 hypotheses of the cache; got 3"):
        model.decode(target[:, 2:], cache.expand(2))
    _, used = model.decode(target, model.start(source, 0))
    with pytest.raises(ValueError, match="capacity=0"):
        model.decode(target, used)
