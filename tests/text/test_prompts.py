"""Prompts in a batch: aligned right, cut at the beginning."""

import numpy as np
import pytest

from zoo.text.prompts import align_right, align_right_in_graph, check_prompt_length

ROWS = [[5, 6, 7, 8, 9], [], [3], [4, 2]]
EXPECTED = {
    (None, None, False): [[5, 6, 7, 8, 9], [0, 0, 0, 0, 0], [0, 0, 0, 0, 3], [0, 0, 0, 4, 2]],
    (3, None, False): [[7, 8, 9], [0, 0, 0], [0, 0, 3], [0, 4, 2]],
    (None, 1, False): [[5, 6, 7, 8, 9], [0, 0, 0, 0, 1], [0, 0, 0, 0, 3], [0, 0, 0, 4, 2]],
    (3, 1, True): [[1, 8, 9], [0, 0, 1], [0, 1, 3], [1, 4, 2]],
    (1, 1, False): [[9], [1], [3], [2]],
}


@pytest.mark.parametrize("arguments", EXPECTED)
def test_python_and_graph(arguments):
    tf = pytest.importorskip("tensorflow")
    expected = np.array(EXPECTED[arguments])
    prompts = align_right(ROWS, 0, *arguments)
    assert prompts.token_ids.dtype == np.int32
    np.testing.assert_array_equal(prompts.token_ids, expected)
    np.testing.assert_array_equal(prompts.padding_mask, expected != 0)
    ragged = tf.ragged.constant(ROWS, tf.int32, row_splits_dtype=tf.int64)
    given = align_right_in_graph(ragged, 0, *arguments)
    assert given.token_ids.dtype == tf.int32
    np.testing.assert_array_equal(given.token_ids, prompts.token_ids)
    np.testing.assert_array_equal(given.padding_mask, prompts.padding_mask)


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_at_least_one_column(rows):
    tf = pytest.importorskip("tensorflow")
    prompts = align_right(rows, 7)
    assert prompts.token_ids.tolist() == [[7]] * len(rows)
    assert prompts.padding_mask.tolist() == [[False]] * len(rows)
    ragged = tf.RaggedTensor.from_row_lengths(
        tf.zeros([0], tf.int32), tf.zeros([len(rows)], tf.int64)
    )
    given = align_right_in_graph(ragged, 7)
    assert given.token_ids.numpy().tolist() == [[7]] * len(rows)
    assert given.token_ids.shape == given.padding_mask.shape == (len(rows), 1)


def test_bad_max_length():
    check_prompt_length(1, start=False)
    with pytest.raises(ValueError, match="max_length must be at least 2, got 1"):
        check_prompt_length(1, start=True)
