"""Texts to labels: one of several, many, a number; pairs; folders of both kinds."""

import json

import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from tests.small_bert import small_model, small_tokenizer, spread_labels
from zoo.models import BERT, BERTClassifier
from zoo.tasks import ManyLabels, Number, OneLabel, TextClassifier

TEXTS = ["the food was good", "", "bad film!", "not a very good film, the new york food was bad"]
NAMES = ["bad", "good", "mixed"]


def make(labels=NAMES, **settings):
    labels = labels if not isinstance(labels, list) else OneLabel(labels)
    model = small_model(BERTClassifier, num_labels=len(labels.names))
    task = TextClassifier(model, small_tokenizer(), labels, **settings)
    spread_labels(model, small_tokenizer().encode_batch(TEXTS).inputs)
    return task


@pytest.fixture(scope="module")
def classifier():
    return make()


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_scores_are_the_softmax_of_the_models_logits(classifier):
    logits = to_numpy(classifier.model(classifier.encode(TEXTS)))
    scores = classifier.scores(TEXTS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, softmax(logits), atol=1e-5)
    assert classifier(TEXTS) == [NAMES[i] for i in logits.argmax(1)]
    assert len(set(classifier(TEXTS))) > 1


def test_batches_change_nothing(classifier):
    whole = classifier.scores(TEXTS)
    np.testing.assert_allclose(classifier.scores(TEXTS, batch_size=1), whole, atol=1e-5)
    np.testing.assert_allclose(classifier.scores(TEXTS[::-1], batch_size=3), whole[::-1], atol=1e-5)
    assert classifier([]) == []
    assert classifier.scores([]).shape == (0, 3)


def test_a_long_text_loses_its_tail():
    short = make(max_length=7)
    words = ["good", "bad", "food", "film", "the"]
    same = short.scores([" ".join(words), " ".join([*words, "was", "not"])])
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert short.encode([" ".join(words * 3)])["token_ids"].shape == (1, 7)


def test_many_labels_hold_from_a_threshold_on():
    many = make(ManyLabels(NAMES, threshold=0.4))
    logits = to_numpy(many.model(many.encode(TEXTS)))
    probabilities = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(many.scores(TEXTS), probabilities, atol=1e-5)
    expected = [tuple(np.array(NAMES)[row >= 0.4]) for row in probabilities]
    assert many(TEXTS) == expected
    targets = many.labels.targets([("good",), (), ("mixed", "bad")])
    assert targets.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]


def test_a_number_is_the_models_output():
    grade = make(Number("stars"))
    logits = to_numpy(grade.model(grade.encode(TEXTS)))
    # The spread labels multiply float32's roundings too, and a compiled program has others.
    np.testing.assert_allclose(grade(TEXTS), logits[:, 0], rtol=1e-4, atol=1e-4)
    assert grade.labels.targets([1, 2.5]).tolist() == [[1.0], [2.5]]
    with pytest.raises(ValueError, match="finite"):
        grade.labels.targets([1.0, float("nan")])


def test_pairs_are_packed_into_one_row():
    pairs = make(num_texts=2)
    second = TEXTS[::-1]
    batch = pairs.tokenizer.encode_batch(TEXTS, second, max_length=31)
    logits = to_numpy(pairs.model(batch.inputs))
    np.testing.assert_allclose(pairs.scores(TEXTS, second), softmax(logits), atol=1e-5)
    np.testing.assert_array_equal(pairs.encode(TEXTS, second)["segment_ids"], batch.segment_ids)


