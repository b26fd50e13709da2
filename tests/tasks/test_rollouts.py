"""What a policy's answers are turned into, against the same worked out one by one."""

import numpy as np
import pytest

from tests.backends import randomize, to_numpy
from tests.small_generators import small_generator, small_gpt
from zoo.models import GPT, GPTValue
from zoo.tasks import Rollouts, RunawayKL, TextGenerator
from zoo.training import FixedKL, PPOLoss, ProximalPolicy, SeparateCritic, SharedCritic

PROMPTS = ["hello there", "a", "one two"] * 3


def copied(model, distance=0.0):
    other = GPT(model.config)
    rng = np.random.default_rng(5)
    weights = [to_numpy(variable.value) for variable in model.weights]
    other.set_weights([x + rng.normal(0, distance, x.shape).astype("float32") for x in weights])
    return other


def count_a(prompts, answers):
    return [float(answer.count("a")) for answer in answers]


def rollouts(reward=count_a, reference=None, **options):
    generator = small_generator()
    value = randomize(GPTValue.from_model(generator.model), scale=0.3)
    reference = copied(generator.model) if reference is None else reference
    sizes = {"max_prompt_tokens": 13, "max_new_tokens": 11, "batch_size": 4}
    critic = SeparateCritic(generator.model, value)
    return Rollouts(generator, critic, reference, reward, FixedKL(0.5), **{**sizes, **options})


def test_the_pass_over_a_rollout_says_what_the_search_said():
    made = rollouts()
    rollout = made.collect(PROMPTS, seed=3)
    found = made.generator.generate(
        PROMPTS, 4, max_new_tokens=11, temperature=1.0, seed=3, log_probs=True
    )
    assert rollout.answers == [each[0].text for each in found]
    for row, (generation,) in enumerate(found):
        actions = rollout.labels["actions"][row]
        assert rollout.labels["token_ids"][row][actions].tolist() == generation.ids
        known = rollout.labels["log_probs"][row][actions]
        np.testing.assert_allclose(known, generation.log_probs, atol=1e-4)


def test_actions_have_the_same_columns_and_prompts_stand_before_them():
    rollout = rollouts().collect(PROMPTS, seed=0)
    actions, ids = rollout.labels["actions"], rollout.inputs["token_ids"]
    np.testing.assert_array_equal(actions.argmax(axis=1), 12)  # behind 13 columns of the prompt
    np.testing.assert_array_equal(ids[:, 1:], rollout.labels["token_ids"][:, :-1])
    tokenizer = small_generator().tokenizer
    for row, prompt in enumerate(PROMPTS):
        before = ids[row][:13][rollout.inputs["padding_mask"][row][:13]]
        assert tokenizer.decode([before])[0] == prompt


def test_the_reference_itself_costs_nothing():
    rollout = rollouts().collect(PROMPTS, seed=0)
    assert rollout.statistics["kl"] == pytest.approx(0.0, abs=1e-4)
    assert rollout.statistics["score"] == pytest.approx(np.mean(count_a(None, rollout.answers)))
    # Without a penalty every return is the score.
    actions = rollout.labels["actions"]
    expected = np.broadcast_to(rollout.scores[:, None], actions.shape)[actions]
    made = rollouts(trace=1.0).collect(PROMPTS, seed=0)
    np.testing.assert_allclose(made.labels["returns"][actions], expected, atol=1e-3)


def test_another_reference_is_paid_for():
    far = copied(small_gpt(), distance=0.05)
    rollout = rollouts(reference=far, trace=1.0).collect(PROMPTS, seed=0)
    kl = rollout.statistics["kl"]
    assert kl > 0.01
    first = rollout.labels["returns"][:, 12]  # of the whole answer
    assert first.mean() == pytest.approx(rollout.statistics["score"] - 0.5 * kl, abs=1e-3)


def test_advantages_are_whitened_over_the_actions():
    rollout = rollouts().collect(PROMPTS, seed=1)
    advantages, actions = rollout.labels["advantages"], rollout.labels["actions"]
    assert advantages[actions].mean() == pytest.approx(0.0, abs=1e-5)
    assert advantages[actions].std() == pytest.approx(1.0, abs=1e-3)
    assert not advantages[~actions].any()


def test_the_same_seed_gives_the_same_rollout_and_another_one_another():
    made = rollouts()
    first, again, other = (made.collect(PROMPTS, seed=seed).answers for seed in (4, 4, 5))
    assert first == again
    assert first != other


