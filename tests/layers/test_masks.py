import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from zoo.layers import causal_mask, document_mask, key_mask, not_padding, positions_of, slot_mask


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_not_padding_of_any_id(dtype):
    ids = ops.convert_to_tensor(np.array([[3, 0, 7], [7, 7, 2]], dtype))
    assert to_numpy(not_padding(ids, 7)).tolist() == [[True, True, False], [False, False, True]]
    assert to_numpy(not_padding(ids, 0)).tolist() == [[True, False, True], [True, True, True]]


def test_key_mask_has_one_row_for_all_queries():
    real = ops.convert_to_tensor(np.array([[True, False]]))
    assert to_numpy(key_mask(real)).tolist() == [[[True, False]]]


def test_causal_mask_by_hand():
    assert to_numpy(causal_mask(3)).astype(int).tolist() == [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]


def test_document_mask_by_hand():
    documents = ops.convert_to_tensor(np.array([[5, 5, 0], [2, 9, 2]], "int32"))
    assert to_numpy(document_mask(documents)).astype(int).tolist() == [
        [[1, 0, 0], [1, 1, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [1, 0, 1]],
    ]


def test_positions_wherever_the_padding_is():
    real = np.array([[1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0]], bool)
    positions = to_numpy(positions_of(ops.convert_to_tensor(real)))
    assert positions.dtype == "int32"
    assert positions[real].tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
    assert (positions >= 0).all()


def as_masks(visible, index, real):
    tensors = [ops.convert_to_tensor(np.array(x, bool)) for x in (visible, real)]
    return to_numpy(slot_mask(tensors[0], ops.convert_to_tensor(index, "int32"), tensors[1]))


def test_slots_of_a_first_chunk_with_padding_on_the_left():
    mask, visible, positions = as_masks(np.zeros((1, 1, 4)), 0, [[0, 1, 1]])
    assert mask[0].astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]]
    assert visible[0].astype(int).tolist() == [[0, 1, 1, 0]]
    assert positions[0, 1:].tolist() == [0, 1]


def test_slots_of_two_hypotheses_by_hand():
    # Hypotheses 0 and 1 share slot 0; slot 1 is of the second. Now two tokens for each.
    before = [[[1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0]]]
    mask, visible, positions = as_masks(before, 2, [[1, 1, 1, 1]])
    assert mask[0].astype(int).tolist() == [
        [1, 0, 1, 0, 0, 0, 0],
        [1, 0, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
    ]
    assert visible[0].astype(int).tolist() == [[1, 0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 1, 1, 0]]
    assert positions[0].tolist() == [1, 2, 2, 3]


def test_one_token_for_each_hypothesis():
    before = [[[1, 0, 0, 0], [1, 1, 0, 0]]]
    mask, visible, positions = as_masks(before, 2, [[1, 1]])
    assert mask[0].astype(int).tolist() == [[1, 0, 1, 0], [1, 1, 0, 1]]
    assert visible.tolist() == mask.tolist()
    assert positions[0].tolist() == [1, 2]


def test_one_padding_token_is_seen_by_nobody():
    mask, visible, positions = as_masks([[[1, 0, 0]], [[1, 0, 0]]], 1, [[1], [0]])
    assert mask[:, 0].astype(int).tolist() == [[1, 1, 0], [1, 0, 0]]
    assert visible.tolist() == mask.tolist()
    assert positions[0].tolist() == [1]
