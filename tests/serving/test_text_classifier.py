"""A TextClassifier as a SavedModel: the scores of the task, from every backend, in every loader."""

import numpy as np
import pytest

from tests.serving.calls import in_process, only_in_process
from tests.small_bert import small_model, small_tokenizer, spread_labels
from zoo.models import BERTClassifier
from zoo.serving import warmup
from zoo.tasks import ManyLabels, Number, TextClassifier

TEXTS = ["the food was good", "", "bad film! " * 20, "x\U0001f600 漢字 é", " ", "bad film!"]
PAIRS = TEXTS[2:] + TEXTS[:2]
NAMES = ["bad", "good", "mixed"]


def make(labels=NAMES, num_texts=1):
    num_labels = 1 if isinstance(labels, Number) else 3
    model = small_model(BERTClassifier, num_labels=num_labels)
    spread_labels(model, small_tokenizer().encode_batch(TEXTS, max_length=23).inputs)
    return TextClassifier(model, small_tokenizer(), labels, num_texts, max_length=23)


@pytest.fixture(scope="module")
def classifier():
    return make()


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "classifier" / "1"
    classifier.export(folder)
    return folder


def example(tf, **features):
    """A serialized tf.Example of texts."""
    found = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
        for name, text in features.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=found)).SerializeToString()


def test_gives_the_scores_of_the_task(predict, classifier):
    outputs = predict({"text": TEXTS})
    expected = classifier.scores(TEXTS)
    np.testing.assert_allclose(outputs["scores"], expected, atol=1e-5)
    np.testing.assert_allclose(outputs["score"], expected.max(axis=1), atol=1e-5)
    assert [label.decode() for label in outputs["label"]] == classifier(TEXTS)
    assert len(set(classifier(TEXTS))) > 1


def test_classify_takes_examples(predict, classifier, tf):
    outputs = predict({"inputs": [example(tf, text=text) for text in TEXTS]}, "classify")
    np.testing.assert_allclose(outputs["scores"], classifier.scores(TEXTS), atol=1e-5)
    assert outputs["classes"].tolist() == [[name.encode() for name in NAMES]] * len(TEXTS)


def test_rows_do_not_depend_on_each_other(predict):
    together = predict({"text": TEXTS})
    for row, text in enumerate(TEXTS):
        alone = predict({"text": [text]})
        np.testing.assert_allclose(alone["scores"][0], together["scores"][row], atol=1e-5)


def test_zero_rows(predict):
    nothing = predict({"text": []})
    assert nothing["label"].shape == nothing["score"].shape == (0,)
    assert nothing["scores"].shape == (0, 3)
    assert predict({"inputs": []}, "classify")["classes"].shape == (0, 3)


def test_invalid_utf8_is_a_replacement_character(predict):
    broken = predict({"text": [b"a \xff film", "a film"]})
    whole = predict({"text": ["a \ufffd film", "a film"]})
    np.testing.assert_allclose(broken["scores"], whole["scores"], atol=1e-6)


def test_ships_warm_up_requests_for_all_signatures(exported, server):  # the server replayed them
    assert {name for name, _ in warmup.read_warmup(exported)} == {"serving_default", "classify"}


@only_in_process
def test_pairs(tmp_path, tf):
    task = make(num_texts=2)
    task.export(tmp_path / "1")
    predict = in_process(tmp_path / "1")
    expected = task.scores(TEXTS, PAIRS)
    outputs = predict({"text": TEXTS, "text_pair": PAIRS})
    np.testing.assert_allclose(outputs["scores"], expected, atol=1e-5)
    rows = zip(TEXTS, PAIRS, strict=True)
    examples = [example(tf, text=text, text_pair=pair) for text, pair in rows]
    outputs = predict({"inputs": examples}, "classify")
    np.testing.assert_allclose(outputs["scores"], expected, atol=1e-5)


@only_in_process
def test_many_labels_and_numbers(tmp_path, tf):
    many = make(ManyLabels(NAMES, threshold=0.3))
    many.export(tmp_path / "many" / "1")
    outputs = in_process(tmp_path / "many" / "1")({"text": TEXTS})
    found = [tuple(x.decode() for x in row if x) for row in outputs["label"]]
    assert found == many(TEXTS)
    grade = make(Number("stars"))
    grade.export(tmp_path / "grade" / "1")
    outputs = in_process(tmp_path / "grade" / "1")({"text": TEXTS})
    np.testing.assert_allclose(outputs["score"], grade(TEXTS), rtol=1e-4, atol=1e-5)
    assert set(outputs["label"]) == {b"stars"}
