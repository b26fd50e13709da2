import numpy as np
import pytest

from zoo.text.ragged_rows import repeated_numbers, row_numbers, where_true

tf = pytest.importorskip("tensorflow")


@pytest.mark.parametrize("lengths", [[3, 0, 2, 0], [0, 0], [], [5], [0, 7]])
def test_the_same_as_tensorflow(lengths):
    total = sum(lengths)
    ragged = tf.RaggedTensor.from_row_lengths(tf.range(total), np.array(lengths, "int64"))
    assert row_numbers(ragged).numpy().tolist() == ragged.value_rowids().numpy().tolist()
    expected = np.repeat(np.arange(len(lengths)), lengths).tolist()
    assert repeated_numbers(tf.constant(lengths, tf.int32)).numpy().tolist() == expected
    mask = tf.range(total) % 2 == 0
    kept = where_true(ragged, mask)
    assert kept.to_list() == tf.ragged.boolean_mask(ragged, ragged.with_values(mask)).to_list()


def test_one_long_row_among_many_takes_no_table():
    """The table would have 10^11 entries."""
    lengths = np.ones(10**5, "int64")
    lengths[7] = 10**6

    @tf.function
    def rows(lengths):
        ragged = tf.RaggedTensor.from_row_lengths(tf.ones([tf.reduce_sum(lengths)]), lengths)
        return row_numbers(ragged)[-1]

    assert rows(lengths) == 10**5 - 1
