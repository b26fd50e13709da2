"""A MaskFiller as a SavedModel: the tokens of the task, in every loader."""

import keras
import numpy as np
import pytest

from tests.small_bert import small_model, small_tokenizer
from zoo.models import BERTPretrainer
from zoo.serving import warmup
from zoo.tasks import MaskFiller

TEXTS = [
    "the [MASK] was good",
    "[MASK]",
    "a[MASK]b, [MASK] bad [MASK]!",
    "e\u0301 漢[MASK]\U0001f600",
    "bad " * 9 + "[MASK] " + "film " * 20 + "[MASK]",
]
K = 3

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tagger's export through a process will do"
)


@pytest.fixture(scope="module")
def filler():
    return MaskFiller(small_model(BERTPretrainer), small_tokenizer(), max_length=23)


@pytest.fixture(scope="module")
def exported(filler, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "filler" / "1"
    filler.export(folder, k=K)
    return folder


@pytest.fixture
def fill(predict):
    return lambda texts: predict({"text": texts})


def assert_row(outputs, row, expected):
    """Row `row` of the outputs is `expected`, lists of `Fill`, and nothing beyond."""
    length = outputs["length"][row]
    assert length == len(expected)
    tokens, scores = outputs["tokens"][row], outputs["scores"][row]
    for mask, fills in enumerate(expected):
        assert [token.decode() for token in tokens[mask]] == [fill.token for fill in fills]
        np.testing.assert_allclose(scores[mask], [fill.score for fill in fills], atol=1e-5)
    assert (tokens[length:] == b"").all()
    assert (scores[length:] == 0).all()


def test_gives_the_tokens_of_the_task(fill, filler):
    outputs = fill(TEXTS)
    assert outputs["tokens"].shape == outputs["scores"].shape == (len(TEXTS), 3, K)
    assert outputs["length"].tolist() == [1, 1, 3, 1, 1]
    for row, expected in enumerate(filler(TEXTS, k=K)):
        assert_row(outputs, row, expected)


def test_rows_do_not_depend_on_each_other(fill, filler):
    for text, expected in zip(TEXTS, filler(TEXTS, k=K), strict=True):
        assert_row(fill([text]), 0, expected)


def test_texts_without_a_mask_have_the_length_0(fill, filler):
    outputs = fill(["", TEXTS[0], "good", "bad " * 30 + "[MASK]"])
    assert outputs["length"].tolist() == [0, 1, 0, 0]
    for row, expected in enumerate([[], filler(TEXTS[:1], k=K)[0], [], []]):
        assert_row(outputs, row, expected)
    for texts in ([], [""], ["", "good"]):
        outputs = fill(texts)
        assert outputs["length"].tolist() == [0] * len(texts)
        assert outputs["tokens"].shape == outputs["scores"].shape == (len(texts), 0, K)


def test_invalid_utf8_is_a_replacement_character(fill):
    broken, whole = fill([b"a \xff [MASK]"]), fill(["a \ufffd [MASK]"])
    assert broken["tokens"].tolist() == whole["tokens"].tolist()


def test_five_tokens_unless_said_otherwise(filler, tmp_path, tf):
    filler.export(tmp_path / "1")
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    outputs = signature(text=tf.constant(TEXTS))
    assert_row({key: x.numpy() for key, x in outputs.items()}, 0, filler(TEXTS[:1])[0])


def test_a_bad_setting_is_named(filler, tmp_path):
    with pytest.raises(ValueError, match="k must be at least 1"):
        filler.export(tmp_path / "1", k=0)
    assert not any(tmp_path.iterdir())


def test_ships_warm_up_requests(exported, server):  # the server replayed them
    requests = [inputs["text"] for _, inputs in warmup.read_warmup(exported)]
    assert any(text.count(b"[MASK]") > 1 for texts in requests for text in texts)
    assert any(b"" in texts for texts in requests)
