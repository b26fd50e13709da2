"""Rows of ragged tensors in memory of their values alone. TensorFlow is imported when called.

`RaggedTensor.value_rowids` and `tf.repeat` go through a table of all rows by the longest row: one
long text beside many short ones would take gigabytes.
"""


def row_numbers(ragged):
    """The row of each value of a ragged tensor (B, None): int64, of the shape of its values."""
    return numbers_of_splits(ragged.row_splits)


def repeated_numbers(counts):
    """counts[0] zeros, counts[1] ones, and so on: int32 or int64 (N,) -> int64 (sum,)."""
    import tensorflow as tf

    counts = tf.cast(counts, tf.int64)
    return numbers_of_splits(tf.concat([[0], tf.cumsum(counts)], axis=0))


def numbers_of_splits(splits):
    """The same from where rows begin and the last ends: int64 (B + 1,) -> int64 (splits[-1],)."""
    import tensorflow as tf

    return tf.searchsorted(splits, tf.range(splits[-1]), side="right", out_type=tf.int64) - 1


def where_true(ragged, mask):
    """The values of a ragged tensor (B, None) where `mask`, a bool for each of them, is True."""
    import tensorflow as tf

    return tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(ragged.values, mask),
        tf.boolean_mask(row_numbers(ragged), mask),
        ragged.nrows(),
        validate=False,
    )
