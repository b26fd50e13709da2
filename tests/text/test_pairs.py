import numpy as np
import pytest

from zoo.text import IdArrays, SpecialIds
from zoo.text.pairs import Pairs

IDS = SpecialIds(pad=9, unk=1, start=8, end=7)


def test_a_batch_by_hand():
    source = IdArrays.from_rows([[4, 5], [], [6]], 11, "x")
    target = IdArrays.from_rows([[2], [3, 4, 5], [6, 2]], 11, "x")
    inputs, labels, weight = Pairs(source, target, IDS).batch(np.array([2, 0, 1]), 4, 3, 5)
    assert inputs["source_ids"].tolist() == [[6, 7, 9], [4, 5, 7], [7, 9, 9], [7, 9, 9]]
    assert inputs["target_ids"].tolist() == [
        [8, 6, 2, 9, 9],
        [8, 2, 9, 9, 9],
        [8, 3, 4, 5, 9],
        [8, 9, 9, 9, 9],
    ]
    assert labels.tolist() == [
        [6, 2, 7, 9, 9],
        [2, 7, 9, 9, 9],
        [3, 4, 5, 7, 9],
        [9, 9, 9, 9, 9],
    ]
    assert weight.tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    assert {a.dtype.name for a in (*inputs.values(), labels)} == {"int32"}
    assert weight.dtype == "float32"


def test_errors():
    one, two = (IdArrays.from_rows([[4]] * n, 11, "x") for n in (1, 2))
    with pytest.raises(ValueError, match="source has 1 rows and target 2"):
        Pairs(one, two, IDS)
    small = IdArrays.from_rows([[4]], 8, "x")
    with pytest.raises(ValueError, match="pad=9 is outside the vocabulary of 8"):
        Pairs(one, small, IDS)
