"""What a search may not generate, or must, on numbers that can be checked by hand."""

import math

import numpy as np
import pytest
from keras import ops

from zoo.decoding import ForcedEnd, NeverIds
from zoo.decoding.constraints import best_tokens

PROBABILITIES = np.array([[[0.5, 0.25, 0.125, 0.125]], [[0.125, 0.125, 0.25, 0.5]]], "float32")


def best(number, *constraints, count=1, limits=(9, 9)):
    logits = ops.convert_to_tensor(np.log(PROBABILITIES) + 3.0)  # a shift changes nothing
    limits = ops.convert_to_tensor(limits, "int32")
    log_probs, ids = best_tokens(logits, number, constraints, ops.convert_to_tensor(count), limits)
    return np.exp(ops.convert_to_numpy(log_probs))[:, 0], ops.convert_to_numpy(ids)[:, 0]


def test_without_constraints_the_most_probable_come_first():
    probabilities, ids = best(2)
    np.testing.assert_allclose(probabilities, [[0.5, 0.25], [0.5, 0.25]], rtol=1e-5)
    assert ids.tolist() == [[0, 1], [3, 2]]


@pytest.mark.parametrize(("renormalize", "first"), [(True, 0.5), (False, 0.25)])
def test_never_ids_go_and_the_rest_may_sum_to_one_again(renormalize, first):
    probabilities, ids = best(1, NeverIds([0], renormalize))
    assert ids.tolist() == [[1], [3]]
    np.testing.assert_allclose(probabilities[0], [first], rtol=1e-5)


def test_the_forced_end_costs_nothing_and_comes_at_the_rows_own_limit():
    probabilities, ids = best(1, ForcedEnd(2), count=4, limits=(4, 5))
    assert ids.tolist() == [[2], [3]]
    np.testing.assert_allclose(probabilities, [[1.0], [0.5]], rtol=1e-5)


def test_constraints_apply_in_their_order():
    _, ids = best(1, NeverIds([2, 3]), ForcedEnd(2), count=9)
    assert ids.tolist() == [[2], [2]]
    assert math.isclose(best(1, NeverIds([2, 3]))[0][1, 0], 0.5, rel_tol=1e-5)
