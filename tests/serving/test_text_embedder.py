"""A TextEmbedder as a SavedModel: the vectors of the task, in every loader."""

import keras
import numpy as np
import pytest

from tests.serving.calls import in_process
from tests.small_bert import small_model, small_tokenizer
from zoo.models import BERT
from zoo.serving import warmup
from zoo.tasks import TextEmbedder

TEXTS = ["the food was good", "", "bad film! " * 20, "x\U0001f600 漢字 é\x00", " ", "bad film!"]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tagger's export through a process will do"
)


@pytest.fixture(scope="module")
def embedder():
    return TextEmbedder(small_model(BERT), small_tokenizer(), max_length=23)


@pytest.fixture(scope="module")
def exported(embedder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "embedder" / "1"
    embedder.export(folder)
    return folder


@pytest.fixture
def embed(predict):
    return lambda texts: predict({"text": texts})["embedding"]


def test_gives_the_embeddings_of_the_task(embed, embedder):
    found = embed(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, embedder(TEXTS), atol=1e-5)


def test_rows_do_not_depend_on_each_other(embed):
    together = embed(TEXTS)
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(embed([text])[0], together[row], atol=1e-5)


def test_zero_rows_and_empty_texts(embed):
    assert embed([]).shape == (0, 28)
    np.testing.assert_allclose(np.linalg.norm(embed(["", ""]), axis=1), 1.0, atol=1e-5)


def test_a_long_text_loses_its_tail(embed):
    found = embed(["bad " * 21, "bad " * 900])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_invalid_utf8_is_a_replacement_character(embed):
    np.testing.assert_allclose(embed([b"a \xff film"]), embed(["a \ufffd film"]), atol=1e-6)


def test_first_and_unnormalized(tmp_path):
    task = TextEmbedder(small_model(BERT), small_tokenizer(), pooling="first", normalize=False)
    task.export(tmp_path / "1")
    found = in_process(tmp_path / "1")({"text": TEXTS})["embedding"]
    np.testing.assert_allclose(found, task(TEXTS), rtol=1e-5, atol=1e-5)


def test_ships_warm_up_requests(exported, server):  # the server replayed them
    requests = [inputs["text"] for _, inputs in warmup.read_warmup(exported)]
    assert {len(texts) for texts in requests} >= {1, 8}
    assert any(b"" in texts for texts in requests)
