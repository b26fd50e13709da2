"""Slots of a cache that are made, freed and hidden."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from zoo.compiled import shapes_are_dynamic
from zoo.layers.cache import Cache, Pieces, write


def some_cache(rng, index=5):
    """Three rows of two hypotheses and seven slots, of which five are taken."""
    visible = rng.random((3, 2, 7)) < 0.7
    visible[..., 5:] = False
    return Cache(
        row={"slots": tuple((x, x + 1) for x in (slots(rng), slots(rng))), "memory": ()},
        beam={"visible": ops.convert_to_tensor(visible)},
        index=ops.convert_to_tensor(index, dtype="int32"),
    )


def slots(rng):
    return ops.convert_to_tensor(rng.normal(size=(3, 2, 7, 5)).astype("float32"))


def growing(cache, num_held=5):
    """The five taken slots of the same cache, as one that grows."""
    taken = keras.tree.map_structure(
        lambda x: Pieces(x[:, :, :num_held], x[:, :, num_held:5]), cache.row["slots"]
    )
    visible = cache.beam["visible"][..., :5]
    return Cache({**cache.row, "slots": taken}, {"visible": visible}, ())


def test_extend_adds_free_slots(rng):
    cache = some_cache(rng)
    longer = cache.extend(3)
    np.testing.assert_array_equal(
        to_numpy(longer.beam["visible"]),
        np.pad(to_numpy(cache.beam["visible"]), ((0, 0), (0, 0), (0, 3))),
    )
    assert longer.row["slots"][1][0].shape == (3, 2, 10, 5)
    assert int(to_numpy(longer.index)) == 5


def whole(pieces):
    return np.concatenate([to_numpy(each) for each in pieces], axis=2)


def keys_and_values(cache):
    return [x for block in cache.row["slots"] for x in block]


@pytest.mark.parametrize("num_held", [0, 2, 4, 5])
def test_truncate_cuts_a_cache_that_grows(rng, num_held):
    if not shapes_are_dynamic():
        pytest.skip("nothing grows where shapes are fixed")
    cache = some_cache(rng)
    shorter = growing(cache, num_held).truncate(ops.convert_to_tensor(2, dtype="int32"))
    assert shorter.grows
    np.testing.assert_array_equal(
        to_numpy(shorter.beam["visible"]), to_numpy(cache.beam["visible"])[..., :3]
    )
    for found, given in zip(keys_and_values(shorter), keys_and_values(cache), strict=True):
        np.testing.assert_array_equal(whole(found), to_numpy(given)[:, :, :3])


@pytest.mark.parametrize("num_held", [2, 5])
def test_compact_puts_pieces_together(rng, num_held):
    if not shapes_are_dynamic():
        pytest.skip("nothing grows where shapes are fixed")
    cache = some_cache(rng)
    rows = ops.convert_to_tensor([2, 0], dtype="int32")
    expected, found = cache.compact(rows), growing(cache, num_held).compact(rows)
    np.testing.assert_array_equal(
        to_numpy(found.beam["visible"]), to_numpy(expected.beam["visible"])
    )
    for a, b in zip(keys_and_values(found), keys_and_values(expected), strict=True):
        np.testing.assert_array_equal(to_numpy(a.held), to_numpy(b.held))
        assert a.new.shape == (2, 2, 0, 5)


def test_a_new_token_leaves_what_is_held(rng):
    held, new = slots(rng), slots(rng)
    first, second = new[:, :, :2], new[:, :, 2:3]
    found = write(write(Pieces(held, new[:, :, :0]), first, ()), second, ())
    assert found.held is held
    np.testing.assert_array_equal(to_numpy(found.new), to_numpy(new)[:, :, :3])


@pytest.mark.parametrize("grows", [False, True])
def test_forget_hides_the_last_tokens_of_each_row(rng, grows):
    cache = some_cache(rng)
    visible = to_numpy(cache.beam["visible"])
    if grows:
        cache, visible = growing(cache), visible[..., :5]
    found = cache.forget(ops.convert_to_tensor([0, 2, 5], dtype="int32"))
    expected = visible.copy()
    expected[1, :, 3:] = expected[2] = False
    np.testing.assert_array_equal(to_numpy(found.beam["visible"]), expected)
    assert found.grows == grows
