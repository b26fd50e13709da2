"""Stages of the drivers over a model's cache: rows leave, dead slots are dropped, room is made."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.compiled import compiled, shapes_are_dynamic
from zoo.decoding import BeamSearch, Greedy, LengthPenalty, Sample, capacity, run, stream
from zoo.models import Transformer

END, PAD, START, LENGTH = 2, 0, 1, 41  # more than two stages


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    model = Transformer.from_size(
        "tiny",
        vocab_size=97,
        pad_id=PAD,
        start_id=START,
        end_id=END,
        hidden_dim=16,
        feed_forward_dim=32,
        num_heads=2,
        num_encoder_layers=1,
        num_decoder_layers=2,
    )
    for variable in model.trainable_variables:
        variable.assign(variable * 3.0)  # logits that differ
    return model


@pytest.fixture(scope="module")
def sources():
    ids = np.random.default_rng(1).integers(3, 97, size=(5, 7)).astype("int32")
    ids[1, 4:] = PAD
    return ids


@pytest.mark.parametrize(
    "search",
    [
        Greedy(END, PAD),
        BeamSearch(3, END, PAD, LengthPenalty(0.3), n_best=3),
        Sample(END, PAD, num_samples=2),
    ],
)
@pytest.mark.parametrize(
    "limits",
    [[41, 3, 17, 29, 41], [41, 3, 17, 29, 5], [41]],
    ids=["several to the end", "one at the end", "one alone"],
)
def test_stages_change_nothing(model, sources, search, limits):
    limits = np.asarray(limits, "int32")
    sources = sources[: len(limits)]
    prompt = np.full((len(limits), 1), START, "int32")
    slots = capacity(1, search.num_hypotheses, LENGTH)

    def plain(sources, prompt, limits):
        """One stage, with room for everything."""
        state = search.start(
            model.decode, model.start(sources, slots), prompt, LENGTH, row_limits=limits
        )
        (state,) = ops.while_loop(
            lambda state: ops.any(state.rows.live),
            lambda state: (search.step(model.decode, state),),
            (state,),
        )
        return search.finish(state)

    def staged(sources, prompt, limits):
        cache = model.start(sources, 2)
        return run(search, model.decode, cache, prompt, LENGTH, row_limits=limits)

    expected = compiled(model, plain)(sources, prompt, limits)
    assert ops.convert_to_numpy(expected.lengths).max() == LENGTH
    assert_same(compiled(model, staged)(sources, prompt, limits), expected)
    if shapes_are_dynamic():
        cache = model.start(sources, 2)
        results = list(stream(search, model.decode, cache, prompt, LENGTH, row_limits=limits))
        assert_same(results[-1], expected)


def assert_same(result, expected):
    result, expected = (
        keras.tree.map_structure(ops.convert_to_numpy, x) for x in (result, expected)
    )
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_array_equal(result.lengths, expected.lengths)
    np.testing.assert_allclose(result.scores, expected.scores, rtol=1e-4)


def test_slots_of_dead_beams_are_dropped(model, sources):
    if not shapes_are_dynamic():
        pytest.skip("slots stay where shapes are fixed")
    search = BeamSearch(3, END, PAD)
    decode = model.decode
    state = search.start(decode, model.start(sources, 40), np.full((5, 1), START, "int32"), 14)
    for _ in range(11):
        state = search.step(decode, state)
    rows = ops.convert_to_tensor([3, 0], dtype="int32")
    cache = state.cache.compact(rows)
    visible = ops.convert_to_numpy(cache.beam["visible"])  # (2, 3, C')
    assert (visible.sum(-1) == 12).all()
    assert visible.shape[-1] == visible.any(1).sum(-1).max() < int(state.cache.index)
    ids = ops.ones((2, 3), dtype="int32")
    expected, _ = decode(ids, state.cache.take_rows(rows))
    found, _ = decode(ids, cache)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-4
    )
