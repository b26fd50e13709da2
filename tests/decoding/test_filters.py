import numpy as np
import pytest
from keras import ops

from zoo.decoding import History, MinP, RepetitionPenalty, Temperature, TopK, TopP
from zoo.decoding.filters import tokens_seen

LOGITS = np.log([[0.4, 0.1, 0.3, 0.1, 0.1], [0.05, 0.05, 0.05, 0.05, 0.8]]).astype("float32")


def kept(keep):
    found = ops.convert_to_numpy(keep(ops.convert_to_tensor(LOGITS)))
    finite = np.isfinite(found)
    np.testing.assert_array_equal(found[finite], LOGITS[finite])
    return [np.flatnonzero(row).tolist() for row in finite]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (TopK(1), [[0], [4]]),
        (TopK(2), [[0, 2], [0, 1, 2, 3, 4]]),  # equal to the second: all stay
        (TopK(99), [[0, 1, 2, 3, 4]] * 2),
        (TopP(0.39), [[0], [4]]),
        (TopP(0.45), [[0, 2], [4]]),
        (TopP(0.75), [[0, 1, 2, 3, 4], [4]]),  # one of three equal ones is needed: all stay
        (TopP(0.81), [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),
        (TopP(1e-12), [[0], [4]]),
        (TopP(1.0), [[0, 1, 2, 3, 4]] * 2),
        (MinP(0.0), [[0, 1, 2, 3, 4]] * 2),
        (MinP(0.06), [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]),  # 0.0625 of the best
        (MinP(0.07), [[0, 1, 2, 3, 4], [4]]),
        (MinP(0.3), [[0, 2], [4]]),
        (MinP(1.0), [[0], [4]]),
    ],
)
def test_what_stays(keep, expected):
    assert kept(keep) == expected


def test_temperature():
    found = ops.convert_to_numpy(Temperature(0.5)(ops.convert_to_tensor(LOGITS)))
    np.testing.assert_allclose(found, 2 * LOGITS, rtol=1e-6)


def numbers(*values, dtype="float32"):
    return ops.convert_to_tensor(values, dtype=dtype)


@pytest.mark.parametrize(
    ("keep", "one", "other"),
    [
        (Temperature(numbers(0.5, 3.0)), Temperature(0.5), Temperature(3.0)),
        (TopK(numbers(2, 1, dtype="int32")), TopK(2), TopK(1)),
        (TopK(numbers(99, 3, dtype="int32")), TopK(99), TopK(3)),
        (TopP(numbers(0.75, 1.0)), TopP(0.75), TopP(1.0)),
        (MinP(numbers(0.3, 0.06)), MinP(0.3), MinP(0.06)),
    ],
)
def test_a_number_for_each_row(keep, one, other):
    logits = ops.convert_to_tensor(np.stack([LOGITS, LOGITS]))  # (2, 2, 5)
    found = ops.convert_to_numpy(keep(logits))
    for row, alone in enumerate((one, other)):
        expected = ops.convert_to_numpy(alone(logits))[row]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)
    assert [x.shape for x in keep.rows.values()] == [(2,)]


def test_repeated_tokens_become_less_probable():
    logits = np.array([[[2.0, -2.0, 0.5, -0.5, 1.0]], [[1.0] * 5]], "float32")  # (2, 1, 5)
    tokens = np.array([[[0, 3, 3, 9]], [[4, 4, 4, 4]]], "int32")  # what comes is not there yet
    history = History(ops.convert_to_tensor(tokens), ops.convert_to_tensor(3, dtype="int32"))
    penalty = RepetitionPenalty(2.0)
    found = ops.convert_to_numpy(penalty(ops.convert_to_tensor(logits), history=history))
    np.testing.assert_allclose(found, [[[1.0, -2.0, 0.5, -1.0, 1.0]], [[1.0, 1.0, 1.0, 1.0, 0.5]]])
    prompt = ops.convert_to_tensor([[-1, 1], [2, 2]], dtype="int32")
    penalty = RepetitionPenalty(numbers(2.0, 4.0), prompt)
    found = ops.convert_to_numpy(penalty(ops.convert_to_tensor(logits), history=history))
    np.testing.assert_allclose(
        found, [[[1.0, -4.0, 0.5, -1.0, 1.0]], [[1.0, 1.0, 0.25, 1.0, 0.25]]]
    )


def test_tokens_seen(rng):
    tokens = rng.integers(-1, 7, (3, 2, 5)).astype("int32")
    found = ops.convert_to_numpy(tokens_seen(ops.convert_to_tensor(tokens), 7))
    for row, k in np.ndindex(3, 2):
        assert set(np.flatnonzero(found[row, k])) == set(tokens[row, k]) - {-1}


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="p must be at least 0 and at most 1; got 2"):
        MinP(2)
    with pytest.raises(ValueError, match="penalty must be above 0; got 0"):
        RepetitionPenalty(0)
    with pytest.raises(ValueError, match="temperature must be above 0; got 0"):
        Temperature(0)
    with pytest.raises(ValueError, match="k must be a whole number from 1; got 0"):
        TopK(0)
    with pytest.raises(ValueError, match=r"p must be above 0 and at most 1; got 1.5"):
        TopP(1.5)
