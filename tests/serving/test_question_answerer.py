"""A QuestionAnswerer as a SavedModel: the answers of the task, from every backend and loader."""

import numpy as np
import pytest

from tests.serving.calls import in_process, only_in_process
from tests.small_bert import WORDS, small_model, small_tokenizer
from zoo.models import BERTSpanSelector
from zoo.serving import op_types, warmup
from zoo.tasks import QuestionAnswerer


def words(count):
    """Random ones: two equal windows would have two best answers."""
    return " ".join(np.random.default_rng(count).choice(WORDS, count))


QUESTIONS = ["good food?", "", "the very bad film was not good", "x", "york", "漢?", "a"]
CONTEXTS = [
    words(41),
    "caf\u00e9 e\u0301a 漢字 \U0001f600 bad",
    "",
    "the film",
    "\U0001f600\U0001f600 the food was very good, e\u0301 " + words(17),
    " ",
    words(397),  # more windows than are read at a time
]


def make(**settings):
    model = small_model(BERTSpanSelector)
    model.span.kernel.assign(model.span.kernel * 7)
    sizes = {"max_length": 23, "max_question_length": 5, "stride": 7, "max_answer_length": 4}
    return QuestionAnswerer(model, small_tokenizer(), **sizes, **settings)


@pytest.fixture(scope="module")
def answerer():
    return make()


@pytest.fixture(scope="module")
def exported(answerer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "answerer" / "1"
    answerer.export(folder)
    return folder


@pytest.fixture
def ask(predict):
    return lambda questions, contexts: predict({"question": questions, "context": contexts})


def assert_answers(outputs, answers):
    texts, scores, starts, ends = zip(*answers, strict=True)
    assert [text.decode() for text in outputs["answer"]] == list(texts)
    np.testing.assert_allclose(outputs["score"], scores, atol=1e-5)
    assert outputs["start"].tolist() == list(starts)
    assert outputs["end"].tolist() == list(ends)
    assert outputs["start"].dtype == outputs["end"].dtype == np.int32


def test_gives_the_answers_of_the_task(ask, answerer):
    answers = answerer(QUESTIONS, CONTEXTS)
    assert len({answer.text for answer in answers}) > 3
    assert_answers(ask(QUESTIONS, CONTEXTS), answers)


def test_rows_do_not_depend_on_each_other(ask, answerer):
    answers = answerer(QUESTIONS, CONTEXTS)
    for answer, *texts in zip(answers, QUESTIONS, CONTEXTS, strict=True):
        assert_answers(ask(*([text] for text in texts)), [answer])


def test_zero_rows(ask):
    nothing = ask([], [])
    assert {name: value.shape for name, value in nothing.items()} == dict.fromkeys(
        ("answer", "score", "start", "end"), (0,)
    )


def test_invalid_utf8_is_a_replacement_character(ask):
    broken = ask([b"\xff?", "a"], [b"\xff a film \xff bad\xff", b"\xff"])
    whole = ask(["\ufffd?", "a"], ["\ufffd a film \ufffd bad\ufffd", "\ufffd"])
    for name, value in whole.items():
        assert broken[name].tolist() == value.tolist()
    text, start, end = (broken[name][0] for name in ("answer", "start", "end"))
    assert "\ufffd a film \ufffd bad\ufffd"[start:end] == text.decode()


def test_ships_warm_up_requests(exported, server):  # the server replayed them
    requests = [inputs for _, inputs in warmup.read_warmup(exported)]
    assert any(b"" in inputs["context"] for inputs in requests)
    assert {len(inputs["question"]) for inputs in requests} >= {1, 8}
    assert any(len(text) > 100 for inputs in requests for text in inputs["context"])


def test_reads_windows_a_few_at_a_time(exported):
    assert "While" in op_types(exported)


@only_in_process
def test_the_threshold_is_inside(tmp_path):
    task = make()
    for task.null_threshold in np.arange(-9.0, 9.0).tolist():
        texts = [answer.text for answer in task(QUESTIONS, CONTEXTS)]
        if 2 < texts.count("") < 6:  # two contexts have no words
            break
    task.export(tmp_path / "1")
    outputs = in_process(tmp_path / "1")({"question": QUESTIONS, "context": CONTEXTS})
    assert 2 < outputs["answer"].tolist().count(b"") < 6
    assert_answers(outputs, task(QUESTIONS, CONTEXTS))
