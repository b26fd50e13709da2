"""The translation recipe end to end, with a model and data that take seconds."""

import io
import json
import sys

import pytest

from recipes import translation
from recipes.cli import run

SIDES = ("source", "target")
PAIRS = [(f"{a} {b}", f"{b.upper()} {a.upper()}") for a in "cdfg" for b in ("mno", "pq", "rst")]
SMALL = [
    "--encoder-layers",
    "1",
    "--decoder-layers",
    "1",
    "--vocab-size",
    "40",
    "--epochs",
    "2",
    "--updates",
    "3",
    "--warmup",
    "2",
    "--average",
    "2",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for side, name in enumerate(SIDES):
        text = "".join(f"{pair[side]}\n" for pair in PAIRS)
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / "source"), str(folder / "target")]


def command(*arguments):
    return run("translation", translation.__doc__, translation.VERBS, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    command("train", "--run", folder, "--train", *files, "--dev", *files, *SMALL)
    return folder


def test_a_run_folder_holds_what_was_made(trained):
    names = {path.name for path in trained.iterdir()}
    made = {"settings.json", "tokenizer", "ids", "checkpoints", "weights", "log.jsonl", "task"}
    assert made | {"tensorboard"} == names
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [entry["updates"] for entry in log] == [3, 6]
    assert all(entry["val_loss"] > 0 and entry["tokens_per_second"] > 0 for entry in log)


def test_evaluate_prints_one_json_object(trained, files, capsys):
    capsys.readouterr()
    command("evaluate", "--run", trained, "--split", "dev", "--beam-size", 2)
    scores = json.loads(capsys.readouterr().out)
    assert scores["sentences"] == len(PAIRS)
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert {"bleu", "chrf", "exact_match", "tokens_per_second"} <= scores.keys()
    assert json.loads((trained / "metrics.dev.json").read_text()) == scores


def test_predict_gives_a_line_for_a_line(trained, capsys, monkeypatch):
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.StringIO("c mno\n\nd pq\n"))
    command("predict", "--run", trained, "--beam-size", 1, "--batch-size", 2)
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 4
    assert lines[1] == lines[3] == ""


def test_export_takes_the_next_version(trained, tmp_path):
    for version in ("1", "2"):
        folder = command("export", "--run", trained, "--out", tmp_path / "model", "--beam-size", 1)
        assert folder == tmp_path / "model" / version
        assert (folder / "saved_model.pb").is_file()


def test_r_drop_passes_twice_over_every_pair(trained, files, tmp_path):
    data = ["--train", *files, "--dev", *files]
    twice = ["--dropout", "0.5", "--r-drop", "5", "--max-tokens", "1024"]
    command("train", "--run", tmp_path / "run", *data, *SMALL, *twice)
    logs = [
        (folder / "log.jsonl").read_text().splitlines() for folder in (tmp_path / "run", trained)
    ]
    found, plain = ([json.loads(line) for line in log] for log in logs)
    assert [entry["val_tokens"] for entry in found] == [2 * entry["val_tokens"] for entry in plain]
    assert all(
        0 < entry["val_loss"] < entry["loss"] for entry in found
    )  # no dropout, no divergence


def test_each_pair_is_cut_into_pieces_several_times(trained, files, tmp_path):
    data = ["--train", *files, "--dev", *files]
    run = tmp_path / "run"
    command("train", "--run", run, *data, *SMALL, "--segmentations", 3)

    def counts(folder, split):
        arrays = [folder / "ids" / f"{split}.{side}" / "arrays.json" for side in SIDES]
        return [json.loads(file.read_text())["sequences"] for file in arrays]

    assert counts(run, "train") == [3 * n for n in counts(trained, "train")]
    assert counts(run, "dev") == counts(trained, "dev")


def test_what_is_trained_is_not_trained_again(trained, files, capsys):
    command("train", "--run", trained, "--train", *files, "--dev", *files, *SMALL)
    assert "trained already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "9"], "epochs: 2 there, 9 asked"),
        (["--seed", "3"], "seed: 0 there, 3 asked"),
    ],
)
def test_another_training_in_the_folder_is_refused(trained, files, capsys, arguments, message):
    with pytest.raises(SystemExit):
        command("train", "--run", trained, "--train", *files, "--dev", *files, *SMALL, *arguments)
    assert message in capsys.readouterr().err


def test_bad_input_ends_in_one_line(files, tmp_path, capsys):
    (tmp_path / "short").write_text("one line\n")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "file").write_text("mine")
    data = ["--train", *files, "--dev", *files]
    cases = [
        (
            ["train", "--run", tmp_path / "a", "--train", files[0], tmp_path / "short", *data[3:]],
            "12 lines",
        ),
        (["train", "--run", tmp_path / "b", *data, "--vocab-size", "5000"], "vocab_size=5000"),
        (["train", "--run", tmp_path / "foreign", *data], "is no run folder"),
        (["train", "--run", tmp_path / "c", "--train", *files], "--dev"),
        (["train", "--run", tmp_path / "d", *data, "--segmentations", 0], "at least 1, got 0"),
        (["train", "--run", tmp_path / "d", *data, *SMALL, "--size", "huge"], "'huge'"),
        (["evaluate", "--run", tmp_path / "none"], "is no run folder"),
        (["evaluate", "--tokenize", "words"], "tokenize must be one of none, "),
        (["evaluate", "--output", tmp_path / "none" / "x"], "in a folder that exists, got"),
        (["evaluate", "--output", tmp_path], "output must be a file"),
    ]
    for arguments, message in cases:
        with pytest.raises(SystemExit):
            command(*arguments)
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
        assert not [path for path in tmp_path.iterdir() if path.name in "abcd"], "nothing stays"


def test_training_goes_on_from_a_saved_translator(trained, files, tmp_path):
    import zoo

    pretrained = ("--pretrained", trained / "task", "--peak", 1e-9)
    data = ("--train", *files, "--dev", *files)
    command("train", "--run", tmp_path / "run", *data, *SMALL, *pretrained)
    texts = [source for source, _ in PAIRS]
    first, second = (zoo.load(folder / "task") for folder in (trained, tmp_path / "run"))
    assert second(texts, beam_size=2) == first(texts, beam_size=2)
