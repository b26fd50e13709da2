import numpy as np
import pytest
from keras import ops

from zoo.decoding import fold, gumbel, row_seeds

WRAP = 0xFFFFFFFF


def mix(x):
    """The hash on Python's whole numbers, independent of the package."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & WRAP
    x = ((x ^ (x >> 15)) * 0x846CA68B) & WRAP
    return x ^ (x >> 16)


def fold_reference(key, number):
    return mix((key & WRAP) ^ mix((number + 0x9E3779B9) & WRAP))


def test_bits_are_those_of_unsigned_arithmetic():
    keys = [0, 1, -1, 2**31 - 1, -(2**31), 123456789, -987654321]
    found = fold(ops.convert_to_tensor(keys, "int32")[:, None], ops.arange(5, dtype="int32"))
    expected = [[fold_reference(key, number) for number in range(5)] for key in keys]
    np.testing.assert_array_equal(
        ops.convert_to_numpy(found).astype("uint32"), np.asarray(expected, "uint32")
    )


def test_noise_has_an_address():
    seeds = [7, -3]
    found = ops.convert_to_numpy(gumbel(ops.convert_to_tensor(seeds, "int32"), 3, 5, 11))
    expected = np.zeros((2, 3, 11))
    for row, sample, token in np.ndindex(2, 3, 11):
        bits = fold_reference(fold_reference(fold_reference(seeds[row], sample), 5), token)
        expected[row, sample, token] = -np.log(-np.log(((bits >> 9) + 0.5) / 2**23))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_scalar_seed_is_folded_with_the_row():
    found = ops.convert_to_numpy(row_seeds(2**32 - 5, 3)).astype("uint32")
    assert found.tolist() == [fold_reference(2**32 - 5, row) for row in range(3)]
    given = np.asarray([5, 6], "int32")
    assert ops.convert_to_numpy(row_seeds(given, 2)).tolist() == [5, 6]


def test_noise_is_uniform_and_uncorrelated():
    noise = ops.convert_to_numpy(gumbel(row_seeds(1, 16), 4, 0, 4096)).astype("float64")
    uniform = np.exp(-np.exp(-noise))
    counts, _ = np.histogram(uniform, bins=64, range=(0, 1))
    expected = uniform.size / 64
    assert ((counts - expected) ** 2 / expected).sum() < 120  # chi square, 63 degrees: p = 2e-5
    rows = uniform.reshape(64, 4096)
    correlations = np.corrcoef(rows)[np.triu_indices(64, 1)]
    assert abs(correlations).max() < 5 / 64  # 5 standard deviations
    assert abs(np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1]) < 0.01


def test_wrong_seeds_are_named():
    with pytest.raises(ValueError, match="seed must have at most 32 bits; got 4294967296"):
        row_seeds(2**32, 1)
    with pytest.raises(ValueError, match=r"seed must be one number .*got \(1, 1\)"):
        row_seeds([[1]], 1)
