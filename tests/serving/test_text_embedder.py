"""A TextEmbedder as a SavedModel: the vectors of the task, in every loader."""

import keras
import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def server(exported, serve):
    with serve(exported, threads=(1, 1)) as server:
        yield server


@pytest.fixture(params=["python", "c++"])
def embed(request, exported, tf):
    """Calls the export: texts -> its one output."""
    if request.param == "c++":
        server = request.getfixturevalue("server")
        return lambda texts: server.predict({"text": np.array(texts, object)})["embedding"]
    import tensorflow_text  # noqa: F401

    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    return lambda texts: signature(text=tf.constant(texts, tf.string))["embedding"].numpy()


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


def test_first_and_unnormalized(tmp_path, tf):
    task = TextEmbedder(small_model(BERT), small_tokenizer(), pooling="first", normalize=False)
    task.export(tmp_path / "1")
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    found = signature(text=tf.constant(TEXTS))["embedding"].numpy()
    np.testing.assert_allclose(found, task(TEXTS), rtol=1e-5, atol=1e-5)


def test_ships_warm_up_requests(exported, server):  # the server replayed them
    requests = [inputs["text"] for _, inputs in warmup.read_warmup(exported)]
    assert {len(texts) for texts in requests} >= {1, 8}
    assert any(b"" in texts for texts in requests)
