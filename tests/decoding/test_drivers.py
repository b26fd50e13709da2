import keras
import numpy as np
import pytest
from keras import ops

from zoo.compiled import compiled_step, shapes_are_dynamic
from zoo.decoding import BeamSearch, Greedy, RepetitionPenalty, Sample, TopK, capacity, run, stream

END, PAD = 1, 0
SEARCHES = [
    Greedy(END, PAD),
    Sample(END, PAD, [TopK(5)], num_samples=3, seed=5),
    BeamSearch(3, END, PAD, n_best=2),
    BeamSearch(3, END, PAD, n_best=2, filters=[RepetitionPenalty(1.7)]),
]


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


@pytest.mark.parametrize("search", SEARCHES)
def test_drivers_agree_with_and_without_retirement(markov, search):
    language = markov.random(num_rows=13, vocab_size=7, seed=6)
    expected = language.search(stream, search, 11, retire_at=0.0)
    assert len(set(expected.lengths.ravel())) > 3
    for driver in (run, stream):
        for retire_at in (0.0, 0.5, 0.99):
            assert_equal(language.search(driver, search, 11, retire_at=retire_at), expected)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_loop_runs_eagerly(markov, search):
    language = markov.random(num_rows=5, vocab_size=7, seed=7)
    prompt, slots = ops.zeros((5, 1), dtype="int32"), capacity(1, 3, 11)
    found = run(search, language.decode, language.cache(slots), prompt, 11)
    assert_equal(found, language.search(run, search, 11))


def test_retired_rows_are_not_decoded(markov):
    if not shapes_are_dynamic():
        pytest.skip("rows do not leave where shapes are fixed")
    # Row 0 never ends, the others do so at the second token.
    logits = np.zeros((8, 3, 3, 3))
    logits[0, ..., 2] = 9.0
    logits[1:, :, 0, 2] = logits[1:, :, 2, END] = 9.0
    language = markov(logits)
    rows = []

    def decode(ids, cache):
        rows.append(ids.shape[0])
        return language.decode(ids, cache)

    prompt = ops.zeros((8, 1), dtype="int32")
    list(stream(Greedy(END, PAD), decode, language.cache(7), prompt, 7))
    assert rows == [8, 8, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_hypothesis_sees_its_own_tokens(markov, search):
    language = markov.random(num_rows=2, vocab_size=7, seed=8)
    language.logits[..., END] = -20.0
    slots = capacity(1, search.num_hypotheses, 4)
    prompt = ops.zeros((2, 1), dtype="int32")
    state = search.start(language.decode, language.cache(slots), prompt, 9)
    for _ in range(3):
        state = search.step(language.decode, state)
    assert int(state.cache.index) == slots
    visible = ops.convert_to_numpy(state.cache.beam["visible"])
    held = ops.convert_to_numpy(state.cache.row["slots"][0])[:, 0, :, 0]
    tokens = ops.convert_to_numpy(state.rows.tokens)[:, -search.num_hypotheses :]
    for row, k in np.ndindex(visible.shape[:2]):  # the prompt and three tokens, not yet the newest
        assert held[row][visible[row, k]].tolist() == [0, *tokens[row, k, :3]]


def test_a_longer_prompt_is_fed_at_once(markov):
    language = markov.random(num_rows=3, vocab_size=7, seed=9)
    prompt = np.asarray([[3, 2, 5], [0, 4, 2], [0, 0, 6]])
    found = language.search(run, Greedy(END, PAD), 1, prompt=prompt)
    expected = [language.logits[0, 2, 5], language.logits[1, 4, 2], language.logits[2, 0, 6]]
    np.testing.assert_array_equal(found.ids[:, 0, 0], np.argmax(expected, axis=-1))


def test_no_rows(markov):
    if not shapes_are_dynamic():
        pytest.skip("a batch of fixed shape without rows is of no use")
    language = markov(np.zeros((0, 3, 3, 3)))
    for search in SEARCHES:
        found = language.search(run, search, 4)
        assert found.ids.shape[0] == 0
        assert found.ids.shape[2] == 4


def test_wrong_limits_are_named(markov):
    language = markov.random(num_rows=2, vocab_size=3, seed=10)
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1; got 0"):
        run(SEARCHES[0], language.decode, language.cache(3), ops.zeros((2, 1), "int32"), 0)
    with pytest.raises(ValueError, match=r"row_limits must have shape \(B,\); got \(2, 1\)"):
        language.search(run, SEARCHES[0], 3, row_limits=np.ones((2, 1)))


@pytest.mark.parametrize("search", SEARCHES)
def test_a_compiled_step_finds_the_same(markov, search):
    language = markov.random(num_rows=13, vocab_size=7, seed=6)
    compiled_steps = []

    def compile_step(step):
        compiled_steps.append(step)
        return compiled_step(keras.Sequential([]), step)

    found = language.search(stream, search, 11, compile_step=compile_step)
    assert_equal(found, language.search(stream, search, 11))
    assert len(compiled_steps) == 1


def test_what_has_ended_goes_on_no_more(markov):
    language = markov.random(num_rows=5, vocab_size=7, seed=6)
    search = Sample(END, PAD, num_samples=2, seed=5)
    whole = language.search(stream, search, 11)

    def has_ended(result):  # a sequence that holds a 3
        ids = ops.convert_to_numpy(result.ids)
        return (ids == 3).any(axis=-1)

    found = language.search(stream, search, 11, has_ended=has_ended)
    for row, k in np.ndindex(5, 2):
        ids = whole.ids[row, k, : whole.lengths[row, k]].tolist()
        expected = ids[: ids.index(3) + 1] if 3 in ids else ids
        assert found.ids[row, k, : found.lengths[row, k]].tolist() == expected
    assert (found.lengths < whole.lengths).any()