def test_fit_learns_the_labels_of_a_script():
    model = small_model(BERTClassifier, scale=0.1, num_labels=2, dropout=0.0)
    task = TextClassifier(model, small_tokenizer(), ["bad", "good"])
    texts = ["good film", "bad film", "good food", "bad food"]
    labels = ["good", "bad", "good", "bad"]
    task.model.compile(
        keras.optimizers.Adam(1e-2),
        task.labels.loss(),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    task.scores(texts)  # compiled before: must read the weights of later
    task.model.fit(task.encode(texts), task.labels.targets(labels), epochs=20, verbose=0)
    assert task(texts) == labels


@pytest.mark.parametrize(
    "labels", [OneLabel(NAMES), ManyLabels(NAMES, 0.3), Number("stars")], ids=lambda x: str(type(x))
)
def test_round_trips(tmp_path, labels):
    task = make(labels, max_length=29)
    task.save(tmp_path / "task")
    task.save_pretrained(tmp_path / "pretrained")
    expected = task.scores(TEXTS)
    for again in (
        zoo.load(tmp_path / "task"),
        TextClassifier.load(tmp_path / "task"),
        TextClassifier.from_pretrained(tmp_path / "pretrained", max_length=29),
    ):
        assert type(again.labels) is type(labels)
        assert again.labels.names == labels.names
        assert again.max_length == 29
        np.testing.assert_array_equal(again.scores(TEXTS), expected)
    assert zoo.load(tmp_path / "task").labels.get_config() == labels.get_config()


def test_pairs_survive_saving(tmp_path):
    make(num_texts=2).save(tmp_path / "task")
    assert zoo.load(tmp_path / "task").num_texts == 2


def test_transformers_pipeline_gives_the_same(tmp_path, classifier):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    classifier.save_pretrained(tmp_path / "saved")
    pipeline = transformers.pipeline("text-classification", str(tmp_path / "saved"), top_k=None)
    for text, row in zip(TEXTS, classifier.scores(TEXTS), strict=True):
        found = {one["label"]: one["score"] for one in pipeline([text])[0]}
        np.testing.assert_allclose([found[name] for name in NAMES], row, atol=1e-5)


def test_a_new_head_on_released_weights(tmp_path):
    small_model(BERT).save_pretrained(tmp_path / "bert")
    small_tokenizer().write_pretrained(tmp_path / "bert")
    task = TextClassifier.from_pretrained(tmp_path / "bert", labels=["no", "yes"], num_texts=2)
    assert task.labels.names == ("no", "yes")
    assert task.scores(["good"], ["bad"]).shape == (1, 2)
    given, expected = task.model.token_embedding.weights[0], small_model(BERT).weights[0]
    np.testing.assert_array_equal(to_numpy(given.value), to_numpy(expected.value))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["bad"], "at least 2 different names"),
        (["bad", "bad"], "at least 2 different names"),
        (["bad", ""], "non-empty str; got ''"),
        (["bad", 3], "non-empty str; got 3"),
    ],
)
def test_labels_that_are_none(labels, message):
    with pytest.raises(ValueError, match=message):
        OneLabel(labels)


def test_bad_input_is_named(classifier):
    model, tokenizer = classifier.model, classifier.tokenizer
    with pytest.raises(ValueError, match="as many as the model has outputs, 3"):
        TextClassifier(model, tokenizer, ["bad", "good"])
    with pytest.raises(TypeError, match=r"must be a zoo.models.BERTClassifier; got a BERT"):
        TextClassifier(small_model(BERT), tokenizer, NAMES)
    with pytest.raises(ValueError, match="num_texts must be 1, or 2 for pairs; got 3"):
        TextClassifier(model, tokenizer, NAMES, num_texts=3)
    with pytest.raises(ValueError, match="max_length must be at least 3 and at most .* 31"):
        TextClassifier(model, tokenizer, NAMES, max_length=32)
    with pytest.raises(TypeError, match="texts must be a list of str; got one string"):
        classifier("good")
    with pytest.raises(ValueError, match="text_pairs must be none, as num_texts is 1"):
        classifier(["good"], ["bad"])
    pairs = make(num_texts=2)
    with pytest.raises(ValueError, match="text_pairs must be a list of str"):
        pairs(["good"])
    with pytest.raises(ValueError, match="as many as texts, 1; got 2"):
        pairs(["good"], ["bad", "film"])
    with pytest.raises(ValueError, match="'fine' is none of"):
        classifier.labels.targets(["fine"])
    with pytest.raises(ValueError, match="batch_size must be at least 1; got 0"):
        classifier(["good"], batch_size=0)
    with pytest.raises(ValueError, match="threshold must be above 0"):
        ManyLabels(NAMES, threshold=1.0)


def test_a_vocabulary_of_another_model_is_refused(classifier):
    tokenizer = zoo.text.WordPieceTokenizer([*small_tokenizer().vocabulary, "more"])
    with pytest.raises(ValueError, match=r"tokenizer has \d+ ids, the model \d+"):
        TextClassifier(classifier.model, tokenizer, NAMES)


def test_a_folder_with_foreign_labels_is_refused(tmp_path, classifier):
    classifier.save(tmp_path / "task")
    file = tmp_path / "task" / "task.json"
    description = json.loads(file.read_text())
    description["settings"]["labels"]["kind"] = "Path"
    file.write_text(json.dumps(description))
    with pytest.raises(ValueError, match="labels of kind 'Path'"):
        zoo.load(tmp_path / "task")
