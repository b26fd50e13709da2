"""PPO's quantities: every number here can be checked with pencil and paper."""

import numpy as np
import pytest
from keras import ops

from tests.backends import gradient, to_numpy
from zoo.training import (
    clipped_policy_losses,
    clipped_value_losses,
    generalized_advantages,
    kl_estimates,
    penalized_rewards,
    token_entropy,
    token_log_probs,
)
from zoo.training.policy_gradient import clip_fraction, with_pretraining

LOG2, LOG3 = np.log(2), np.log(3)


def test_log_probabilities_of_tokens():
    logits = np.log(np.array([[[1.0, 2.0, 1.0], [3.0, 3.0, 6.0]]], "float32"))  # (1, 2, 3)
    found = to_numpy(token_log_probs(logits, np.array([[1, 0]])))
    np.testing.assert_allclose(found, [[-LOG2, -np.log(4)]], atol=1e-5)


def test_entropy_in_nats():
    logits = np.array([[[5.0, 5.0, 5.0], [0.0, 0.0, -np.inf], [50.0, 0.0, 0.0]]], "float32")
    np.testing.assert_allclose(to_numpy(token_entropy(logits)), [[LOG3, LOG2, 0.0]], atol=1e-5)


def test_kl_estimates_average_to_the_divergence():
    pi, ref = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    single = to_numpy(kl_estimates(np.log(pi), np.log(ref)))
    assert single.min() < 0  # one alone may be negative
    assert (pi * single).sum() == pytest.approx(0.25 * LOG2)


def test_rewards_are_penalties_and_the_score_on_the_last_token():
    mask = np.array([[False, True, True, False], [False, True, True, True]])
    kl = np.array([[9.0, 0.5, -0.25, 9.0], [9.0, 1.0, 0.0, 2.0]], "float32")
    found = penalized_rewards(np.array([3.0, -1.0]), kl, mask, coefficient=2.0)
    np.testing.assert_allclose(found, [[0, -1.0, 3.5, 0], [0, -2.0, 0.0, -5.0]])


def test_the_return_of_an_answer_is_its_score_minus_the_penalty(rng):
    mask = np.array([[True] * 5 + [False] * 2, [False, True, True, False, False, False, False]])
    kl, scores = rng.normal(size=mask.shape), rng.normal(size=2)
    found = penalized_rewards(scores, kl, mask, coefficient=0.3)
    expected = scores - 0.3 * np.where(mask, kl, 0).sum(axis=1)
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-5)


def test_advantages_by_hand():
    # Discount 1/2, trace 1/2. delta = (1 + 2 - 2, 0 + 3 - 4, 2 - 6) with V = (2, 4, 6).
    rewards, values = np.array([[1.0, 0.0, 2.0, 7.0]]), np.array([[2.0, 4.0, 6.0, 7.0]])
    mask = np.array([[True, True, True, False]])
    advantages, returns = generalized_advantages(rewards, values, mask, 0.5, 0.5)
    # A3 = -4, A2 = -1 - 4 / 4 = -2, A1 = 1 - 2 / 4 = 1/2
    np.testing.assert_allclose(advantages, [[0.5, -2.0, -4.0, 0.0]])
    np.testing.assert_allclose(returns, [[2.5, 2.0, 2.0, 0.0]])


def test_a_trace_of_one_gives_the_return_minus_the_value(rng):
    rewards, values = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    advantages, returns = generalized_advantages(rewards, values, np.ones((3, 5), bool), 1.0, 1.0)
    to_come = np.cumsum(rewards[:, ::-1], axis=1)[:, ::-1]
    np.testing.assert_allclose(returns, to_come, atol=1e-5)
    np.testing.assert_allclose(advantages, to_come - values, atol=1e-5)


def test_a_trace_of_zero_looks_one_step_ahead(rng):
    rewards, values = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    advantages, _ = generalized_advantages(rewards, values, np.ones((3, 5), bool), 0.9, 0.0)
    after = np.concatenate([values[:, 1:], np.zeros((3, 1))], axis=1)
    np.testing.assert_allclose(advantages, rewards + 0.9 * after - values, atol=1e-5)


def test_what_stands_outside_of_the_mask_changes_no_advantage(rng):
    mask = np.array([[False, True, True, False, False]])
    rewards, values = rng.normal(size=(1, 5)), rng.normal(size=(1, 5))
    expected = generalized_advantages(rewards, values, mask)
    filled = [np.where(mask, x, np.nan) for x in (rewards, values)]
    for found, known in zip(generalized_advantages(*filled, mask), expected, strict=True):
        np.testing.assert_array_equal(found, known)
    alone = generalized_advantages(rewards[:, 1:3], values[:, 1:3], np.ones((1, 2), bool))
    np.testing.assert_array_equal(expected[0][:, 1:3], alone[0])


def test_clipped_policy_loss_by_hand():
    ratio = np.array([[1.0, 1.5, 1.5, 0.5, 0.5]])
    advantages = np.array([[2.0, 2.0, -2.0, 2.0, -2.0]], "float32")
    found = to_numpy(clipped_policy_losses(np.log(ratio), np.zeros((1, 5)), advantages, 0.2))
    # A gain counts up to 1.2, a loss in full, and the other way round below 1.
    np.testing.assert_allclose(found, [[-2.0, -2.4, 3.0, -1.0, 1.6]], atol=1e-5)


def test_what_is_clipped_has_no_gradient():
    advantages = np.array([2.0, -2.0, 2.0], "float32")

    def loss(log_probs):
        return ops.sum(clipped_policy_losses(log_probs, ops.zeros(3), advantages, 0.2))

    found = gradient(loss, np.log(np.array([1.5, 0.5, 0.9], "float32")))
    np.testing.assert_allclose(found, [0.0, 0.0, -2.0 * 0.9], atol=1e-5)


def test_at_the_old_policy_the_gradient_is_the_policy_gradient():
    advantages = np.array([3.0, -1.0], "float32")

    def loss(log_probs):
        return ops.sum(clipped_policy_losses(log_probs, ops.zeros(2), advantages, 0.2))

    np.testing.assert_allclose(gradient(loss, np.zeros(2, "float32")), -advantages, atol=1e-5)


def test_clip_fraction_counts_actions_only():
    ratio = np.log(np.array([[1.0, 1.3, 0.7, 9.0]], "float32"))
    mask = np.array([[True, True, True, False]])
    found = clip_fraction(ratio, np.zeros((1, 4), "float32"), mask, 0.2)
    assert to_numpy(found) == pytest.approx(2 / 3)


def test_clipped_value_loss_by_hand():
    values = np.array([[1.0, 3.0, 3.0]], "float32")
    old, returns = np.array([[1.0, 1.0, 1.0]], "float32"), np.array([[2.0, 3.0, 4.0]], "float32")
    found = to_numpy(clipped_value_losses(values, old, returns, 0.5))
    # 1/2; clipped to 1.5 the second is worse than it is, (1.5)^2 / 2; so is the third, 2.5^2 / 2.
    np.testing.assert_allclose(found, [[0.5, 1.125, 3.125]], atol=1e-5)


def test_pretraining_is_added_by_its_weight():
    assert with_pretraining(1.5, 0.25, 8.0) == pytest.approx(3.5)
