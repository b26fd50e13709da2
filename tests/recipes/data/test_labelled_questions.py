"""Questions of SQuAD files: answers stand in their contexts, in code points."""

import copy
import gzip
import json

import pytest

from recipes.data.labelled import read_examples

CONTEXT = "Ångström 😀 met Wu in Åbo. Later Wu left 東京."
SQUAD = {
    "version": "2.0",
    "data": [
        {
            "title": "x",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {
                            "id": "q1",
                            "question": "Who left?",
                            "answers": [{"text": "Wu", "answer_start": 32}],
                            "is_impossible": False,
                        },
                        {
                            "id": "q2",
                            "question": "Which city was left?",
                            "answers": [{"text": "東京", "answer_start": 40}] * 2,
                        },
                        {
                            "id": "q3",
                            "question": "Why?",
                            "answers": [],
                            "is_impossible": True,
                            "plausible_answers": [{"text": "met", "answer_start": 11}],
                        },
                    ],
                }
            ],
        }
    ],
}


def _read(tmp_path, value, name="a.json"):
    content = (value if isinstance(value, str) else json.dumps(value)).encode()
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_examples(file, "qa")


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_answers_stand_at_their_starts(tmp_path, name):
    questions = _read(tmp_path, SQUAD, name)
    assert questions.ids == ["q1", "q2", "q3"]
    assert questions.questions[2] == "Why?"
    assert questions.contexts == [CONTEXT] * 3
    assert questions.answers == [[("Wu", 32)], [("東京", 40)] * 2, []]
    for context, answers in zip(questions.contexts, questions.answers, strict=True):
        assert all(context[start : start + len(text)] == text for text, start in answers)


@pytest.mark.parametrize(
    ("given", "start"),
    [(15, 15), (0, 15), (-1, 15), (22, 15), (24, 32), (33, 32), (36, 32), (1000, 32)],
)
def test_a_wrong_start_means_the_nearest_occurrence(tmp_path, given, start):
    assert (CONTEXT.find("Wu"), CONTEXT.rfind("Wu")) == (15, 32)
    value = copy.deepcopy(SQUAD)
    value["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = given
    assert _read(tmp_path, value).answers[0] == [("Wu", start)]


def _changed(path, value):
    changed = copy.deepcopy(SQUAD)
    part = changed
    for key in path[:-1]:
        part = part[key]
    if value is KeyError:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return changed


QAS = ("data", 0, "paragraphs", 0, "qas")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "a.json is empty"),
        ('{"data": [\n{"paragraphs": ]}', "a.json, line 2: invalid JSON"),
        ("[]", r"must be a JSON object with `data`, got \[\]"),
        ({"data": []}, "a.json is empty: it has no questions"),
        (_changed(("data",), KeyError), "has no 'data'; its keys are version"),
        (_changed(("data",), {}), "data must be a list"),
        (_changed((*QAS, 0, "id"), KeyError), r"paragraphs\[0\].qas\[0\] has no 'id'"),
        (_changed((*QAS, 0, "id"), "q2"), r"qas\[1\]: a second question has the id 'q2'"),
        (_changed((*QAS, 0, "question"), " "), "question is empty"),
        (_changed((*QAS, 1), "text"), r"qas\[1\] must be a JSON object, got 'text'"),
        (_changed((*QAS, 0, "answers", 0, "text"), ""), r"answers\[0\]: text is empty"),
        (_changed((*QAS, 0, "answers", 0, "answer_start"), "3"), "must be an integer, got '3'"),
        (_changed((*QAS, 0, "answers", 0, "answer_start"), True), "must be an integer, got True"),
        (_changed((*QAS, 0, "answers"), []), "is_impossible is false, but there are no answers"),
        (_changed((*QAS, 0, "is_impossible"), True), "is_impossible is true, but there are answer"),
        (_changed((*QAS[:-1], "context"), 5), r"paragraphs\[0\]: context must be a text, got 5"),
    ],
)
def test_bad_files(tmp_path, value, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, value)


def test_answers_that_do_not_occur_are_told_all_at_once(tmp_path):
    value = _changed((*QAS, 0, "answers", 0, "text"), "wu")
    value["data"][0]["paragraphs"][0]["qas"][1]["answers"] = [{"text": "Tokyo", "answer_start": 0}]
    with pytest.raises(ValueError, match="2 answers do not occur.*'q1': 'wu'; question 'q2': 'To"):
        _read(tmp_path, value)
