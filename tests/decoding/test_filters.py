import numpy as np
import pytest
from keras import ops

from zoo.decoding import Temperature, TopK, TopP

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
    ],
)
def test_what_stays(keep, expected):
    assert kept(keep) == expected


def test_temperature():
    found = ops.convert_to_numpy(Temperature(0.5)(ops.convert_to_tensor(LOGITS)))
    np.testing.assert_allclose(found, 2 * LOGITS, rtol=1e-6)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="temperature must be above 0; got 0"):
        Temperature(0)
    with pytest.raises(ValueError, match="k must be a whole number from 1; got 0"):
        TopK(0)
    with pytest.raises(ValueError, match=r"p must be above 0 and at most 1; got 1.5"):
        TopP(1.5)
