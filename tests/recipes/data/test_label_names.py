"""Labels in order and as numbers."""

import numpy as np
import pytest

from recipes.data.labelled import label_ids, label_names


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "b"], ["a", "b"]),
        (["10", "9", "-1", "0.5"], ["-1", "0.5", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        ([("b", "a"), (), ("c",)], ["a", "b", "c"]),
        ([["I-x", "O"], ["B-x", "A"]], ["O", "A", "B-x", "I-x"]),
        (["O", "A"], ["A", "O"]),
    ],
)
def test_names_are_in_order(labels, names):
    assert label_names(labels) == names


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["a", "a"], "the label 'a'"),
        ([("a",), ("a",)], r"the label \('a',\)"),
        ([["O", "O"], ["O"]], "the label 'O'"),
        ([(), ()], r"the label \(\)"),
        ([], "no label"),
    ],
)
def test_one_label_teaches_nothing(labels, found):
    with pytest.raises(ValueError, match=f"a.csv: every row has {found}, so there is nothing"):
        label_names(labels, "a.csv")


def test_ids_of_classes_label_sets_and_tags():
    names = ["a", "b", "c"]
    np.testing.assert_array_equal(label_ids(["c", "a"], names), [2, 0])
    several = label_ids([("c", "a"), ()], names)
    np.testing.assert_array_equal(several, [[1, 0, 1], [0, 0, 0]])
    assert several.dtype == "int32"
    assert label_ids([["b"], ["a", "c"]], names) == [[1], [0, 2]]


@pytest.mark.parametrize("labels", [["a", "z", "y"], [("a", "z"), ("y",)], [["a", "z"], ["y"]]])
def test_unseen_labels_are_told_all_at_once(labels):
    with pytest.raises(ValueError, match="dev.tsv has labels .* not have: y, z; .* has a, b"):
        label_ids(labels, ["a", "b"], "dev.tsv")
