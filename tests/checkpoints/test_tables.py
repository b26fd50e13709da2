import numpy as np
import pytest

from zoo.checkpoints.tables import (
    ONE_ROW,
    TRANSPOSED,
    Entry,
    Table,
    foreign_tensors,
    load_weights,
    repeated,
)


class Variable:
    """What the loop needs of a Keras variable."""

    dtype = "float32"

    def __init__(self, *shape):
        self.value = np.zeros(shape, "float32")

    @property
    def shape(self):
        return self.value.shape

    def assign(self, value):
        self.value = np.array(value)


class Tensors(dict):
    def shape(self, name):
        return self[name].shape


TABLE = Table(
    (
        Entry("dense/kernel", ("q.weight", "k.weight"), TRANSPOSED),
        Entry("dense/bias", ("q.bias", "k.bias")),
        Entry("bias", ("final",), ONE_ROW, zeros_if_absent=True),
    ),
    ignored=("sinusoids",),
)


def variables():
    return {"dense/kernel": Variable(2, 6), "dense/bias": Variable(6), "bias": Variable(5)}


def tensors():
    return Tensors(
        {
            "q.weight": np.array([[1, 2], [3, 4], [5, 6]], "float32"),  # (out, in) = (3, 2)
            "k.weight": np.array([[7, 8], [9, 10], [11, 12]], "float32"),
            "q.bias": np.array([1, 2, 3], "float32"),
            "k.bias": np.array([4, 5, 6], "float32"),
            "final": np.array([[1, 2, 3, 4, 5]], "float32"),
            "sinusoids": np.ones(2, "float32"),
        }
    )


def test_layouts_by_hand():
    ours = variables()
    load_weights(ours, tensors(), TABLE, "a folder")
    np.testing.assert_array_equal(
        ours["dense/kernel"].value, [[1, 3, 5, 7, 9, 11], [2, 4, 6, 8, 10, 12]]
    )
    np.testing.assert_array_equal(ours["dense/bias"].value, [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(ours["bias"].value, [1, 2, 3, 4, 5])


def test_both_directions_come_from_one_table(monkeypatch):
    monkeypatch.setattr("keras.ops.convert_to_numpy", np.asarray)
    ours, theirs = variables(), tensors()
    load_weights(ours, theirs, TABLE, "a folder")
    del theirs["sinusoids"]
    again = foreign_tensors(ours, TABLE)
    assert again.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(again[name], array)


def test_nothing_is_assigned_when_something_does_not_fit():
    ours, theirs = variables(), tensors()
    del theirs["k.bias"], theirs["final"]
    theirs["q.weight"] = theirs["q.weight"].T
    theirs["more"] = np.zeros(1)
    with pytest.raises(ValueError, match="a folder does not fit the model") as caught:
        load_weights(ours, theirs, TABLE, "a folder")
    assert str(caught.value).splitlines()[1:] == [
        "  wrong shape: q.weight is (2, 3), the model needs (3, 2)",
        "  missing: k.bias (3,)",
        "  unexpected: more",
    ]
    assert not any(variable.value.any() for variable in ours.values())


def test_a_table_must_name_every_variable():
    ours = {**variables(), "forgotten": Variable(2)}
    with pytest.raises(KeyError, match="lacks .'forgotten'"):
        load_weights(ours, tensors(), TABLE, "a folder")


def test_repeated_numbers_the_blocks():
    entries = repeated([Entry("block_{i}/bias", ("layers.{i}.bias",))], 2)
    assert [(entry.variable, entry.tensors) for entry in entries] == [
        ("block_0/bias", ("layers.0.bias",)),
        ("block_1/bias", ("layers.1.bias",)),
    ]


# Parts of unequal size, as the queries, keys and values of grouped heads.

SHARED = Table(
    (
        Entry("dense/kernel", ("q.weight", "k.weight"), TRANSPOSED, shares=(4, 2)),
        Entry("dense/bias", ("q.bias", "k.bias"), shares=(4, 2)),
        Entry("bias", ("a", "b", "c"), shares=(2, 1, 2)),
    )
)


def test_unequal_shares_by_hand(monkeypatch):
    monkeypatch.setattr("keras.ops.convert_to_numpy", np.asarray)
    ours = variables()
    theirs = Tensors(
        {
            "q.weight": np.array([[1, 2], [3, 4], [5, 6], [7, 8]], "float32"),
            "k.weight": np.array([[9, 10], [11, 12]], "float32"),
            "q.bias": np.array([1, 2, 3, 4], "float32"),
            "k.bias": np.array([5, 6], "float32"),
            "a": np.array([1, 2], "float32"),
            "b": np.array([3], "float32"),
            "c": np.array([4, 5], "float32"),
        }
    )
    load_weights(ours, theirs, SHARED, "a folder")
    np.testing.assert_array_equal(
        ours["dense/kernel"].value, [[1, 3, 5, 7, 9, 11], [2, 4, 6, 8, 10, 12]]
    )
    np.testing.assert_array_equal(ours["bias"].value, [1, 2, 3, 4, 5])
    again = foreign_tensors(ours, SHARED)
    assert again.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(again[name], array)


def test_unequal_shares_that_do_not_fit():
    equal = tensors()
    with pytest.raises(ValueError, match="a folder does not fit the model") as caught:
        load_weights(variables(), equal, SHARED, "a folder")
    problems = str(caught.value).splitlines()[1:]
    assert "  wrong shape: q.weight is (3, 2), the model needs (4, 2)" in problems
    assert "  wrong shape: k.bias is (3,), the model needs (2,)" in problems
    assert "  missing: b (1,)" in problems
