import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from zoo.layers import Cache
from zoo.layers.cache import gather_beams, write


def some_cache(rng, num_rows=2, num_beams=3, capacity=11, index=5):
    visible = rng.random((num_rows, num_beams, capacity)) < 0.5
    visible[..., index:] = False
    return Cache(
        row={"slots": ((ops.convert_to_tensor(rng.normal(size=(num_rows, 2, capacity, 5))),),)},
        beam={"visible": ops.convert_to_tensor(visible)},
        index=ops.convert_to_tensor(index, dtype="int32"),
    )


def test_expand_repeats_the_hypothesis_and_nothing_else(rng):
    cache = some_cache(rng, num_beams=1)
    wide = cache.expand(3)
    visible = to_numpy(cache.beam["visible"])
    np.testing.assert_array_equal(to_numpy(wide.beam["visible"]), visible.repeat(3, axis=1))
    assert wide.row is cache.row


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_reorder_takes_the_parents(rng, dtype):
    cache = some_cache(rng)
    parents = np.array([[2, 2, 0], [1, 0, 1]], dtype)
    visible = to_numpy(cache.beam["visible"])
    expected = np.stack([visible[0][parents[0]], visible[1][parents[1]]])
    reordered = cache.reorder(parents)
    np.testing.assert_array_equal(to_numpy(reordered.beam["visible"]), expected)
    assert reordered.row is cache.row


def test_gather_beams_may_change_their_number(rng):
    x = rng.normal(size=(2, 3, 5)).astype("float32")
    found = to_numpy(gather_beams(ops.convert_to_tensor(x), np.array([[2], [1]])))
    np.testing.assert_array_equal(found[:, 0], [x[0, 2], x[1, 1]])


def test_take_rows(rng):
    cache = some_cache(rng)
    taken = cache.take_rows(ops.convert_to_tensor([1, 1, 0], dtype="int32"))
    rows = [1, 1, 0]
    for after, before in (
        (taken.beam["visible"], cache.beam["visible"]),
        (taken.row["slots"][0][0], cache.row["slots"][0][0]),
    ):
        np.testing.assert_array_equal(to_numpy(after), to_numpy(before)[rows])


def test_truncate_frees_slots_and_hides_them(rng):
    cache = some_cache(rng)
    shorter = cache.truncate(2)
    visible = to_numpy(cache.beam["visible"])
    visible[..., 3:] = False
    np.testing.assert_array_equal(to_numpy(shorter.beam["visible"]), visible)
    assert int(to_numpy(shorter.index)) == 3


@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("index", [0, 4])
def test_write_is_an_assignment_to_slots(rng, length, index):
    slots = rng.normal(size=(2, 3, 7, 5)).astype("float32")
    new = rng.normal(size=(2, 3, length, 5)).astype("float32")
    found = write(*map(ops.convert_to_tensor, (slots, new)), ops.convert_to_tensor(index, "int32"))
    slots[:, :, index : index + length] = new
    np.testing.assert_array_equal(to_numpy(found), slots)


def test_room(rng):
    cache = some_cache(rng)  # 6 slots are free
    cache.check_room(6)
    with pytest.raises(ValueError, match="11 slots, of which 6 are free; got 9 tokens"):
        cache.check_room(9)
    with pytest.raises(ValueError, match="K = 3 hypotheses of the cache; got 4"):
        cache.check_room(4)


def test_a_cache_without_slots_is_used_once(rng):
    some_cache(rng, num_beams=1, capacity=0, index=0).check_room(7)
    for used in (
        some_cache(rng, num_beams=1, capacity=0, index=7),
        some_cache(rng, num_beams=2, capacity=0, index=0),
    ):
        with pytest.raises(ValueError, match="capacity=0"):
            used.check_room(2)


def test_places_in_documents_by_hand(rng):
    cache = some_cache(rng, num_beams=1, capacity=0, index=0)
    documents = ops.convert_to_tensor(np.array([[3, 3, 7, 7], [1, 1, 1, 1]], "int32"))
    place = cache.place_in_documents(documents)
    assert to_numpy(place.positions).tolist() == [[0, 1, 0, 1], [0, 1, 2, 3]]
    assert to_numpy(place.mask)[0].astype(int).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 1],
    ]
    real = ops.convert_to_tensor(np.array([[1, 1, 0, 1], [0, 0, 1, 1]], bool))
    place = cache.place_in_documents(documents, real)
    positions = to_numpy(place.positions)
    assert (positions[0, [0, 1, 3]].tolist(), positions[1, 2:].tolist()) == ([0, 1, 0], [0, 1])
    assert (positions >= 0).all()
    assert to_numpy(place.mask)[0].astype(int).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    assert place.visible is cache.beam["visible"]
