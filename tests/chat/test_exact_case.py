"""PPO and DPO find the optimum that is known: pi* = ref * exp(reward / beta) / Z."""

import keras
import numpy as np
import pytest

from tests.chat import exact_case
from tests.chat.exact_case import ANSWERS, BETA, MOST, PROMPT, REWARDS
from zoo.models import GPTValue
from zoo.tasks import Rollouts, TextGenerator
from zoo.text import AnswerBatches, AnswerRows, ArrayPasses, PreferredAnswers
from zoo.training import Adam, DirectPreference, FixedKL, PPOLoss, ProximalPolicy, SeparateCritic

_ROWS, _ITERATIONS, _UPDATES = 512, 30, 4


def jit():
    return "auto" if keras.backend.backend() == "jax" else False


def rate(peak, updates):
    return keras.optimizers.schedules.CosineDecay(peak, updates)


def by_ppo(policy, reference, seed):
    """Train a policy on rewards."""
    actor_critic = SeparateCritic(policy, GPTValue.from_model(policy))
    loss = PPOLoss(value_coefficient=0.5, value_clip=10.0)  # no entropy bonus
    model = ProximalPolicy(actor_critic, loss)
    model.compile(Adam(rate(0.02, _ITERATIONS * _UPDATES)), jit_compile=jit())
    rollouts = Rollouts(
        TextGenerator(policy, exact_case.tokenizer(), {"max_new_tokens": MOST}),
        actor_critic,
        reference,
        lambda prompts, answers: [REWARDS[answer] for answer in answers],
        FixedKL(BETA),
        max_prompt_tokens=len(PROMPT),
        max_new_tokens=MOST,
        discount=1.0,
        trace=1.0,
        batch_size=_ROWS,
    )
    for epoch in range(_ITERATIONS):
        rollout = rollouts.collect([PROMPT] * _ROWS, seed=1000 * seed + epoch)
        if epoch == 0:  # nothing has been learned
            assert rollout.statistics["kl"] == pytest.approx(0.0, abs=1e-5)
        batches = ArrayPasses(rollout.inputs, rollout.labels, _ROWS // 2, 2, seed=seed, epoch=epoch)
        model.fit(batches, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0)
    return rollout


def drawn_pairs(probabilities, rng, count=60_000):
    """Pairs of answers that the reference drew, ordered as Bradley and Terry would: int (n, 2)."""
    pairs = rng.choice(len(ANSWERS), size=(count, 2), p=probabilities / probabilities.sum())
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    points = np.array([REWARDS[answer] for answer in ANSWERS])[pairs]
    prefers_first = rng.random(len(pairs)) < 1 / (1 + np.exp(points[:, 1] - points[:, 0]))
    return np.where(prefers_first[:, None], pairs, pairs[:, ::-1])


def by_dpo(policy, probabilities, seed):
    """Train a policy on preferences."""
    rows = AnswerRows.encode(
        exact_case.tokenizer(), [PROMPT] * len(ANSWERS), ANSWERS, len(PROMPT) + MOST
    )
    pairs = drawn_pairs(probabilities, np.random.default_rng(seed))
    contents = PreferredAnswers(rows, pairs, np.log(probabilities)[pairs])
    batches = AnswerBatches(contents, 2000, seed=seed)
    model = DirectPreference(policy, BETA)
    epochs = 6
    model.compile(Adam(rate(0.02, epochs * batches.steps_per_epoch)), jit_compile=jit())
    steps = batches.steps_per_epoch
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ppo_finds_the_optimum(seed):
    policy = exact_case.policy(seed)
    reference = exact_case.copied(policy)
    before = exact_case.probabilities(reference)
    best = exact_case.optimum(before)
    assert exact_case.total_variation(before, best) > 0.15  # there is something to learn
    rollout = by_ppo(policy, reference, seed)
    found = exact_case.probabilities(policy)
    assert exact_case.total_variation(found, best) <= 0.02
    # What a rollout says of itself is what the policy is.
    expected = (found * np.log(found / before)).sum()
    assert rollout.statistics["kl"] == pytest.approx(expected, abs=0.1)
    assert rollout.statistics["explained_variance"] > 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dpo_finds_the_same_optimum(seed):
    policy = exact_case.policy(seed)
    before = exact_case.probabilities(policy)
    by_dpo(policy, before, seed)
    found = exact_case.probabilities(policy)
    assert exact_case.total_variation(found, exact_case.optimum(before)) <= 0.02


def test_the_enumerated_answers_are_all_that_a_policy_can_say():
    probabilities = exact_case.probabilities(exact_case.policy(0))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert probabilities.min() > 0.005
