"""Losses of preferences, by hand and by their properties."""

import numpy as np
import pytest

from tests.backends import gradient, to_numpy
from zoo.training import (
    RankingAccuracy,
    RankingLoss,
    RankingMargin,
    dpo_losses,
    pairwise_losses,
    ranking_losses,
)
from zoo.training.preferences import comparisons

LOG2 = np.log(2)


def test_pairwise_loss_by_hand():
    found = to_numpy(pairwise_losses(np.array([0.0, np.log(3)]), np.array([0.0, 0.0])))
    np.testing.assert_allclose(found, [LOG2, np.log(4 / 3)], atol=1e-5)


def test_great_margins_neither_overflow_nor_vanish():
    found = to_numpy(pairwise_losses(np.array([500.0, -500.0]), np.array([-500.0, 500.0])))
    np.testing.assert_allclose(found, [0.0, 1000.0])


def test_the_gradient_pushes_by_the_surprise():
    def loss(margin):
        return pairwise_losses(margin[0], 0.0)

    # d/dm -log sigmoid(m) = -sigmoid(-m): 1/4 at log 3
    found = gradient(loss, np.array([np.log(3)], "float32"))
    np.testing.assert_allclose(found, [-0.25], atol=1e-5)


def test_comparisons_leave_out_ties_and_absent_answers():
    found = to_numpy(comparisons(np.array([[0, 1, 1, -1]])))[0]
    assert {tuple(map(int, pair)) for pair in np.argwhere(found)} == {(0, 1), (0, 2)}


def test_ranking_loss_is_the_mean_over_all_comparisons():
    ranks, rewards = np.array([[2, 0, 1]]), np.array([[0.0, 2.0, 1.0]], "float32")
    # Margins 1 (1 before 2), 2 (1 before 0), 1 (2 before 0).
    expected = (2 * np.log1p(np.exp(-1)) + np.log1p(np.exp(-2))) / 3
    np.testing.assert_allclose(to_numpy(ranking_losses(ranks, rewards)), [expected], atol=1e-5)


def test_two_answers_are_a_pair():
    rewards = np.array([[0.3, -0.4], [1.0, 5.0]], "float32")
    found = to_numpy(ranking_losses(np.array([[0, 1], [0, 1]]), rewards))
    expected = to_numpy(pairwise_losses(rewards[:, 0], rewards[:, 1]))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_only_differences_of_rewards_count(rng):
    ranks, rewards = np.array([[0, 2, 1, 1]]), rng.normal(size=(1, 4)).astype("float32")
    found = [to_numpy(ranking_losses(ranks, rewards + shift)) for shift in (0.0, 7.0)]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_what_is_absent_may_have_any_reward():
    ranks = np.array([[0, 1, -1]])
    found = [
        to_numpy(ranking_losses(ranks, np.array([[1.0, 0.0, absent]], "float32")))
        for absent in (0.0, 1e4, np.nan)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_prompt_without_comparisons_loses_nothing():
    found = to_numpy(ranking_losses(np.array([[1, 1]]), np.array([[3.0, 4.0]], "float32")))
    np.testing.assert_array_equal(found, [0.0])


def test_loss_object_weighs_prompts():
    ranks, rewards = np.array([[0, 1], [0, 1]]), np.array([[0.0, 0.0], [9.0, 0.0]], "float32")
    found = RankingLoss()(ranks, rewards, sample_weight=np.array([1.0, 0.0]))
    assert to_numpy(found) == pytest.approx(LOG2, abs=1e-5)


def test_metrics_weigh_every_comparison_the_same():
    accuracy, margin = RankingAccuracy(), RankingMargin()
    ranks = np.array([[0, 1, 2], [0, 1, -1], [0, 1, 2]])
    rewards = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 9.0], [0.0, 5.0, 9.0]], "float32")
    weights = np.array([1.0, 1.0, 0.0], "float32")  # the last row only fills the batch up
    for metric in (accuracy, margin):
        metric.update_state(ranks, rewards, weights)
    # Right, right, wrong, and a tie.
    assert to_numpy(accuracy.result()) == pytest.approx(2.5 / 4)
    assert to_numpy(margin.result()) == pytest.approx((2.0 + 1.0 - 1.0 + 0.0) / 4)


def test_dpo_by_hand():
    # Implicit rewards 1/2 * (3 - 1) = 1 and 1/2 * (0 - 2) = -1.
    found = to_numpy(
        dpo_losses(*(np.array([x], "float32") for x in (3.0, 0.0, 1.0, 2.0)), beta=0.5)
    )
    np.testing.assert_allclose(found, [np.log1p(np.exp(-2))], atol=1e-5)


def test_dpo_at_the_reference_is_log_2_whatever_beta():
    logs = np.array([-3.0, -8.0], "float32")
    found = to_numpy(dpo_losses(logs, logs - 1, logs, logs - 1, beta=0.7))
    np.testing.assert_allclose(found, [LOG2, LOG2], atol=1e-5)
