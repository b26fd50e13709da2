"""The pretraining recipe end to end, with a model and data that take seconds."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from recipes import bert_pretrain
from recipes.cli import run
from zoo.models import BERTClassifier, BERTPretrainer
from zoo.text import TokenMasking, WordPieceTokenizer, open_documents
from zoo.training import JsonLinesLog

OPTIONS = {
    "--vocab-size": 43,
    "--length": 23,
    "--rows": 5,
    "--epochs": 3,
    "--updates": 4,
    "--warmup": 3,
    "--accumulate": 2,
    "--seed": 7,
}
SMALL = [str(x) for pair in OPTIONS.items() for x in pair] + ["--whole-words"]


def command(*arguments):
    verbs = bert_pretrain.VERBS
    return run("bert_pretrain", bert_pretrain.__doc__, verbs, [str(a) for a in arguments])


def documents(count):
    dice = random.Random(count)
    words = ["".join(dice.choices("abcde", k=dice.randint(1, 5))) for _ in range(31)]
    sentences = [
        [" ".join(dice.choices(words, k=dice.randint(1, 9))) for _ in range(dice.randint(2, 7))]
        for _ in range(count)
    ]
    return "\n\n".join("\n".join(document) for document in sentences) + "\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "train.txt").write_text(documents(17))
    (folder / "dev.txt").write_text(documents(5))
    return ["--train", folder / "train.txt", "--dev", folder / "dev.txt"]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    command("train", "--run", folder, *data, *SMALL)
    return folder


def log_of(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    untimed = ("seconds", "tokens_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in untimed} for line in lines]


def weights_of(folder):
    return BERTPretrainer.from_pretrained(folder / "model").get_weights()


def test_a_run_folder_holds_what_was_made(trained):
    pytest.importorskip("matplotlib")
    made = {"settings.json", "tokenizer", "ids", "checkpoints", "log.jsonl", "tensorboard"}
    assert {path.name for path in trained.iterdir()} == made | {"model", "curves.png"}
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    log = log_of(trained)
    assert [entry["epoch"] for entry in log] == [1, 2, 3]
    assert all(entry[f"val_{name}"] > 0 for entry in log for name in bert_pretrain.PANELS.values())


def test_stopped_in_an_epoch_it_ends_where_it_would_have(trained, data, tmp_path, monkeypatch):
    begun = []

    def stop(self, batch, logs=None):
        begun.append(batch)
        if len(begun) == 13:  # in the second epoch of eight batches
            raise KeyboardInterrupt

    arguments = ["train", "--run", tmp_path / "run", *data, *SMALL]
    with monkeypatch.context() as patch:
        patch.setattr(JsonLinesLog, "on_train_batch_begin", stop)
        with pytest.raises(SystemExit) as ended:
            command(*arguments)
    assert ended.value.code == 130
    assert [entry["epoch"] for entry in log_of(tmp_path / "run")] == [1]
    assert not (tmp_path / "run" / "model").exists()
    keras.utils.set_random_seed(99)
    command(*arguments)
    for found, expected in zip(weights_of(tmp_path / "run"), weights_of(trained), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    for found, expected in zip(log_of(tmp_path / "run"), log_of(trained), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)


def test_evaluate_prints_one_json_object(trained, capsys):
    capsys.readouterr()
    command("evaluate", "--run", trained, "--rows", 5)
    scores = json.loads(capsys.readouterr().out)
    last = log_of(trained)[-1]
    assert scores["mlm_loss"] == pytest.approx(last["val_mlm_logits_cross_entropy"], abs=1e-5)
    assert scores["mlm_perplexity"] == pytest.approx(np.exp(scores["mlm_loss"]))
    assert scores["nsp_accuracy"] == pytest.approx(last["val_nsp_logits_accuracy"], abs=1e-6)
    assert scores["masked_tokens"] == last["val_mlm_logits_tokens"]
    assert {"unigram_loss", "unigram_accuracy", "nsp_chance", "files"} <= scores.keys()
    assert scores["parameters"] == sum(weight.size for weight in weights_of(trained))
    assert json.loads((trained / "metrics.dev.json").read_text()) == scores


def test_evaluate_other_files(trained, data, capsys):
    capsys.readouterr()
    command("evaluate", "--run", trained, "--test", data[1])
    scores = json.loads(capsys.readouterr().out)
    assert scores["files"] == [str(data[1])]
    assert scores["pairs"] > json.loads((trained / "metrics.dev.json").read_text())["pairs"]


def test_unigrams_by_hand():
    masking = TokenMasking(1, np.array([True, True, False, False, False]), np.zeros(5, bool))
    labels, weights = np.array([[2, 4, 3, 0]]), np.array([[0.2, 0.2, 0.2, 0.0]])
    batches = [(None, {"mlm_logits": labels}, {"mlm_logits": weights})]
    # Counted, and once more: 4 for id 2, 2 for id 3, 1 for id 4; the special ids do not count.
    found = bert_pretrain.score_unigrams(np.array([2, 2, 2, 3, 0, 1, 1]), masking, batches)
    expected = -(np.log(4 / 7) + np.log(2 / 7) + np.log(1 / 7)) / 3
    assert found == {
        "unigram_loss": pytest.approx(expected),
        "unigram_accuracy": pytest.approx(1 / 3),
    }


def test_no_decay_of_biases_and_norms():
    settings = bert_pretrain.Train(length=11)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    model = bert_pretrain.compiled_model(settings, tokenizer)
    kept = {
        variable.path.split("/")[-1]
        for variable in model.trainable_variables
        if model.optimizer._use_weight_decay(variable)
    }
    assert kept == {"kernel", "embeddings"}


def test_the_model_is_a_hugging_face_folder(trained):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained / "model")
    theirs = transformers.BertForPreTraining.from_pretrained(trained / "model").eval()
    pair = tokenizer("abc de", "e d a", return_tensors="pt")
    ours = WordPieceTokenizer.from_pretrained(trained / "model").encode_batch(["abc de"], ["e d a"])
    assert pair["input_ids"].tolist() == ours.token_ids.tolist()
    with torch.no_grad():
        expected = theirs(**pair)
    found = BERTPretrainer.from_pretrained(trained / "model")(ours.inputs)
    for name, value in (
        ("mlm_logits", expected.prediction_logits),
        ("nsp_logits", expected.seq_relationship_logits),
    ):
        logits = keras.ops.convert_to_numpy(found[name])
        np.testing.assert_allclose(logits, value.numpy(), rtol=0, atol=1e-4)
    assert BERTClassifier.from_pretrained(trained / "model", num_labels=2).num_labels == 2


def test_training_goes_on_from_a_model(trained, data, tmp_path):
    command("train", "--run", tmp_path / "run", *data, *SMALL, "--pretrained", trained / "model")
    first, last = log_of(trained), log_of(tmp_path / "run")
    assert last[-1]["mlm_logits_cross_entropy"] < first[0]["mlm_logits_cross_entropy"]


def test_embedded_data_and_wikitext_have_documents(tmp_path):
    made = bert_pretrain.text_readers(bert_pretrain.Train())
    for split, count in (("train", 500), ("dev", 50)):
        found = list(made[split]())
        assert len(found) == count
        assert {len(document) for document in found} == {20}
    (tmp_path / "wiki").write_text(" = A = \n One . Two <unk> . \n")
    files = (str(tmp_path / "wiki"),)
    wiki = bert_pretrain.Train(train=files, dev=files, text_format="wikitext", vocab_size=19)
    readers = bert_pretrain.text_readers(wiki)
    assert list(readers["dev"]()) == [["One .", "Two [UNK] ."]]
    assert not {"u", "##k", "["} & set(
        bert_pretrain.make_tokenizer(wiki, readers["train"]).vocabulary
    )


def test_a_vocabulary_of_ones_own(data, tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcde", *(f"##{c}" for c in "abcde")]
    (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    options = ["--vocabulary", tmp_path / "vocab.txt"]
    command("prepare", "--run", tmp_path / "run", *data, *SMALL, *options)
    tokenizer = WordPieceTokenizer.load(tmp_path / "run" / "tokenizer")
    assert tokenizer.vocabulary == pieces
    assert len(open_documents(tmp_path / "run" / "ids" / "train", tokenizer)) == 17


PROGRAM = """
import sys

