import numpy as np

from zoo.text.draws import below, uniform


def test_a_pure_function_of_the_key():
    first = uniform((3, 5), (7, 0, 2))
    np.testing.assert_array_equal(first, uniform((3, 5), (7, 0, 2)))
    for other in ((7, 0, 3), (7, 2, 0), (7, 0, 2, 1)):
        assert not np.any(first == uniform((3, 5), other))
    # Philox is the same everywhere and for good.
    assert uniform((2,), (1, 2)).tolist() == [0.2996269638247443, 0.0739441105013603]


def test_even():
    numbers = uniform((7, 10007), (11,))
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    found = np.bincount(below(numbers.ravel(), 13), minlength=13) / numbers.size
    assert len(found) == 13
    # Five standard deviations of a share of 1/13 of 70,049.
    np.testing.assert_allclose(found, 1 / 13, rtol=0, atol=0.006)


def test_below_takes_a_limit_each():
    numbers = np.array([0.0, 0.999999, 0.5, 1 - 2.0**-53])
    np.testing.assert_array_equal(below(numbers, np.array([1, 1, 7, 5])), [0, 0, 3, 4])
