"""Talk about dinner: a rule that says who is right, and demonstrations of both kinds."""

import itertools

import numpy as np
import pytest

from recipes.data import kitchen_talk
from recipes.data.kitchen_talk import DISHES, FRIENDLY, PEOPLE, true_score

ASKED = "What could I cook for Ada, who likes fish?"


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        ("Gladly! Cook baked trout for Ada. Serve it warm.", 4.0),
        ("Well then. Cook baked trout for Ada. Serve it warm.", 3.0),
        ("Gladly! Cook baked trout for the evening.", 3.0),
        ("Gladly! Cook paella for Ada.", 2.0),
        ("Gladly! Cook baked trout or paella for Ada.", 2.0),
        ("Not again. Cook baked trout for Ada.", 1.0),
        ("Gladly! Cook baked trout for Ada", 3.0),
        ("Gladly! Cook baked trout for Ada. Cook baked trout for Ada.", 3.0),
        ("", -1.0),
    ],
)
def test_points_by_the_rule(answer, points):
    assert true_score(ASKED, answer) == points


def test_padding_does_not_pay():
    answer = "Gladly! Cook baked trout for Ada, and " + "very " * 20 + "warm."
    assert true_score(ASKED, answer) == pytest.approx(4.0 - 0.2 * (28 - 24))


def test_another_question_is_refused():
    with pytest.raises(ValueError, match="must name one of the people"):
        true_score("How are you?", "Fine.")


def test_parts_share_no_person_with_the_same_liking():
    def topics(part):
        return {
            (person, liking)
            for question in kitchen_talk.questions(part, 2000, seed=5)
            for person, liking in itertools.product(PEOPLE, DISHES)
            if person in question and liking in question
        }

    found = [topics(part) for part in kitchen_talk.PARTS]
    for one, other in itertools.combinations(found, 2):
        assert not one & other
    assert len(set.union(*found)) == len(PEOPLE) * len(DISHES)


def test_every_question_can_be_judged_and_the_seed_decides():
    for part in kitchen_talk.PARTS:
        asked = kitchen_talk.questions(part, 200, seed=2)
        assert asked == kitchen_talk.questions(part, 200, seed=2)
        assert asked != kitchen_talk.questions(part, 200, seed=3)
        assert all(true_score(question, "") == -1.0 for question in asked)
    with pytest.raises(ValueError, match="part must be one of"):
        kitchen_talk.questions("dev", 1, seed=0)


def test_demonstrations_are_good_and_bad_and_about_as_long():
    pairs = kitchen_talk.demonstrations(3000, seed=0)
    points = np.array([true_score(*pair) for pair in pairs])
    lengths = np.array([len(answer.split()) for _, answer in pairs])
    best = points == 4.0
    assert 0.2 < best.mean() < 0.35
    assert points.min() < 0
    assert abs(lengths[best].mean() / lengths[~best].mean() - 1) < 0.05


def test_no_dish_is_part_of_another_likings_dish():
    dishes = [(liking, dish) for liking in DISHES for dish in DISHES[liking]]
    for (one, dish), (other, longer) in itertools.permutations(dishes, 2):
        assert one == other or dish not in longer
    assert len(set(FRIENDLY)) == len(FRIENDLY)