for name in ("tensorflow", "tensorflow_text", "keras_hub"):
    sys.modules[name] = None  # any import of it fails

from recipes import bert_pretrain
from recipes.cli import run

for verb in (sys.argv[1:], ["evaluate", "--run", sys.argv[3]]):
    run("bert_pretrain", "", bert_pretrain.VERBS, verb)
assert not [name for name in sys.modules if name.startswith("tensorflow.")]
print("fine")
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_trains_from_ids_without_tensorflow(data, tmp_path, backend):
    arguments = [*data, *SMALL, "--epochs", "1"]
    command("prepare", "--run", tmp_path / "run", *arguments)
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", "--run", tmp_path / "run", *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip().endswith("fine"), found.stderr
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_what_is_trained_is_not_trained_again(trained, data, capsys):
    command("train", "--run", trained, *data, *SMALL)
    assert "trained already" in capsys.readouterr().out


def test_bad_input_ends_in_one_line(data, tmp_path, capsys):
    (tmp_path / "one").write_text("a single document\nof two sentences\n")
    (tmp_path / "blank").write_text("\n\n")
    one, blank = tmp_path / "one", tmp_path / "blank"
    new = ["train", "--run", tmp_path / "new"]
    cases = [
        ([*new, *data[:2]], "both --train and --dev"),
        ([*new, *data, *SMALL, "--vocab-size", "5000"], "vocab_size=5000 does not fit"),
        ([*new, *data[:2], "--dev", one, *SMALL], "documents must be two at least"),
        ([*new, *data[:2], "--dev", blank, *SMALL], "blank holds no sentence"),
        ([*new, *data, *SMALL, "--size", "huge"], "'huge'"),
        ([*new, *data, *SMALL, "--rows", "5000"], "rows must be at most"),
        ([*new, *data, *SMALL, "--warmup", "5000"], "warmup_updates=5000"),
        ([*new, *data, *SMALL, "--vocabulary", tmp_path / "none.txt"], "no such file"),
        (["evaluate", "--run", tmp_path / "new"], "is no run folder"),
    ]
    for arguments, message in cases:
        with pytest.raises(SystemExit):
            command(*arguments)
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
        assert not (tmp_path / "new").exists(), "nothing stays"
