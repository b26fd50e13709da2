"""Strings in, strings out: the Translator, its folder and its SavedModel."""

import io
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import sentencepiece
from keras import ops

import zoo

TEXTS = ["ein Hund", "zwei Männer stehen am Herd", "eine Frau geht zur Schule und zurück"]


@pytest.fixture(scope="module")
def tokenizer():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3),
        model_writer=model,
        vocab_size=61,
        model_type="bpe",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return zoo.text.SentencePieceTokenizer(model.getvalue())


def make_translator(tokenizer, **settings):
    keras.utils.set_random_seed(7)
    model = zoo.models.Transformer.from_size(
        "tiny",
        vocab_size=tokenizer.vocabulary_size,
        hidden_dim=28,
        feed_forward_dim=37,
        num_encoder_layers=1,
        num_decoder_layers=1,
    )
    return zoo.tasks.Translator(model, tokenizer, **settings)


@pytest.fixture(scope="module")
def translator(tokenizer):
    return make_translator(tokenizer)


def test_a_translation_does_not_depend_on_its_batch(translator):
    together = translator.n_best(TEXTS, n=2, beam_size=3)
    for text, found in zip(TEXTS, together, strict=True):
        (alone,) = translator.n_best([text], n=2, beam_size=3)
        assert [t.text for t in alone] == [t.text for t in found]
        np.testing.assert_allclose([t.score for t in alone], [t.score for t in found], atol=1e-5)


def test_batches_give_answers_in_the_order_of_the_texts(translator):
    texts = [TEXTS[2], TEXTS[0], "", TEXTS[1]]
    whole = translator(texts, beam_size=2)
    assert translator(texts, beam_size=2, batch_size=2) == whole
    assert [translator([text], beam_size=2)[0] for text in texts] == whole


def test_nothing_gives_nothing(translator):
    assert translator([]) == []
    assert translator.n_best(["", "  "], n=2, beam_size=2) == [[("", 0.0)] * 2] * 2


def test_scores_are_mean_log_probabilities_of_the_teacher_forced_model(translator, tokenizer):
    (best, *_), *_ = translator.n_best(TEXTS[1:2], n=1, beam_size=2)
    config = translator.model.config
    search = translator.search(beam_size=2)
    source = tokenizer.encode_batch(TEXTS[1:2])
    result = translator.decode(ops.convert_to_tensor(source), search)
    length = int(ops.convert_to_numpy(result.lengths)[0, 0])
    ids = ops.convert_to_numpy(result.ids)[0, 0, :length]
    forced = np.concatenate([[config.start_id], ids[:-1]])[None]
    logits = translator.model({"source_ids": source, "target_ids": forced.astype("int32")})
    logits = ops.convert_to_numpy(logits)[0].astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = log_probs[np.arange(length), ids].sum() / length
    np.testing.assert_allclose(best.score, expected, atol=1e-5)


def test_the_limit_on_the_length_holds(tokenizer):
    translator = make_translator(tokenizer, length_factor=0.0, length_offset=3)
    search = translator.search(beam_size=1)
    result = translator.decode(ops.convert_to_tensor(tokenizer.encode_batch(TEXTS)), search)
    assert result.ids.shape[-1] == 3


def test_long_sources_lose_their_tail(tokenizer):
    cut = make_translator(tokenizer, max_source_length=4)
    text = " ".join(TEXTS)
    start = tokenizer.decode([tokenizer.encode([text])[0][:3]])[0]
    assert cut([text], beam_size=1) == make_translator(tokenizer)([start], beam_size=1)


def test_saved_and_loaded_it_translates_the_same(translator, tmp_path):
    translator.save(tmp_path / "task")
    loaded = zoo.load(tmp_path / "task")
    assert loaded(TEXTS, beam_size=2) == translator(TEXTS, beam_size=2)
    with pytest.raises(FileExistsError, match="task"):
        translator.save(tmp_path / "task")
    assert [path.name for path in tmp_path.iterdir()] == ["task"]


def test_a_damaged_folder_is_named(translator, tmp_path):
    folder = tmp_path / "task"
    with pytest.raises(ValueError, match="holds no saved task"):
        zoo.load(folder)
    translator.save(folder)
    description = json.loads((folder / "task.json").read_text())
    for change, message in (
        ({"format": 99}, "format 99"),
        ({"task": "os.system"}, "os.system"),
        ({"model": "os>system"}, "not registered"),
    ):
        (folder / "task.json").write_text(json.dumps({**description, **change}))
        with pytest.raises(ValueError, match=message):
            zoo.load(folder)
    (folder / "task.json").write_text(json.dumps(description))
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        zoo.load(folder)


def test_a_tokenizer_of_another_model_is_refused(tokenizer):
    model = zoo.models.Transformer.from_size(
        "tiny", vocab_size=tokenizer.vocabulary_size - 1, num_encoder_layers=1, num_decoder_layers=1
    )
    with pytest.raises(ValueError, match="source_tokenizer has 61 ids, the model 60"):
        zoo.tasks.Translator(model, tokenizer)
    model = zoo.models.Transformer.from_size("tiny", vocab_size=61, end_id=4)
    with pytest.raises(ValueError, match="end_id is 3, the model's is 4"):
        zoo.tasks.Translator(model, tokenizer)


def test_one_string_is_not_a_list_of_strings(translator):
    with pytest.raises(TypeError, match="list of str"):
        translator("ein Hund")


def test_the_export_translates_the_same_without_keras(translator, tmp_path):
    """On every backend: others export through a TensorFlow process."""
    folder = tmp_path / "saved" / "1"
    translator.export(folder, beam_size=3)
    texts = [*TEXTS, "", "naïve \u4e2d\u6587 \U0001f600"]
    program = """
import json, sys
import tensorflow as tf, tensorflow_text
assert not {"zoo", "keras_hub", "sentencepiece"} & set(sys.modules)
signatures = tf.saved_model.load(sys.argv[1]).signatures
texts = json.loads(sys.argv[2])
best = signatures["serving_default"](text=tf.constant(texts))
many = signatures["n_best"](text=tf.constant(texts))
none = signatures["n_best"](text=tf.constant([], tf.string))
single = [signatures["serving_default"](text=tf.constant([t]))["text"].numpy()[0] for t in texts]
assert single == list(best["text"].numpy())
assert none["text"].shape == (0, 3)
signatures["serving_default"](text=tf.constant([b"\\xff\\xfe", b"ein \\x00 Hund"]))
print(json.dumps({
    "text": [t.decode() for t in best["text"].numpy()],
    "score": best["score"].numpy().tolist(),
    "n_text": [[t.decode() for t in row] for row in many["text"].numpy()],
}))
"""
    found = subprocess.run(
        [sys.executable, "-c", program, str(folder), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    served = json.loads(found.stdout)
    expected = translator.n_best(texts, n=3, beam_size=3)
    assert served["n_text"] == [[t.text for t in row] for row in expected]
    assert served["text"] == translator(texts, beam_size=3)
    scores = [row[0].score for row in translator.n_best(texts, n=1, beam_size=3)]
    np.testing.assert_allclose(served["score"], scores, atol=1e-5)
