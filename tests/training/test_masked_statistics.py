"""Statistics of padded batches: hand-computed values, and what padding must not do."""

import numpy as np
import pytest

from tests.backends import to_numpy
from zoo.training import explained_variance, masked_mean, masked_variance, whiten

VALUES = np.array([[1.0, 4.0, 100.0], [7.0, -50.0, np.nan]], "float32")
MASK = np.array([[True, True, False], [True, False, False]])  # 1, 4, 7 count


def test_mean_and_variance_of_what_counts():
    assert to_numpy(masked_mean(VALUES, MASK)) == pytest.approx(4.0)
    assert to_numpy(masked_variance(VALUES, MASK)) == pytest.approx(6.0)  # 9, 0, 9 over 3


def test_nothing_that_counts_gives_zero():
    nothing = np.zeros_like(MASK)
    assert to_numpy(masked_mean(VALUES, nothing)) == 0.0
    assert to_numpy(masked_variance(VALUES, nothing)) == 0.0


def test_whitened_values_have_mean_zero_and_variance_one():
    found = to_numpy(whiten(VALUES, MASK))
    expected = np.array([-3.0, 0.0, 3.0]) / np.sqrt(6.0)
    np.testing.assert_allclose(found[MASK], expected, atol=1e-5)
    assert not found[~MASK].any()


def test_whitening_may_keep_the_mean():
    found = to_numpy(whiten(VALUES, MASK, shift_mean=False))
    np.testing.assert_allclose(found[MASK].mean(), 4.0, atol=1e-5)
    np.testing.assert_allclose(found[MASK].var(), 1.0, atol=1e-5)


@pytest.mark.parametrize("padding", [0.0, 1e6, np.inf, np.nan])
def test_padding_enters_no_statistic(padding):
    values = np.where(MASK, VALUES, np.float32(padding))
    for statistic in (masked_mean, masked_variance, whiten):
        expected = to_numpy(statistic(np.where(MASK, VALUES, np.float32(0)), MASK))
        np.testing.assert_array_equal(to_numpy(statistic(values, MASK)), expected)


def test_explained_variance():
    targets = np.array([1.0, 3.0, 5.0, 99.0], "float32")
    mask = np.array([True, True, True, False])
    assert to_numpy(explained_variance(targets, targets, mask)) == pytest.approx(1.0)
    mean = np.full(4, 3.0, "float32")
    assert to_numpy(explained_variance(mean, targets, mask)) == pytest.approx(0.0, abs=1e-6)
    half = np.array([2.0, 3.0, 4.0, 0.0], "float32")  # Var(-1, 0, 1) / Var(1, 3, 5) = 1 / 4
    assert to_numpy(explained_variance(half, targets, mask)) == pytest.approx(0.75)
    assert to_numpy(explained_variance(-targets, targets, mask)) == pytest.approx(-3.0)


def test_targets_that_do_not_vary_explain_nothing():
    same = np.full(3, 2.0, "float32")
    assert to_numpy(explained_variance(same + 1, same, np.ones(3, bool))) == 0.0
