"""Metrics against values computed by hand; constant predictions give numbers, not warnings."""

import math

import numpy as np
import pytest

from recipes import metrics


def test_classification_of_two_labels():
    # true positives 3, false negatives 1, false positives 2, true negatives 1
    gold = ["yes", "yes", "yes", "yes", "no", "no", "no"]
    predicted = ["yes", "yes", "yes", "no", "yes", "yes", "no"]
    scores = metrics.classification(gold, predicted, positive="yes")
    f1_yes, f1_no = 2 * 3 / (2 * 3 + 1 + 2), 2 * 1 / (2 * 1 + 2 + 1)
    assert scores == pytest.approx(
        {
            "accuracy": 4 / 7,
            "micro_f1": 4 / 7,
            "macro_f1": (f1_yes + f1_no) / 2,
            "f1": f1_yes,
            "matthews": (3 * 1 - 2 * 1) / math.sqrt(5 * 4 * 3 * 2),
        }
    )
    assert metrics.classification(gold, predicted, positive="no")["f1"] == pytest.approx(f1_no)
    assert "f1" not in metrics.classification(gold, predicted)


def test_classification_of_three_labels_given_as_numbers():
    scores = metrics.classification([0, 0, 1, 2, 2], [0, 1, 1, 2, 0])
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["macro_f1"] == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)


@pytest.mark.parametrize("gold", [["a", "a"], ["a", "b"], ["b", "b"]])
def test_constant_classes_give_numbers(gold):
    scores = metrics.classification(gold, ["a", "a"], positive="b")
    assert scores["matthews"] == 0.0
    assert scores["f1"] == 0.0
    assert all(math.isfinite(score) for score in scores.values())


def test_multilabel():
    gold = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])
    predicted = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    scores = metrics.multilabel(gold, predicted)
    # columns: F1 1, 1 and 0; together 2 of 3 found, 2 of 3 right
    assert scores == pytest.approx({"micro_f1": 2 / 3, "macro_f1": 2 / 3, "exact_match": 1 / 3})
    nothing = metrics.multilabel(gold, np.zeros((3, 3)))
    assert nothing == pytest.approx({"micro_f1": 0, "macro_f1": 0, "exact_match": 1 / 3})
    with pytest.raises(ValueError, match=r"\(3, 3\), \(3, 2\)"):
        metrics.multilabel(gold, predicted[:, :2])


def test_multilabel_of_a_single_label_counts_it_alone():
    scores = metrics.multilabel([[1], [1], [0]], [[1], [0], [0]])
    assert scores == pytest.approx({"micro_f1": 2 / 3, "macro_f1": 2 / 3, "exact_match": 2 / 3})


def test_regression():
    gold, predicted = [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 3.0, 2.0]
    scores = metrics.regression(gold, predicted)
    assert scores["pearson"] == pytest.approx(4 / 5)
    assert scores["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert scores["pearson_spearman"] == pytest.approx(0.8)
    assert scores["mean_squared_error"] == pytest.approx(0.5)
    curved = metrics.regression(gold, [1, 10, 100, 1000])
    assert curved["spearman"] == pytest.approx(1.0)
    assert curved["pearson"] < 0.9


@pytest.mark.parametrize("predicted", [[2.5, 2.5, 2.5], [1.0, 1.0 + 1e-16, 1.0]])
def test_constant_scores_give_zero(predicted):
    scores = metrics.regression([1.0, 2.0, 3.0], predicted)
    assert (scores["pearson"], scores["spearman"]) == (0.0, 0.0)
    assert metrics.regression([1.0], [1.0])["pearson"] == 0.0


def test_regression_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="diverged"):
        metrics.regression([1.0, 2.0], [math.nan, 1.0])


def test_entities_are_whole_or_wrong():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "O"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "B-LOC", "O"]]
    # 4 predicted, 2 right of 3: "B-PER O" is half a name, the first B-LOC is none
    scores = metrics.entities(gold, predicted)
    f1 = 2 * 2 / (4 + 3)
    assert scores == pytest.approx(
        {"precision": 2 / 4, "recall": 2 / 3, "f1": f1, "token_accuracy": 5 / 7}
    )


def test_an_entity_needs_its_b():
    scores = metrics.entities([["B-PER", "I-PER"]], [["I-PER", "I-PER"]])
    assert scores == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "token_accuracy": 0.5}


def test_no_entities_give_zero():
    empty = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "token_accuracy": 1.0}
    assert metrics.entities([["O", "O"]], [["O", "O"]]) == empty
    assert metrics.entities([["O", "B-X"]], [["O", "O"]])["f1"] == 0.0
    assert metrics.entities([["O", "O"]], [["O", "B-X"]])["f1"] == 0.0


def test_entities_refuse_other_tags_and_lengths():
    with pytest.raises(ValueError, match="got E-X, NOUN"):
        metrics.entities([["O", "NOUN"]], [["E-X", "O"]])
    with pytest.raises(ValueError, match="sentence 1 has 2 gold tags, but 1"):
        metrics.entities([["O"], ["O", "O"]], [["O"], ["O"]])


def test_words():
    scores = metrics.words([["NOUN", "VERB"], ["NOUN"]], [["NOUN", "NOUN"], ["NOUN"]])
    assert scores == pytest.approx({"accuracy": 2 / 3, "macro_f1": (4 / 5 + 0) / 2})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["O", "B-PER", "I-PER"], True),
        (["B-PER", "I-PER"], True),
        (["NOUN", "VERB", "X"], False),
        (["O", "B-PER", "E-PER"], False),
        (["O", "I-PER"], False),
        (["O"], False),
        (["O", "B-"], False),
    ],
)
def test_is_iob2(names, expected):
    assert metrics.is_iob2(names) is expected


def test_qa_takes_the_best_gold_answer():
    gold = [["Denver Broncos", "the Broncos"], ["1999"]]
    scores = metrics.qa(gold, ["Broncos.", "in 1999"])
    assert scores == pytest.approx({"exact_match": 1 / 2, "f1": (1 + 2 / 3) / 2})


def test_qa_with_questions_that_have_no_answer():
    gold = [["Paris"], [], [], ["the"]]
    scores = metrics.qa(gold, ["Paris, France", "", "Rome", ""])
    assert scores == pytest.approx(
        {
            "exact_match": 2 / 4,
            "f1": (2 / 3 + 1 + 0 + 1) / 4,
            "answerable_exact_match": 1 / 2,
            "answerable_f1": (2 / 3 + 1) / 2,
            "unanswerable_exact_match": 1 / 2,
            "unanswerable_f1": 1 / 2,
        }
    )


def test_every_main_metric_is_among_its_scores():
    scores = {
        "classification": metrics.classification(["a"], ["b"]),
        "pair": metrics.classification(["a"], ["b"]),
        "multilabel": metrics.multilabel([[0, 1]], [[1, 1]]),
        "regression": metrics.regression([1.0], [2.0]),
        "entities": metrics.entities([["O"]], [["O"]]),
        "words": metrics.words([["X"]], [["Y"]]),
        "qa": metrics.qa([["x"]], ["y"]),
    }
    assert set(scores) == set(metrics.MAIN)
    assert all(metrics.MAIN[kind] in scores[kind] for kind in scores)
    assert all(type(score) is float for of_kind in scores.values() for score in of_kind.values())


@pytest.mark.parametrize("score", [metrics.classification, metrics.words, metrics.qa])
def test_unequal_numbers_are_refused(score):
    with pytest.raises(ValueError, match="got 2 and 1"):
        score([["a"], ["b"]], [["a"]])
    with pytest.raises(ValueError, match="got 0 and 0"):
        score([], [])
