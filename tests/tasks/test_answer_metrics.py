"""How answers are compared, and from when on none is given."""

import numpy as np
import pytest

from zoo.tasks.answer_metrics import answer_exact, answer_f1, best_threshold, normalize_answer


def test_answers_are_compared_as_squad_does():
    assert normalize_answer(" The  U.S.-Army, an a\tcafé! ") == "usarmy café"
    assert answer_exact("the cat", "Cat.") == 1
    assert answer_exact("cat", "cats") == 0
    assert answer_f1("the red red cat", "red cat sat") == pytest.approx(
        2 * (2 / 3) * (2 / 3) / (4 / 3)
    )
    assert answer_f1("the", "a") == 1
    assert answer_f1("cat", "") == answer_f1("", "cat") == 0


@pytest.mark.parametrize(
    ("margins", "answered", "silent", "expected"),
    [
        ([-3, 5, 1], [1, 0, 0.5], [0, 1, 0], 3.0),  # between 1 and 5
        ([2, 4], [1, 0.5], [0, 0], 5.0),  # always answer: 1 beyond the last
        ([2, 4], [0, 0.5], [1, 1], 1.0),  # never answer
        ([2, 2, 6], [1, 0, 1], [0, 1, 0], 7.0),  # equal margins stay together
    ],
)
def test_the_best_threshold(margins, answered, silent, expected):
    assert best_threshold(margins, answered, silent) == expected


def test_no_other_threshold_earns_more(rng):
    margins = np.round(rng.normal(0, 2, 61), 1)  # some are equal
    answered, silent = rng.random((2, 61))

    def earned(threshold):
        return np.where(margins > threshold, silent, answered).sum()

    best = earned(best_threshold(margins, answered, silent))
    assert best == pytest.approx(max(map(earned, np.linspace(-9, 9, 1801))))
