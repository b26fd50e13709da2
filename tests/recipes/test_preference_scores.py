"""Scores of preferences against hand-computed values and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from recipes import preference_scores
from recipes.data.chat_files import Ranking


def test_comparisons_leave_out_ties():
    ranking = Ranking([], ["a", "b", "c"], [1, 0, 1], "")
    assert preference_scores.comparisons_of(ranking) == [(1, 0), (1, 2)]


def test_a_tie_is_half_right():
    found = preference_scores.is_right(np.array([2.0, 0.0, -3.0]))
    np.testing.assert_array_equal(found, [1.0, 0.5, 0.0])


@pytest.mark.parametrize(("right", "count"), [(7, 10), (0, 5), (60, 100)])
def test_wilsons_interval(right, count):
    found = preference_scores.accuracy(np.repeat([1.0, 0.0], [right, count - right]))
    expected = binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert found["accuracy"] == right / count
    assert found["low"] == pytest.approx(expected.low, abs=1e-6)
    assert found["high"] == pytest.approx(expected.high, abs=1e-6)


def test_mcnemar_counts_what_one_alone_gets_right():
    one = np.array([1, 1, 1, 1, 1, 1, 0, 1.0])
    other = np.array([0, 0, 0, 0, 0, 1, 1, 1.0])
    found = preference_scores.paired_test(one, other)
    assert (found["only_first"], found["only_second"]) == (5, 1)
    assert found["p"] == pytest.approx(14 / 64)  # 2 * (1 + 6) / 2^6
    assert preference_scores.paired_test(one, one)["p"] == 1.0


def test_ties_count_for_neither_method():
    right, ties = np.ones(9), np.full(9, 0.5)
    found = preference_scores.paired_test(right, ties)
    assert found == {"only_first": 0, "only_second": 0, "p": 1.0}


def test_the_longer_text():
    np.testing.assert_array_equal(preference_scores.longer([("abc", "a"), ("", "ab")]), [2, -2])


def test_pairs_of_a_length():
    pairs = [("a" * 10, "b" * 11), ("a" * 10, "b" * 12), ("", "")]
    found = preference_scores.matched_in_length(pairs, ratio=1.1)
    np.testing.assert_array_equal(found, [True, False, True])


def test_regression_on_words_learns_which_words_are_preferred(rng):
    words = np.array(["good", "fine", "nice", "bad", "poor", "ugly"])

    def text(kind):
        return " ".join(rng.choice(words[:3] if kind else words[3:], 4))

    train = [(text(True), text(False)) for _ in range(50)]
    test = [(text(True), text(False)) for _ in range(20)]
    margins = preference_scores.words_and_regression(train, test)
    assert (margins > 0).all()
    turned = preference_scores.words_and_regression(train, [pair[::-1] for pair in test])
    np.testing.assert_allclose(turned, -margins, atol=1e-9)


def test_calibration_of_a_model_that_is_right_as_often_as_it_says(rng):
    margin = rng.normal(size=40_000) * 2
    prefers = rng.random(len(margin)) < 1 / (1 + np.exp(-margin))
    found = preference_scores.calibration(np.where(prefers, margin, -margin))
    assert found["error"] < 0.01
    assert sum(found["count"]) == 2 * len(margin)
    boastful = preference_scores.calibration(np.where(prefers, margin, -margin) * 5)
    assert boastful["error"] > 0.1


def test_calibration_by_hand():
    found = preference_scores.calibration(np.array([np.log(3), -np.log(3)]), bins=2)
    # Both say 3/4 and 1/4, and each is right once in two.
    np.testing.assert_allclose(found["predicted"], [0.25, 0.75])
    np.testing.assert_allclose(found["observed"], [0.5, 0.5])
    assert found["error"] == pytest.approx(0.25)


def test_the_picture_is_drawn(tmp_path):
    found = preference_scores.calibration(np.array([1.0, -0.5]))
    preference_scores.draw_calibration(found, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
