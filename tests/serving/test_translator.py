"""A Translator as a SavedModel: the same translations from every backend, in every loader."""

import keras
import numpy as np
import pytest

from tests.serving.calls import only_in_process, shapes_in_panels, stored_shapes
from zoo.models import Transformer
from zoo.serving import op_types, warmup
from zoo.tasks import Translator
from zoo.text import train_sentencepiece

TEXTS = ["a red cat", "", "the old dog ran to the red house on the mat", "two", " ", "a red cat"]
BEAM_SIZE = 3


@pytest.fixture(scope="module")
def translator(tmp_path_factory, sentences):
    keras.utils.set_random_seed(29)
    corpus = tmp_path_factory.mktemp("corpus") / "text.en"
    corpus.write_text("\n".join(sentences), encoding="utf-8")
    tokenizer = train_sentencepiece(corpus, 43)
    special_ids = tokenizer.special_ids
    model = Transformer.from_size(
        "tiny",
        vocab_size=tokenizer.vocabulary_size,
        hidden_dim=24,
        feed_forward_dim=37,
        num_encoder_layers=1,
        num_decoder_layers=2,
        num_heads=3,
        pad_id=special_ids.pad,
        start_id=special_ids.start,
        end_id=special_ids.end,
    )
    return Translator(model, tokenizer, length_offset=5)


@pytest.fixture(scope="module")
def exported(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "translation" / "1"
    translator.export(folder, beam_size=BEAM_SIZE)
    return folder


def test_gives_the_translations_of_the_task(predict, translator):
    outputs = predict({"text": TEXTS}, "serving_default")
    texts = [text.decode() for text in outputs["text"]]
    assert texts == translator(TEXTS, beam_size=BEAM_SIZE)
    assert len(set(texts)) > 2
    expected = [row[0].score for row in translator.n_best(TEXTS, n=1, beam_size=BEAM_SIZE)]
    np.testing.assert_allclose(outputs["score"], expected, rtol=1e-4)


def test_gives_the_n_best_of_the_task(predict, translator):
    outputs = predict({"text": TEXTS}, "n_best")
    assert outputs["text"].shape == outputs["score"].shape == (len(TEXTS), BEAM_SIZE)
    expected = translator.n_best(TEXTS, n=BEAM_SIZE, beam_size=BEAM_SIZE)
    for texts, scores, row in zip(outputs["text"], outputs["score"], expected, strict=True):
        assert [text.decode() for text in texts[: len(row)]] == [one.text for one in row]
        np.testing.assert_allclose(scores[: len(row)], [one.score for one in row], rtol=1e-4)
        assert list(texts[len(row) :]) == [b""] * (BEAM_SIZE - len(row))


@pytest.mark.parametrize("name", ["serving_default", "n_best"])
def test_rows_do_not_depend_on_each_other(predict, name):
    together = predict({"text": TEXTS}, name)
    for row, text in enumerate(TEXTS):
        alone = predict({"text": [text]}, name)
        assert alone["text"].tolist() == together["text"][row : row + 1].tolist()
        np.testing.assert_allclose(alone["score"], together["score"][row : row + 1], rtol=1e-4)


@pytest.mark.parametrize(("name", "shape"), [("serving_default", ()), ("n_best", (BEAM_SIZE,))])
def test_empty_texts_and_zero_rows(predict, name, shape):
    nothing = predict({"text": []}, name)
    assert nothing["text"].shape == nothing["score"].shape == (0, *shape)
    empty = predict({"text": ["", ""]}, name)
    assert (empty["text"] == b"").all()
    assert (empty["score"] == 0).all()


def test_invalid_utf8_is_a_replacement_character(predict):
    broken = predict({"text": [b"a \xff cat", "a red cat"]}, "serving_default")
    whole = predict({"text": ["a \ufffd cat", "a red cat"]}, "serving_default")
    assert broken["text"].tolist() == whole["text"].tolist()


def test_a_long_text_loses_its_tail(predict):
    words = predict({"text": ["red " * 700, "red " * 900]}, "serving_default")
    assert words["text"][0] == words["text"][1]


def test_holds_the_whole_way_from_text_to_text(exported):
    assert {"SentencepieceTokenizeOp", "While", "SentencepieceDetokenizeOp"} <= op_types(exported)


def test_ships_warm_up_requests_for_all_signatures(exported, server):  # the server replayed them
    requests = warmup.read_warmup(exported)
    assert {name for name, _ in requests} == {"serving_default", "n_best"}
    assert any(b"" in inputs["text"] for _, inputs in requests)
    assert {len(inputs["text"]) for _, inputs in requests} >= {1, 8}


@only_in_process
def test_matrices_are_stored_once_and_in_panels(exported, translator):
    model = translator.model
    table = model.target_embedding.table.embeddings
    assert stored_shapes(exported) == shapes_in_panels(model, table)


@only_in_process
def test_greedy_export(translator, tmp_path, tf):
    translator.export(tmp_path / "1", beam_size=1)
    model = tf.saved_model.load(str(tmp_path / "1"))
    outputs = model.signatures["serving_default"](text=tf.constant(TEXTS))
    assert [text.decode() for text in outputs["text"].numpy()] == translator(TEXTS, beam_size=1)


@only_in_process
def test_a_bad_setting_is_named(translator, tmp_path):
    with pytest.raises(ValueError, match="beam_size must be a whole number"):
        translator.export(tmp_path / "1", beam_size=0)
    assert not any(tmp_path.iterdir())
