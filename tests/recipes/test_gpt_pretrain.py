"""The recipe end to end, with a model and text that take seconds."""

import io
import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from recipes import gpt_pretrain
from recipes.cli import run
from recipes.pretraining_text import open_prepared
from tests.llama_folders import write_kind
from tests.serving.calls import in_process
from zoo.training import JsonLinesLog

OPTIONS = {
    "--vocab-size": 283,
    "--dev-share": 0.2,
    "--layers": 1,
    "--hidden": 12,
    "--heads": 2,
    "--length": 17,
    "--rows": 3,
    "--epochs": 3,
    "--updates": 4,
    "--warmup": 3,
    "--peak": 0.01,
    "--accumulate": 2,
    "--dropout": 0.1,
    "--sample-tokens": 7,
    "--peak-tflops": 0.5,
    "--seed": 7,
}
SMALL = [str(x) for pair in OPTIONS.items() for x in pair]


def command(*arguments):
    verbs = gpt_pretrain.VERBS
    return run("gpt_pretrain", gpt_pretrain.__doc__, verbs, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    dice = random.Random(5)
    words = ["".join(dice.choices("abcdé", k=dice.randint(1, 5))) for _ in range(31)]
    for number in range(11):
        lines = [" ".join(dice.choices(words, k=dice.randint(3, 9))) for _ in range(9)]
        (folder / f"{number}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "picture.txt").write_bytes(b"\x89PNG\0")
    return folder


@pytest.fixture(scope="module")
def trained(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    command("train", "--run", folder, "--train", texts, *SMALL)
    return folder


def log_of(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    untimed = ("seconds", "tokens_per_second", "utilisation")
    return [{k: v for k, v in json.loads(line).items() if k not in untimed} for line in lines]


def weights_of(folder):
    return zoo.load(folder / "task").model.get_weights()


def assert_same_training(one, other):
    for found, expected in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    for found, expected in zip(log_of(one), log_of(other), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)


def documents_of(stream):
    return [stream.documents[i] for i in range(len(stream.documents))]


def test_a_run_folder_holds_what_was_made(trained):
    pytest.importorskip("matplotlib")
    made = {"settings.json", "tokenizer", "ids", "checkpoints", "log.jsonl", "tensorboard"}
    made |= {"task", "curves.png", "samples.txt"}
    assert {path.name for path in trained.iterdir()} >= made
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")
    entries = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [(entry["epoch"], entry["updates"]) for entry in entries] == [(1, 4), (2, 8), (3, 12)]
    needs = gpt_pretrain_footprint(trained)
    for entry in entries:
        assert entry["tokens"] == 2 * 4 * 3 * 17
        used = entry["tokens_per_second"] * needs / 0.5e12
        assert entry["utilisation"] == pytest.approx(used, rel=1e-5)
    assert entries[-1]["val_loss"] < entries[0]["val_loss"] < math.log(283) + 0.1


def gpt_pretrain_footprint(folder):
    """6 N + 12 L D T by hand."""
    N = 283 * 12 + 3 * 12 * 12 + 12 * 12 + 2 * 12 * 48
    assert zoo.load(folder / "task").model.config.tied_logits
    return 6 * N + 12 * 1 * 12 * 17


def test_predict_continues_lines(trained, monkeypatch, capsys):
    arguments = ("--temperature", 0, "--new-tokens", 5)
    answers = []
    for text in ("one\n", "one\ntwo\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        command("predict", "--run", trained, *arguments)
        answers.append(capsys.readouterr().out)
    # A line may hold line ends of its own.
    assert answers[1].startswith(answers[0])
    assert len(answers[1]) > len(answers[0])


def test_export_serves_what_the_task_says(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command("export", "--run", trained, "--out", "served", "--new-tokens", 5, "--temperature", 0)
    if keras.backend.backend() == "tensorflow":
        found = in_process(tmp_path / "served" / "1")({"prompt": ["one two"]})
        expected = zoo.load(trained / "task")(["one two"], max_new_tokens=5)
        assert [text.decode() for text in found["text"]] == expected
    assert (tmp_path / "served" / "1" / "saved_model.pb").is_file()


def test_samples_of_every_epoch(trained):
    text = (trained / "samples.txt").read_text(encoding="utf-8")
    assert [line for line in text.split("\n") if line.startswith("=== ")] == [
        f"=== epoch {number}, {4 * number} updates" for number in (1, 2, 3)
    ]
    assert text.count("--- 1\n") == text.count("--- 2\n") == 3


def test_whole_documents_are_held_out(trained, texts):
    text = open_prepared(trained)
    documents = {path.read_text(encoding="utf-8") for path in texts.glob("[0-9]*.txt")}
    found = {
        split: set(text.tokenizer.decode(documents_of(stream)))
        for split, stream in text.streams.items()
    }
    assert found["train"] | found["dev"] == documents
    assert (len(found["train"]), len(found["dev"])) == (9, 2)
    counts = text.counts["dev"]
    assert counts["documents"] == 2
    assert counts["characters"] == sum(map(len, found["dev"]))
    assert counts["words"] == sum(len(d.split()) + d.count("\n") for d in found["dev"])


def test_stopped_in_an_epoch_it_ends_where_it_would_have(trained, texts, tmp_path, monkeypatch):
    begun = []

    def stop(self, batch, logs=None):
        begun.append(batch)
        if len(begun) == 13:  # in the second epoch of eight batches
            raise KeyboardInterrupt

    arguments = ["train", "--run", tmp_path / "run", "--train", texts, *SMALL]
    with monkeypatch.context() as patch:
        patch.setattr(JsonLinesLog, "on_train_batch_begin", stop)
        with pytest.raises(SystemExit) as ended:
            command(*arguments)
    assert ended.value.code == 130
    assert [entry["epoch"] for entry in log_of(tmp_path / "run")] == [1]
    assert not (tmp_path / "run" / "task").exists()
    keras.utils.set_random_seed(99)
    command(*arguments)
    assert_same_training(tmp_path / "run", trained)
    samples = "samples.txt"
    assert (tmp_path / "run" / samples).read_bytes() == (trained / samples).read_bytes()


def test_evaluate_prints_one_json_object(trained, texts, capsys):
    capsys.readouterr()
    command("evaluate", "--run", trained, "--rows", 5)
    scores = json.loads(capsys.readouterr().out)
    text = open_prepared(trained)
    assert scores["loss"] == pytest.approx(log_of(trained)[-1]["val_loss"], abs=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(scores["loss"]))
    assert scores["tokens"] == len(text.streams["dev"]) - 1
    nats = scores["loss"] * scores["tokens"]
    assert scores["bits_per_byte"] == pytest.approx(nats / math.log(2) / scores["bytes"])
    assert scores["bits_per_character"] > scores["bits_per_byte"]
    assert scores["word_perplexity"] == pytest.approx(math.exp(nats / scores["words"]))
    assert scores["parameters"] == sum(weight.size for weight in weights_of(trained))
    assert scores["files"] == [str(texts)]
    assert json.loads((trained / "metrics.dev.json").read_text()) == scores


def test_evaluate_other_files(trained, texts, capsys):
    capsys.readouterr()
    command("evaluate", "--run", trained, "--test", texts / "3.txt", "--length", 5)
    scores = json.loads(capsys.readouterr().out)
    assert scores["files"] == [str(texts / "3.txt")]
    assert (scores["documents"], scores["length"]) == (1, 5)
    assert scores["characters"] == len((texts / "3.txt").read_text(encoding="utf-8"))


def test_characters_of_one_file_with_every_option(tmp_path, capsys):
    """The tail held out, present-day parts, moving average, documents apart, bfloat16."""
    (tmp_path / "play.txt").write_text("to be or not to be, " * 41)
    arguments = [
        *("--train", tmp_path / "play.txt", "--tokenizer", "characters", "--dev-split", "tails"),
        *("--positions", "rotary", "--norm", "rms", "--gated", "--no-bias", "--no-tied"),
        *("--key-value-heads", 1, "--ema", 0.8, "--keep-apart", "--order", "shuffled"),
        *("--precision", "mixed_bfloat16", "--rows", 2, "--dev-batches", 2, "--prompt", "to"),
    ]
    try:
        command("train", "--run", tmp_path / "run", *SMALL, *arguments)
        prepared = open_prepared(tmp_path / "run")
        assert prepared.tokenizer.characters == " ,benort"
        assert prepared.tokenizer.end_id is None
        assert {s: c["characters"] for s, c in prepared.counts.items()} == {
            "train": 656,
            "dev": 164,
        }
        config = zoo.load(tmp_path / "run" / "task").model.config
        assert (config.positions, config.norm, config.gated) == ("rotary", "rms", True)
        assert (config.use_bias, config.tied_logits, config.heads_of_keys) == (False, False, 1)
        assert "--- 1\nto" in (tmp_path / "run" / "samples.txt").read_text()
        capsys.readouterr()
        command("evaluate", "--run", tmp_path / "run")
        scores = json.loads(capsys.readouterr().out)
        assert scores["tokens"] == 163
        assert scores["loss"] < math.log(8)
    finally:
        keras.config.set_dtype_policy("float32")


def test_the_moving_average_is_saved_after_a_stop_too(texts, tmp_path):
    arguments = ["--train", texts, *SMALL, "--ema", 0.9, "--samples", 0]
    command("train", "--run", tmp_path / "one", *arguments)
    once = weights_of(tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "task")
    command("train", "--run", tmp_path / "one", *arguments)  # all epochs are done already
    for found, expected in zip(weights_of(tmp_path / "one"), once, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_no_decay_of_biases_and_norms():
    from recipes.gpt_model import make_model, make_optimizer

    for options in ({}, {"norm": "rms", "positions": "rotary", "gated": True}):
        settings = gpt_pretrain.Train(layers=1, **options)
        tokenizer = type("Tokenizer", (), {"vocabulary_size": 11, "start_id": None})
        tokenizer.end_id = tokenizer.pad_id = None
        model, optimizer = make_model(settings, tokenizer), make_optimizer(settings)
        optimizer.build(model.trainable_variables)
        for variable in model.trainable_variables:
            # Tables and kernels are the ones with two axes, whatever their names.
            assert optimizer._use_weight_decay(variable) == (len(variable.shape) > 1), variable.path


PROGRAM = """
import sys

for name in ("tensorflow", "tensorflow_text", "keras_hub"):
    sys.modules[name] = None  # any import of it fails

from recipes import gpt_pretrain
from recipes.cli import run

for verb in (sys.argv[1:], ["evaluate", "--run", sys.argv[3]]):
    run("gpt_pretrain", "", gpt_pretrain.VERBS, verb)
assert not [name for name in sys.modules if name.startswith("tensorflow.")]
print("fine")
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_trains_without_tensorflow(texts, tmp_path, backend):
    arguments = ["--train", texts, *SMALL, "--epochs", "1"]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", "--run", tmp_path / "run", *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip().endswith("fine"), found.stderr
    assert "left out: " in found.stdout
    assert (tmp_path / "run" / "task" / "model.safetensors").is_file()


def test_from_prepared_ids_it_trains_where_the_text_is_gone(texts, trained, tmp_path):
    copies = tmp_path / "texts"
    copies.mkdir()
    for path in texts.iterdir():
        (copies / path.name).write_bytes(path.read_bytes())
    arguments = ["--run", tmp_path / "run", "--train", copies, *SMALL, "--epochs", 1]
    command("prepare", *arguments)
    (copies / "3.txt").write_text("other\n")
    with pytest.raises(SystemExit):
        command("train", *arguments)
    for path in copies.iterdir():
        path.unlink()
    command("train", *arguments)
    assert log_of(tmp_path / "run")[0]["tokens"] == log_of(trained)[0]["tokens"]


def test_what_a_killed_preparation_left_is_removed(texts, trained, tmp_path):
    """Killed while it wrote: settings and a part are there, the ids are not."""
    arguments = ["--run", tmp_path / "run", "--train", texts, *SMALL]
    command("prepare", *arguments)
    ids = tmp_path / "run" / "ids"
    before = (ids / "train" / "ids.npy").read_bytes()
    ids.rename(ids.with_name(".ids.partial-01234567"))
    command("prepare", *arguments)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "settings.json", "tokenizer", "ids",
    }  # fmt: skip
    assert (ids / "train" / "ids.npy").read_bytes() == before


def test_the_vocabulary_of_a_llama(texts, tmp_path):
    pytest.importorskip("transformers")
    folder, made = tmp_path / "llama", tmp_path / "run"
    folder.mkdir()
    write_kind(folder, "json")
    command("train", "--run", made, "--train", texts, *SMALL, "--tokenizer", folder)
    text = open_prepared(made)
    assert isinstance(text.tokenizer, zoo.text.LlamaTokenizer)
    rows = [row for stream in text.streams.values() for row in documents_of(stream)]
    found = text.tokenizer.decode(rows)
    assert set(found) == {path.read_text(encoding="utf-8") for path in texts.glob("[0-9]*.txt")}
    generator = zoo.load(made / "task")
    assert generator.tokenizer.fingerprint == text.tokenizer.fingerprint
    assert isinstance(generator(["one"], max_new_tokens=3)[0], str)


def test_ids_of_another_tokenizer_are_refused(texts, tmp_path, capsys):
    arguments = ["--train", texts, *SMALL]
    for name, size in (("one", 283), ("two", 281)):
        command("prepare", "--run", tmp_path / name, *arguments, "--vocab-size", size)
    (tmp_path / "one" / "tokenizer").rename(tmp_path / "old")
    (tmp_path / "two" / "tokenizer").rename(tmp_path / "one" / "tokenizer")
    with pytest.raises(SystemExit):
        command("train", "--run", tmp_path / "one", *arguments)
    assert "was written with another tokenizer" in capsys.readouterr().err


def test_what_is_trained_is_not_trained_again(trained, texts, capsys):
    command("train", "--run", trained, "--train", texts, *SMALL)
    assert "trained already" in capsys.readouterr().out


def test_bad_input_ends_in_one_line(texts, tmp_path, capsys):
    new = ["train", "--run", tmp_path / "new", *SMALL, "--train"]
    cases = [
        ([*new, texts / "picture.txt"], "picture.txt is binary"),
        ([*new, tmp_path / "none"], "no such file or folder"),
        ([*new, texts / "1.txt"], "1 different documents cannot be split"),
        ([*new, texts, "--dev-share", 1], "must be above 0 and below 1, got 1"),
        ([*new, texts, "--vocab-size", 99999], "vocab_size=99999 does not fit"),
        ([*new, texts, "--size", "huge"], "'huge'"),
        ([*new, texts, "--tokenizer", tmp_path / "none"], "none"),
        ([*new, texts, "--length", 99999], "length=99999 needs a text of 100000 tokens"),
        ([*new, texts, "--heads", 5], "num_heads"),
        ([*new, texts, "--warmup", 5000], "warmup_updates=5000"),
        ([*new, texts, "--prompt", "abc " * 99], "tokens do not fit the context of 17"),
        (["evaluate", "--run", tmp_path / "new"], "is no run folder"),
    ]
    for arguments, message in cases:
        with pytest.raises(SystemExit):
            command(*arguments)
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
        assert not (tmp_path / "new").exists(), "nothing stays"
