import base64
import json

import numpy as np
import pytest

from tests.small_tasks import TASKS, bert_task, small_translator
from zoo import tasks
from zoo.visual.explore import MOST_CHARACTERS, MOST_TOKENS, Explorer, load_run


def explorer(name):
    return Explorer(TASKS[name][0]())


@pytest.mark.parametrize("name", TASKS)
def test_the_page_gets_the_numbers_of_every_task(name):
    make, texts = TASKS[name]
    task = make()
    look = Explorer(task).look(list(texts))
    assert look == json.loads(json.dumps(look, allow_nan=False))
    assert look["answer"]["lines"]
    found = task.attention(*texts)
    assert [one["kind"] for one in look["attention"]] == list(found)
    for one, attention in zip(look["attention"], found.values(), strict=True):
        for part in ("weights", "query", "key", "value"):
            numbers = np.frombuffer(base64.b64decode(one[part]), "<f4")
            np.testing.assert_array_equal(numbers, getattr(attention, part).ravel())
        allowed = np.frombuffer(base64.b64decode(one["allowed"]), "uint8")
        np.testing.assert_array_equal(allowed, attention.allowed.ravel())
        sizes = one["layers"], one["heads"], len(one["queries"]), len(one["keys"])
        assert sizes == attention.weights.shape
        assert (one["keyHeads"], one["size"]) == attention.key.shape[1::2]


@pytest.mark.parametrize("name", TASKS)
def test_the_page_knows_of_biases(name):
    made = explorer(name)
    paths = [variable.path for variable in made.task.model.variables]
    assert made.form()["bias"] == any("query_key_value/bias" in path for path in paths)
    assert not made.form()["rotary"]


@pytest.mark.parametrize("name", TASKS)
def test_examples_can_be_looked_at(name):
    # The generator's characters have no capitals.
    texts = [field.example.lower() for field in explorer(name).fields]
    texts = [text.replace("[mask]", "[MASK]") for text in texts]
    assert explorer(name).look(texts)["texts"] == texts


def test_answers_say_what_the_task_says():
    look = explorer("TextClassifier").look(["the film"])["answer"]
    (scores,) = TASKS["TextClassifier"][0]().scores(["the film"])
    assert [line["text"] for line in look["lines"]] == ["xyz"[i] for i in np.argsort(-scores)]
    np.testing.assert_allclose([line["share"] for line in look["lines"]], np.sort(scores)[::-1])
    look = explorer("TextTagger").look(["the film"])["answer"]
    assert [line["text"] for line in look["lines"]] == ["the", "film"]
    look = explorer("Translator").look(["the cat"])["answer"]
    assert look["lines"][0]["text"] == small_translator()(["the cat"])[0]
    number = Explorer(bert_task(tasks.TextClassifier, tasks.Number(), num_labels=1))
    (line,) = number.look(["the film"])["answer"]["lines"]
    np.testing.assert_allclose(float(line["text"]), number.task(["the film"])[0], rtol=1e-3)
    embedder = explorer("TextEmbedder")
    assert len(embedder.look(["the film"])["answer"]["lines"]) == 1
    cosine = embedder.look(["the film", "the film"])["answer"]["lines"][1]
    assert cosine["note"] == "1.000"
    (line,) = explorer("AnswerScorer").look(["hello", " yes"])["answer"]["lines"]
    (score,) = TASKS["AnswerScorer"][0]()(["hello"], [" yes"])
    assert line["text"] == f"{score:.4f}"


def test_a_generator_says_what_may_come_next_after_each_token():
    make, _ = TASKS["TextGenerator"]
    answer = explorer("TextGenerator").look(["hello"])["answer"]
    assert len(answer["following"]) == 5
    assert answer["lines"] == answer["following"][-1]
    (greedy,) = make().generate(["hello"], max_new_tokens=1)
    best = answer["lines"][0]["text"]
    assert best == make().tokenizer.spell(greedy[0].ids)[0].replace(" ", "\u2581")
    shares = [line["share"] for line in answer["lines"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "Sentence: give a text"),
        ([" \n"], "Sentence: give a text"),
        (["a", "b", "c"], "at most 2; got 3"),
        (["x" * (MOST_CHARACTERS + 1)], "at most 2000 characters; got 2001"),
        (["a " * 200], f"at most {MOST_TOKENS} tokens"),
        ("text", "must be a list of strings"),
        ([1], "must be a list of strings"),
        (["\ud800"], "valid Unicode"),
    ],
)
def test_what_cannot_be_shown_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        Explorer(small_translator()).look(texts)


def test_a_text_without_a_gap_is_refused():
    with pytest.raises(ValueError, match="has no .MASK."):
        explorer("MaskFiller").look(["the film"])


def test_runs_and_saved_tasks(tmp_path):
    task = bert_task(tasks.TextClassifier, ["x", "y"], num_labels=2)
    task.save(tmp_path / "run" / "task")
    for folder in ("run", "run/task"):
        assert load_run(tmp_path / folder).labels.names == ("x", "y")
    with pytest.raises(ValueError, match="neither a folder that task.save"):
        load_run(tmp_path)
    with pytest.raises(ValueError, match="no page for a task of class object"):
        Explorer(object())
