"""What PPO's recipe asks of prompts, rewards and samples."""

import json
import types

import numpy as np
import pytest

from recipes import chat_compare, chat_ppo, chat_rollouts
from zoo.text import ChatTemplate

TEMPLATE = ChatTemplate()


def test_prompts_come_in_whole_passes_whatever_iteration_is_first():
    found = [chat_rollouts.prompt_of_step(7, 5, 3, iteration) for iteration in range(7)]
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.repeat(np.arange(7), 5))
    again = chat_rollouts.prompt_of_step(7, 5, 3, 4)
    np.testing.assert_array_equal(found[4], again)
    assert found[0].tolist() != chat_rollouts.prompt_of_step(7, 5, 4, 0).tolist()


def settings_for(tmp_path, count, num_samples, **more):
    file = tmp_path / "prompts.jsonl"
    lines = (json.dumps({"instruction": f"Question {i}"}) for i in range(count))
    file.write_text("\n".join(lines), encoding="utf-8")
    given = {"prompts": [file], "dev_prompts": (), "dev_share": 0.1, "num_samples": num_samples}
    return types.SimpleNamespace(**given, **more)


def test_prompts_to_judge_on_are_never_trained_on_however_many_are_asked_for(tmp_path):
    few = chat_rollouts.prompts_of(settings_for(tmp_path, 40, num_samples=2), TEMPLATE)
    many = chat_rollouts.prompts_of(settings_for(tmp_path, 40, num_samples=500), TEMPLATE)
    assert few["train"] == many["train"]
    assert (len(few["train"]), len(few["dev"]), len(many["dev"])) == (36, 2, 4)
    assert not [prompt for prompt in many["dev"] if prompt in many["train"]]


@pytest.mark.parametrize(
    ("ptx", "pretraining", "problem"),
    [(0.5, (), "ptx: .*--pretraining"), (0.0, ("a.txt",), "pretraining: .*--ptx")],
)
def test_pretraining_text_and_its_weight_come_together(tmp_path, ptx, pretraining, problem):
    settings = settings_for(
        tmp_path, 9, 2, ptx=ptx, pretraining=pretraining, seed=0, prompt_tokens=3, new_tokens=3
    )
    with pytest.raises(ValueError, match=problem):
        chat_rollouts.Pretraining(settings, TEMPLATE, tokenizer=None)


def test_every_seed_has_answers_of_its_own():
    seeds = {chat_ppo.rollout_seed(seed, i) for seed in (0, 4294, 4295, 10**12) for i in range(9)}
    assert len(seeds) == 36
    assert max(seeds) < 2**32


def test_a_programmed_reward_sees_what_was_said_last():
    seen = []
    settings = types.SimpleNamespace(reward_function="tests.recipes.test_chat_rollouts:recorded")
    reward = chat_rollouts.reward_of(settings, TEMPLATE)
    recorded.seen = seen
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Bye"},
    ]
    assert reward([TEMPLATE.prompt(talk)], [" See you. "]) == [1.0]
    assert seen == [("Bye", "See you.")]


def recorded(questions, answers):
    recorded.seen.extend(zip(questions, answers, strict=True))
    return [1.0] * len(answers)


@pytest.mark.parametrize("name", ["reward", "no.such.module:reward", "recipes.data:absent"])
def test_a_reward_that_is_not_there_is_named(name):
    settings = types.SimpleNamespace(reward_function=name)
    with pytest.raises(ValueError, match=f"reward_function.*{name}"):
        chat_rollouts.reward_of(settings, TEMPLATE)


def test_distinct_2_by_hand():
    # a b, b a, a b | a b: four runs, two different
    assert chat_compare.distinct(["a b a b", "a b"]) == 0.5
    assert chat_compare.distinct(["a", ""]) == 0.0


def test_ties_are_half_a_win():
    assert chat_compare.win_rate([3, 1, 2], [1, 1, 5]) == 0.5


def test_samples_are_a_table_whatever_is_in_them(tmp_path):
    prompts = [TEMPLATE.prompt("a | b")]
    scores = {"before": [1.0], "after": [-0.5]}
    file = tmp_path / "samples.md"
    chat_compare.write_samples(file, prompts, ["x\ny\x85z"], ["<b>"], scores, TEMPLATE)
    rows = file.read_text(encoding="utf-8").splitlines()
    assert rows[2] == "| a \\| b | x<br>y<br>z | 1.00 | &lt;b&gt; | -0.50 |"
    assert len(rows) == 3