def test_options_of_the_task_do_not_change_what_is_drawn():
    made = rollouts()
    expected = made.collect(PROMPTS, seed=3)
    generator = made.generator
    options = {"temperature": 0.2, "top_k": 2, "top_p": 0.5, "repetition_penalty": 3.0}
    made.generator = TextGenerator(generator.model, generator.tokenizer, options)
    assert made.collect(PROMPTS, seed=3).answers == expected.answers


def test_an_answer_without_end_may_have_a_score_of_its_own():
    rollout = rollouts(no_end_reward=-7.0).collect(PROMPTS, seed=0)
    end = small_generator().tokenizer.end_id
    ids, actions = rollout.labels["token_ids"], rollout.labels["actions"]
    ended = np.array([end in row[chosen] for row, chosen in zip(ids, actions, strict=True)])
    assert 0 < ended.sum() < len(ended)
    np.testing.assert_array_equal(rollout.scores[~ended], -7.0)
    expected = np.array(count_a(None, rollout.answers))[ended]
    np.testing.assert_array_equal(rollout.scores[ended], expected)


@pytest.mark.parametrize(
    ("reward", "problem"),
    [
        (lambda prompts, answers: [1.0], r"one number for each of 9 answers; got shape \(1,\)"),
        (lambda prompts, answers: [float("nan")] * 9, "finite numbers; got nan for the answer"),
        (lambda prompts, answers: [[1.0]] * 9, r"got shape \(9, 1\)"),
    ],
)
def test_impossible_rewards_are_refused(reward, problem):
    with pytest.raises(ValueError, match=problem):
        rollouts(reward).collect(PROMPTS, seed=0)


def test_a_policy_that_runs_away_is_stopped():
    far = copied(small_gpt(), distance=0.3)
    with pytest.raises(RunawayKL, match=r"nats an answer away.*kl_limit=0.5"):
        rollouts(reference=far, kl_limit=0.5).collect(PROMPTS, seed=0)


def test_prompts_that_are_too_long_are_refused():
    with pytest.raises(ValueError, match=r"prompts\[1\] has 11 tokens; 1 to 5 are allowed"):
        rollouts(max_prompt_tokens=5).collect(["a", "hello there"], seed=0)


def test_prompts_and_answers_must_fit_the_model():
    with pytest.raises(ValueError, match="must fit the model's 61 positions"):
        rollouts(max_prompt_tokens=60)


@pytest.mark.parametrize("kind", ["separate", "shared"])
def test_before_the_first_update_nothing_is_clipped(kind):
    model = copied(small_gpt())
    critic = SharedCritic(model)
    if kind == "separate":
        critic = SeparateCritic(model, GPTValue.from_model(model))
    generator = small_generator()
    generator = type(generator)(model, generator.tokenizer)
    sizes = {"max_prompt_tokens": 13, "max_new_tokens": 11, "batch_size": 9}
    made = Rollouts(generator, critic, copied(model), count_a, FixedKL(0.5), **sizes)
    rollout = made.collect(PROMPTS, seed=0)
    trainer = ProximalPolicy(critic, PPOLoss())
    trainer.compile("sgd", run_eagerly=True)
    logs = trainer.evaluate(
        rollout.inputs, rollout.labels, batch_size=9, return_dict=True, verbose=0
    )
    assert logs["clip_fraction"] == 0.0
    assert logs["moved"] == pytest.approx(0.0, abs=1e-5)
    # Whitened advantages have the mean 0, and so has the policy's loss at the old policy.
    assert logs["policy_loss"] == pytest.approx(0.0, abs=1e-4)
    assert logs["entropy"] > 1.0


@pytest.mark.parametrize("kind", ["separate", "shared"])
def test_dropout_stays_off_in_training(kind):
    config = small_gpt().get_config()["config"]
    model = GPT({**config, "dropout": 0.5, "attention_dropout": 0.5})
    critic = SharedCritic(model)
    if kind == "separate":
        critic = SeparateCritic(model, GPTValue.from_model(model))
    inputs = {"token_ids": np.array([[1, 2, 3]]), "padding_mask": np.ones((1, 3), bool)}
    found = [to_numpy(critic(inputs, training=training)["logits"]) for training in (True, False)]
    np.testing.assert_array_equal(*found)
