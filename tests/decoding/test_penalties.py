import numpy as np
import pytest
from keras import ops

from zoo.decoding import GNMTPenalty, LengthPenalty


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (LengthPenalty(), [1.0, 3.0, 7.0]),
        (LengthPenalty(0.0), [1.0, 1.0, 1.0]),
        (LengthPenalty(0.5), [1.0, 1.7320508, 2.6457513]),
        (GNMTPenalty(), [1.0, 1.1884017, 1.5157166]),  # 1, (8 / 6) ** 0.6, 2 ** 0.6
        (GNMTPenalty(1.0), [1.0, 4 / 3, 2.0]),
    ],
)
def test_hand_computed(penalty, expected):
    found = ops.convert_to_numpy(penalty(ops.convert_to_tensor([1, 3, 7], "int32")))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
