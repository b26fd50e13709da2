import keras
import numpy as np
import pytest

from tests.backends import to_numpy
from zoo.layers import SideBySide


def test_parts_of_a_seeded_initializer_are_drawn_with_the_seeds_that_follow():
    kernel = to_numpy(SideBySide(keras.initializers.RandomNormal(seed=5), [3, 2])((7, 5)))
    first = to_numpy(keras.initializers.RandomNormal(seed=5)((7, 3)))
    second = to_numpy(keras.initializers.RandomNormal(seed=6)((7, 2)))
    np.testing.assert_allclose(kernel, np.concatenate([first, second], axis=-1), atol=0)


def test_initializers_without_a_seed():
    kernel = to_numpy(SideBySide("ones", [3, 2])((2, 5), "float32"))
    np.testing.assert_allclose(kernel, 1)


def test_config_round_trip():
    initializer = SideBySide(keras.initializers.RandomNormal(seed=5), [3, 2])
    config = keras.initializers.serialize(initializer)
    copy = keras.initializers.deserialize(config)
    np.testing.assert_allclose(to_numpy(copy((7, 5))), to_numpy(initializer((7, 5))), atol=0)


def test_parts_must_sum_to_the_axis():
    with pytest.raises(ValueError, match=r"parts must sum .*\(7, 6\); got \[3, 2\]"):
        SideBySide("ones", [3, 2])((7, 6))
