"""Guessing ahead changes nothing but the number of steps."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.decoding.conftest import Markov
from zoo.compiled import compiled, compiled_step
from zoo.decoding import CachePair, Greedy, SpeculativeGreedy, run, stream
from zoo.layers.cache import Pieces

END, PAD, LENGTH = 1, 0, 13


class Remembering(Markov):
    """The same language, whose last token is the last that its cache still shows."""

    def decode(self, ids, cache):
        visible, (slots,) = cache.beam["visible"], cache.row["slots"]
        if isinstance(slots, Pieces):
            slots = ops.concatenate(slots, axis=2)
        place = ops.arange(ops.shape(visible)[-1], dtype="int32")
        last = ops.max(ops.where(visible, place, -1), axis=-1, keepdims=True)  # (B, 1, 1)
        token = ops.sum(ops.where(place == last, slots[:, :, :, 0], 0), axis=-1)  # (B, 1)
        return super().decode(ids, cache._replace(beam={**cache.beam, "last": token}))


def languages(seed, difference):
    """A language, and one whose logits are not far from it."""
    main = Remembering.random(num_rows=7, vocab_size=11, seed=seed)
    noise = np.random.default_rng(seed + 1).normal(size=main.logits.shape)
    return main, Remembering(main.logits + difference * noise)


def speculate(driver, main, draft, num_drafts, limits=None, **arguments):
    search = SpeculativeGreedy(draft.decode, num_drafts, END, PAD)

    def whole(prompt):
        pair = CachePair(main.cache(1), draft.cache(1))
        return driver(search, main.decode, pair, prompt, LENGTH, limits, **arguments)

    prompt = ops.zeros((len(main.logits), 1), dtype="int32")
    if driver is stream:
        found = list(whole(prompt))
        return keras.tree.map_structure(ops.convert_to_numpy, found[-1]), len(found)
    found = compiled(keras.Sequential([]), whole)(prompt)
    return keras.tree.map_structure(ops.convert_to_numpy, found), None


def assert_same(found, expected):
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)


@pytest.mark.parametrize("num_drafts", [1, 3])
@pytest.mark.parametrize("difference", [0.0, 0.7, 9.0])
def test_finds_what_greedy_search_finds(num_drafts, difference):
    main, draft = languages(3, difference)
    expected = main.search(run, Greedy(END, PAD), LENGTH)
    assert len(set(expected.lengths.ravel())) > 2
    assert_same(speculate(run, main, draft, num_drafts)[0], expected)
    found, steps = speculate(
        stream,
        main,
        draft,
        num_drafts,
        compile_step=lambda step: compiled_step(keras.Sequential([]), step),
    )
    assert_same(found, expected)
    if difference == 0.0:  # every guess is right
        assert steps == 1 + -(-(LENGTH - 1) // (num_drafts + 1))


def test_limits_of_rows():
    main, draft = languages(5, 0.5)
    limits = ops.convert_to_tensor([1, 2, 3, 5, 8, 13, 13], dtype="int32")
    expected = main.search(run, Greedy(END, PAD), LENGTH, row_limits=limits)
    assert_same(speculate(run, main, draft, 4, limits)[0], expected)


@pytest.mark.parametrize("retire_at", [0.0, 0.9])
def test_rows_may_leave(retire_at):
    main, draft = languages(8, 1.0)
    expected = main.search(run, Greedy(END, PAD), LENGTH)
    assert_same(speculate(run, main, draft, 2, retire_at=retire_at)[0], expected)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="num_drafts must be a whole number from 1; got 0"):
        SpeculativeGreedy(None, 0, END, PAD)
    with pytest.raises(ValueError, match="end_id must be a whole number from 0; got None"):
        SpeculativeGreedy(None, 1, None, PAD)
