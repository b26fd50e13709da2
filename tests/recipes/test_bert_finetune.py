"""The fine-tuning recipe end to end, on every kind of task, with a model that takes seconds."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from recipes import bert_finetune, fine_tuning_jobs
from recipes.cli import run
from recipes.data.labelled import TaggedWords
from tests.backends import to_numpy
from tests.small_bert import small_model, small_tokenizer
from zoo.models import BERT

SUBJECTS = ["the food", "the film", "a film", "very good food", "new york", "the bad film"]
GOOD = [f"{subject} was good" for subject in SUBJECTS]
BAD = [f"{subject} was bad" for subject in SUBJECTS]


def table(rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def squad(contexts):
    paragraphs = []
    for number, context in enumerate(contexts):
        text = context.split()[-1]
        answers = [{"text": text, "answer_start": context.index(text)}]
        question = {"id": str(number), "question": "was it good?", "answers": answers}
        paragraphs.append({"context": context, "qas": [question]})
    return json.dumps({"version": "1.1", "data": [{"title": "x", "paragraphs": paragraphs}]})


LABELLED = [(text, "good") for text in GOOD] + [(text, "bad") for text in BAD]
CONLL = "".join(
    "".join(f"{word}\t{tag}\n" for word, tag in zip(text.split(), tags, strict=True)) + "\n"
    for text, tags in [
        ("new york was good", ["B-LOC", "I-LOC", "O", "O"]),
        ("the food was bad", ["O", "O", "O", "O"]),
        ("new york a film", ["B-LOC", "I-LOC", "O", "O"]),
    ]
)
# File name, its text, lines for predict, and what an answer holds.
KINDS = {
    "classification": (
        "data.tsv",
        table([("text", "label"), *LABELLED]),
        ["the food was good", "bad"],
        {"label", "scores"},
    ),
    "pair": (
        "data.tsv",
        table(
            [("sentence1", "sentence2", "label")]
            + [(a, b, "same") for a, b in zip(GOOD, GOOD[1:], strict=False)]
            + [(a, b, "other") for a, b in zip(GOOD, BAD, strict=True)]
        ),
        ["the food was good\tthe film was bad"],
        {"label", "scores"},
    ),
    "multilabel": (
        "data.jsonl",
        "".join(
            json.dumps({"text": text, "labels": labels}) + "\n"
            for text, labels in [
                *((text, ["good", "fun"]) for text in GOOD),
                *((text, []) for text in BAD),
            ]
        ),
        ["the food was good"],
        {"label", "scores"},
    ),
    "regression": (
        "data.csv",
        "text,score\n" + "".join(f"{text},{i / 3}\n" for i, text in enumerate(GOOD + BAD)),
        ["the food was good"],
        {"score"},
    ),
    "tagging": ("data.conll", CONLL, ["new york was good"], {"words", "tags"}),
    "qa": (
        "data.json",
        squad(GOOD + BAD),
        ["was it good?\tthe food was bad"],
        {"text", "score", "start", "end"},
    ),
}
MAIN = {
    "classification": "accuracy",
    "pair": "accuracy",
    "multilabel": "micro_f1",
    "regression": "pearson",
    "tagging": "f1",
    "qa": "f1",
}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released") / "bert"
    small_model(BERT, scale=0.1).save_pretrained(folder)
    small_tokenizer().write_pretrained(folder)
    return folder


def command(*arguments):
    return run(
        "bert_finetune", bert_finetune.__doc__, bert_finetune.VERBS, [str(a) for a in arguments]
    )


def train(folder, pretrained, kind, *more):
    name, text, _, _ = KINDS[kind]
    file = folder / name
    if not file.exists():
        file.write_text(text, encoding="utf-8")
    command(
        *("train", "--run", folder / "run", "--task", kind, "--data", file, file),
        *("--pretrained", pretrained, "--max-length", 31, "--batch-size", 5, "--epochs", 2),
        *more,
    )
    return folder / "run"


@pytest.mark.filterwarnings("ignore:.*has no head of question answering")  # it gets one
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_scores_and_answers(kind, pretrained, tmp_path, capsys, monkeypatch):
    folder = train(tmp_path, pretrained, kind)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [f"dev_{MAIN[kind]}" in entry for entry in log] == [True, True]
    capsys.readouterr()
    command("evaluate", "--run", folder)
    scores = json.loads(capsys.readouterr().out)
    assert scores[MAIN[kind]] == pytest.approx(log[-1][f"dev_{MAIN[kind]}"], abs=1e-3)
    assert ("tfidf_accuracy" in scores) == (kind == "classification")
    lines, fields = KINDS[kind][2:]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines) + "\n"))
    command("predict", "--run", folder)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == len(lines)
    assert all(set(answer) == fields for answer in answers)


def test_a_stopped_training_ends_where_the_whole_one_ends(pretrained, tmp_path, monkeypatch):
    import zoo
    from recipes.fine_tuning_jobs import TextJob

    whole = train(tmp_path, pretrained, "classification", "--accumulate", 2)
    scored = []

    def stop_in_the_second_epoch(self, task, data, batch_size):
        scored.append(1)
        if len(scored) == 2:
            raise KeyboardInterrupt
        return real(self, task, data, batch_size)

    real = TextJob.predicted
    (tmp_path / "other").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(TextJob, "predicted", stop_in_the_second_epoch)
        with pytest.raises(SystemExit, match="130"):
            train(tmp_path / "other", pretrained, "classification", "--accumulate", 2)
    again = train(tmp_path / "other", pretrained, "classification", "--accumulate", 2)
    expected, found = (zoo.load(folder / "task").scores(GOOD + BAD) for folder in (whole, again))
    assert abs(expected - found).max() < 1e-5


def test_the_best_epoch_is_kept_where_it_stops_early(pretrained, tmp_path, capsys):
    more = ("--patience", 1, "--metric", "macro_f1", "--epochs", 6, "--peak", 1e-6)
    folder = train(tmp_path, pretrained, "classification", *more)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert len(log) < 6
    capsys.readouterr()
    command("evaluate", "--run", folder)
    best = max(entry["dev_macro_f1"] for entry in log)
    assert json.loads(capsys.readouterr().out)["macro_f1"] == pytest.approx(best, abs=1e-3)


def test_the_epoch_of_the_least_error_is_kept(pretrained, tmp_path, capsys):
    more = ("--patience", 9, "--metric", "mean_squared_error", "--epochs", 4, "--peak", 1.0)
    folder = train(tmp_path, pretrained, "regression", *more)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    errors = [entry["dev_mean_squared_error"] for entry in log]
    assert max(errors) > 1.1 * min(errors)
    capsys.readouterr()
    command("evaluate", "--run", folder)
    found = json.loads(capsys.readouterr().out)["mean_squared_error"]
    assert found == pytest.approx(min(errors), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "option", "message"),
    [
        ("classification", ("--metric", "bleu"), "metric must be one of accuracy, matthews, mac"),
        ("multilabel", ("--metric", "accuracy"), "metric must be one of micro_f1, macro_f1, exact"),
        ("tagging", ("--metric", "accuracy"), "metric must be one of precision, recall, f1, tok"),
        ("qa", ("--metric", "accuracy"), "metric must be one of exact_match, f1; got 'accuracy'"),
        ("pair", ("--positive", "maybe"), "positive must be one of"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*has no head of question answering")
def test_what_is_measured_is_checked_before_training(
    kind, option, message, pretrained, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        train(tmp_path, pretrained, kind, *option)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_settings_of_what_trains(pretrained, tmp_path):
    import zoo

    more = ("--lora-rank", 2, "--class-weights", "--layer-decay", 0.9, "--peak", 0.01)
    folder = train(tmp_path, pretrained, "classification", *more)
    task = zoo.load(folder / "task")  # LoRA is merged: a plain BERT
    released = BERT.from_pretrained(pretrained)
    table, expected = task.model.token_embedding.weights[0], released.token_embedding.weights[0]
    assert abs(to_numpy(table.value) - to_numpy(expected.value)).max() == 0
    kernels = [m.encoder.blocks[0].self_attention.weights[0] for m in (task.model, released)]
    first, second = (to_numpy(kernel.value) for kernel in kernels)
    assert abs(first - second).max() > 0


def test_classes_and_tags_weigh_the_same_in_total():
    settings = bert_finetune.Train(class_weights=True, task="tagging")
    job = fine_tuning_jobs.TaggingJob(settings)
    tags = [["O", "O", "B-x"], ["O", "O", "O", "B-y"]]
    data = TaggedWords([["a"] * len(row) for row in tags], tags)
    task = SimpleNamespace(
        tokenizer=small_tokenizer(),
        max_length=9,
        labels=SimpleNamespace(names=("O", "B-x", "B-y")),
    )
    _, labels = job.rows(task, data, is_training=True)
    ids, weight = labels.batch(np.arange(2), 9)
    totals = [weight[ids == label].sum() for label in range(3)]
    np.testing.assert_allclose(totals, 7 / 3, rtol=1e-6)
    _, plain = job.rows(task, data, is_training=False)
    assert plain.batch(np.arange(2), 9)[1].sum() == 7
    assert fine_tuning_jobs.class_weights("aaab") == {"a": 4 / 6, "b": 2.0}


@pytest.mark.parametrize("kind", ["multilabel", "regression", "qa"])
def test_class_weights_are_refused_where_there_are_no_classes(kind, pretrained, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(tmp_path, pretrained, kind, "--class-weights")
    expected = f"class_weights are for classification, pair, tagging; the task is {kind}"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_export_takes_the_next_version(pretrained, tmp_path):
    folder = train(tmp_path, pretrained, "classification", "--freeze", 1)
    (tmp_path / "model" / "3").mkdir(parents=True)
    command("export", "--run", folder, "--out", tmp_path / "model")
    assert (tmp_path / "model" / "4" / "saved_model.pb").is_file()


def test_without_released_weights_it_says_so(tmp_path, capsys):
    train(tmp_path, "none", "classification", "--vocab-size", 50)
    assert "No pretrained weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\tlabel\n", "has a header, but no rows"),
        ("text\tlabel\nx\ta\ny\ta\n", "every row has the label 'a'"),
        ("words\tkind\nx\ta\ny\tb\n", "label"),
    ],
)
def test_bad_data_ends_in_one_line_and_no_folder(text, message, pretrained, tmp_path, capsys):
    (tmp_path / "data.tsv").write_text(text)
    more = ("--label-column", "label")
    with pytest.raises(SystemExit):
        train(tmp_path, pretrained, "classification", *more)
    said = capsys.readouterr().err.strip()
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_labels_unseen_in_training_are_named(pretrained, tmp_path, capsys):
    folder = train(tmp_path, pretrained, "classification")
    (tmp_path / "other.tsv").write_text("text\tlabel\nx\tgood\ny\tfair\n")
    with pytest.raises(SystemExit):
        command("evaluate", "--run", folder, "--file", tmp_path / "other.tsv")
    assert "does not have: fair" in capsys.readouterr().err


def test_predict_names_a_line_with_missing_columns(pretrained, tmp_path, capsys, monkeypatch):
    folder = train(tmp_path, pretrained, "pair")
    monkeypatch.setattr(sys, "stdin", io.StringIO("only one\n"))
    with pytest.raises(SystemExit):
        command("predict", "--run", folder)
    assert "line 1 has 1 columns between tabs, not 2" in capsys.readouterr().err
