"""All three steps of ChatGPT and DPO, end to end, with models and data that take seconds."""

import io
import json
import shutil

import keras
import numpy as np
import pytest

import zoo
from recipes import chat, chat_dpo, chat_ppo, chat_reward, chat_sft
from recipes.chat_models import ask, open_chat
from recipes.cli import run
from recipes.data import kitchen_talk
from tests.backends import to_numpy
from zoo.checkpoints.weights import named_weights

SMALL = ["--hidden", 32, "--heads", 2, "--layers", 1]
STEPS = ["--demonstrations", 300, "--sft-epochs", 9, "--prompts", 23, "--iterations", 3]
STEPS += ["--answers", 12, "--count", 7]


def command(recipe, *arguments):
    return run("chat", recipe.__doc__, recipe.VERBS, [str(a) for a in arguments])


def printed(capsys):
    """The JSON object that was printed."""
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("{")]
    return json.loads(line)


def typed(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "chat"
    command(chat, "steps", "--run", folder, *SMALL, *STEPS)
    return folder


def records_of(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def weights_of(folder):
    return zoo.load(folder / "task").model.get_weights()


def test_steps_compares_the_third_with_the_first(made):
    found = json.loads((made / "metrics.json").read_text())
    assert {"true_win_rate", "kl", "kl_target", "length_ratio", "distinct_2_ratio"} <= found.keys()
    assert 0 <= found["true_win_rate"] <= 1
    assert found["answers"] == 7
    assert found["kl"] != 0.0


def test_the_runs_hold_what_was_made(made):
    for name in ("sft", "reward", "ppo"):
        files = {path.name for path in (made / name).iterdir()}
        assert files >= {"settings.json", "task", "log.jsonl", "tensorboard", "curves.png"}
    ranked = records_of(made / "reward" / "ranked.jsonl")
    for record in ranked:
        points = [kitchen_talk.true_score(record["prompt"], a) for a in record["answers"]]
        order = np.argsort(record["ranks"], kind="stable")
        assert (np.diff(np.array(points)[order]) <= 0).all()
    lines = records_of(made / "ppo" / "log.jsonl")
    assert len(lines) == 3
    assert lines[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert all(line["updates"] == 2 * (number + 1) for number, line in enumerate(lines))
    table = (made / "ppo" / "samples.md").read_text().splitlines()
    assert len(table) == 2 + 24


def test_the_reward_model_is_centred_on_demonstrations(made):
    scorer, template = zoo.load(made / "reward" / "task"), zoo.text.ChatTemplate()
    pairs = kitchen_talk.demonstrations(1000, seed=1)
    scores = scorer(
        [template.prompt(asked) for asked, _ in pairs], [template.answer(a) for _, a in pairs]
    )
    assert scores.mean() == pytest.approx(0.0, abs=1e-4)


def test_evaluate_prints_what_each_step_reached(made, capsys):
    command(chat_sft, "evaluate", "--run", made / "sft")
    found = printed(capsys)
    assert found["answers"] == 15
    assert -10 < found["true_score"] <= 4
    command(chat_reward, "evaluate", "--run", made / "reward")
    found = printed(capsys)
    assert {"model", "longer", "words", "margin", "calibration"} <= found.keys()
    assert (made / "reward" / "calibration.png").exists()
    command(chat_ppo, "evaluate", "--run", made / "ppo", "--count", 5)
    assert printed(capsys)["answers"] == 5


def test_every_result_answers_and_talks(made, monkeypatch, capsys):
    for recipe, name in ((chat_sft, "sft"), (chat_ppo, "ppo")):
        typed(monkeypatch, "What could I cook for Ada, who likes fish?\nHi\n")
        command(recipe, "predict", "--run", made / name, "--new-tokens", 3)
        assert len(capsys.readouterr().out.splitlines()) >= 2
    typed(monkeypatch, "Hi\nAnd then?\n\nHi\n")
    command(chat, "talk", "--run", made / "ppo", "--temperature", 0, "--new-tokens", 4)
    answers = capsys.readouterr().out.split("\n")
    generator, template = open_chat(made / "ppo")
    (expected,) = ask(generator, template, ["Hi"], max_new_tokens=4)
    assert answers[0].strip() == expected


def test_the_reward_of_json_lines(made, monkeypatch, capsys):
    typed(monkeypatch, '{"prompt": "Hi", "answer": "Hello."}\n{"prompt": "Hi", "answer": "No."}\n')
    command(chat_reward, "predict", "--run", made / "reward")
    scores = [float(line) for line in capsys.readouterr().out.splitlines()]
    scorer = zoo.load(made / "reward" / "task")
    expected = scorer(["\n\nHuman: Hi\n\nAssistant:"] * 2, [" Hello.", " No."])
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_a_step_trains_in_the_precision_that_it_is_told(made):
    generator, _ = open_chat(made / "sft")
    assert generator.model.dtype_policy.name == "float32"
    half, _ = open_chat(made / "sft", "mixed_bfloat16")
    assert half.model.dtype_policy.name == "mixed_bfloat16"
    assert half.options == generator.options
    for one, other in zip(half.model.get_weights(), weights_of(made / "sft"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_long_demonstrations_are_centred_on_as_they_were_read(made, tmp_path, capsys):
    long = "What should I cook? " * 40
    pair = {"prompt": long, "chosen": "Fish.", "rejected": "Nothing."}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    more = ["--train", tmp_path / "pairs.jsonl", "--dev", tmp_path / "pairs.jsonl"]
    arguments = ["--run", tmp_path / "run", "--sft", made / "sft", *more, "--epochs", 1]
    command(chat_reward, "train", *arguments)
    assert "the mean reward of 1 demonstrations is 0" in capsys.readouterr().out
    template = zoo.text.ChatTemplate()
    model = zoo.load(tmp_path / "run" / "task")
    longest = model.model.config.num_positions
    rows = zoo.text.AnswerRows.encode(
        model.tokenizer,
        [template.prompt(long)],
        [template.answer("Fish.")],
        longest,
        max_prompt=longest // 2,
    )
    assert model.of_rows(rows)[0] == pytest.approx(0.0, abs=1e-4)


@pytest.fixture
def stopped_after(monkeypatch):
    """Stops a training of PPO by Ctrl-C after so many iterations."""

    def stop(iterations):
        collect, count = zoo.tasks.Rollouts.collect, []

        def interrupted(self, prompts, seed):
            if len(count) == iterations:
                raise KeyboardInterrupt
            count.append(1)
            return collect(self, prompts, seed)

        monkeypatch.setattr(zoo.tasks.Rollouts, "collect", interrupted)

    yield stop
    monkeypatch.undo()


PPO = ["--iterations", 3, "--answers", 12, "--minibatch", 12, "--num-samples", 3]


def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    made, tmp_path, stopped_after, monkeypatch
):
    start = ["--sft", made / "sft", "--reward", made / "reward"]
    command(chat_ppo, "train", "--run", tmp_path / "whole", *start, *PPO)
    stopped_after(2)
    with pytest.raises(SystemExit) as stop:
        command(chat_ppo, "train", "--run", tmp_path / "stopped", *start, *PPO)
    assert stop.value.code == 130
    assert not (tmp_path / "stopped" / "task").exists()
    monkeypatch.undo()
    command(chat_ppo, "train", "--run", tmp_path / "stopped", *start, *PPO)
    for one, other in zip(weights_of(tmp_path / "whole"), weights_of(tmp_path / "stopped"),
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    logs = [
        (tmp_path / name / "log.jsonl").read_text().count("\n") for name in ("whole", "stopped")
    ]
    assert logs == [3, 3]


def test_a_reward_may_be_a_python_function_and_the_critic_a_head(made, tmp_path):
    command(
        chat_ppo, "train", "--run", tmp_path / "run", "--sft", made / "sft", *PPO,
        "--reward-function", "recipes.data.kitchen_talk:reward", "--critic", "head",
        "--kl-target", 0, "--ptx", 0.5,
    )  # fmt: skip
    lines = records_of(tmp_path / "run" / "log.jsonl")
    assert [line["kl_coefficient"] for line in lines] == [0.5] * 3
    assert all(line["pretraining_loss"] > 0 for line in lines)


def test_a_kl_that_runs_away_stops_with_the_last_good_policy(made, tmp_path, capsys):
    arguments = ["--run", tmp_path / "run", "--sft", made / "sft", "--reward", made / "reward"]
    wild = ["--peak", 1.0, "--warmup", 1, "--kl-limit", 0.5]
    with pytest.raises(SystemExit) as stop:
        command(chat_ppo, "train", *arguments, *PPO, *wild)
    assert stop.value.code == 1
    message = capsys.readouterr().err
    assert "kl_limit=0.5" in message
    assert "last_good" in message
    assert not (tmp_path / "run" / "task").exists()
    with pytest.raises(SystemExit):  # says it again, and nothing is trained
        command(chat_ppo, "train", *arguments, *PPO, *wild)
    message = capsys.readouterr().err
    assert "ran away" in message
    assert "last_good" in message
    # What was before the first update: the policy of step 1.
    good = zoo.load(tmp_path / "run" / "last_good").model.get_weights()
    for found, expected in zip(good, weights_of(made / "sft"), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_dpo_learns_the_order_of_its_pairs(made, tmp_path, capsys):
    ranked = made / "reward" / "ranked.jsonl"
    arguments = ["--run", tmp_path / "dpo", "--sft", made / "sft", "--train", ranked]
    command(chat_dpo, "train", *arguments, "--epochs", 3, "--peak", 0.001, "--batch-size", 8)
    lines = records_of(tmp_path / "dpo" / "log.jsonl")
    assert lines[0]["loss"] < np.log(2) + 0.05  # log 2 before the first update
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]
    assert lines[-1]["accuracy"] > 0.7
    capsys.readouterr()
    command(chat_dpo, "evaluate", "--run", tmp_path / "dpo")
    assert 0 <= printed(capsys)["accuracy"] <= 1


@pytest.fixture
def jsonl(tmp_path):
    def write(name, *records):
        lines = [json.dumps(record) + "\n" for record in records]
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
        return tmp_path / name

    return write


def test_demonstrations_of_your_own_and_lora(made, tmp_path, jsonl):
    pairs = kitchen_talk.demonstrations(20, seed=3)
    file = jsonl("own.jsonl", *({"instruction": q, "input": "", "output": a} for q, a in pairs))
    arguments = ["--train", file, "--start", made / "sft", "--lora", 2, "--epochs", 1]
    command(chat_sft, "train", "--run", tmp_path / "own", *arguments, "--warmup", 2)
    before, after = (
        named_weights(zoo.load(folder / "task").model)
        for folder in (made / "sft", tmp_path / "own")
    )
    changed = {
        path
        for path in before
        if not np.array_equal(*(to_numpy(each[path].value) for each in (before, after)))
    }
    # The kernels of attention's two products, merged, and the last norm, which is the head's.
    assert {path.split("/")[-2] for path in changed} == {
        "query_key_value",
        "output",
        "final_norm",
    }


def test_pairs_of_your_own_in_folds(made, tmp_path, jsonl, capsys):
    records = []
    for number in range(15):
        question, answer = kitchen_talk.demonstrations(15, seed=4)[number]
        record = {"prompt": question, "chosen": answer, "rejected": f"Hm {number}"}
        records.append(record)
    file = jsonl("pairs.jsonl", *records)
    command(
        chat_reward, "cross_validate", "--run", tmp_path / "cv", "--sft", made / "sft",
        "--train", file, "--folds", 3, "--epochs", 1, "--warmup", 1,
    )  # fmt: skip
    found = printed(capsys)
    assert found["model"]["comparisons"] == 15
    assert len(found["folds"]) == 3
    assert sum(fold["comparisons"] for fold in found["folds"]) == 15


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": " b "}, "bad.jsonl:2: chosen and rejected are"),
        ({"prompt": "a", "chosen": "b"}, "bad.jsonl:2: the field 'rejected' is missing"),
    ],
)
def test_wrong_preferences_name_file_and_line(made, tmp_path, jsonl, capsys, record, problem):
    file = jsonl("bad.jsonl", {"prompt": "a", "chosen": "b", "rejected": "c"}, record)
    with pytest.raises(SystemExit):
        command(chat_reward, "train", "--run", tmp_path / "r", "--sft", made / "sft",
                "--train", file)  # fmt: skip
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_a_run_of_other_data_is_not_gone_on_with(made, tmp_path, jsonl, capsys):
    pairs = kitchen_talk.demonstrations(20, seed=3)
    records = [{"instruction": q, "output": a} for q, a in pairs]
    file = jsonl("own.jsonl", *records)
    arguments = ["--run", tmp_path / "own", "--train", file, "--start", made / "sft"]
    command(chat_sft, "train", *arguments, "--epochs", 1, "--warmup", 2)
    shutil.rmtree(tmp_path / "own" / "task")
    jsonl("own.jsonl", *records[1:])
    with pytest.raises(SystemExit):
        command(chat_sft, "train", *arguments, "--epochs", 1, "--warmup", 2)
    assert "made of other data (train" in capsys.readouterr().err


def test_another_kind_of_run_is_refused(made, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command(chat_sft, "train", "--run", tmp_path / "x", "--start", made / "reward")
    assert "holds a AnswerScorer, not a TextGenerator" in capsys.readouterr().err


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="gpt_pretrain's export through a process will do",
)
def test_the_policy_exports_like_any_gpt(made, tmp_path):
    command(chat_ppo, "export", "--run", made / "ppo", "--out", tmp_path / "chat",
            "--temperature", 0, "--new-tokens", 5)  # fmt: skip
    import tensorflow as tf

    served = tf.saved_model.load(str(tmp_path / "chat" / "1")).signatures["serving_default"]
    prompt = zoo.text.ChatTemplate().prompt("What could I cook for Ada, who likes fish?")
    found = served(prompt=tf.constant([prompt]))["text"].numpy()[0].decode()
    assert found == zoo.load(made / "ppo" / "task")([prompt], max_new_tokens=5)[0]
