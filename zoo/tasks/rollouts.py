"""What a policy answers to prompts, and what PPO learns from it.

The points of "The N implementation details of RLHF with PPO" (Huang et al. 2023) and of "The N+
implementation details of RLHF with PPO: TL;DR summarization" (Huang et al. 2024), and what is done
about each:

- Padding is told by masks, never by an id: the end id is seen, scored and learned like any other
  token, and whatever fills rows up is neither. Positions count real tokens, so a prompt that is
  padded on the left gives what it gives alone.
- Prompts are aligned right and answers follow at once: nothing stands between them, and all rows
  have the same columns for actions. Prompts that are too long are refused, not cut.
- The policy draws at temperature 1 from all tokens, so what is learned from is what the policy is:
  with a temperature or top-p the ratio would be that of another distribution. (Huang et al. divide
  the logits of drawing and learning by one temperature: a policy whose logits are scaled.)
- Log-probabilities and values of the rollout come from the very pass that `fit` makes, not from the
  search with its cache, and dropout stays off: before the first update every ratio is 1.
- The reward model gives one number, read at the answer's last token; it is centred on
  demonstrations (`GPTReward.centre`) and starts small. The value head starts with zeros, a value
  network from the reward model.
- The per-token KL penalty is log pi - log ref of the token drawn; the score is added on the last
  token. Discount 1; lambda 0.95 by default, 1 where the exact optimum matters.
- Rewards are not whitened (that would change what is optimal against the KL); advantages are, with
  a shift, over all actions of the rollout. Huang et al. whiten each minibatch.
- An answer that does not end within its tokens may get a fixed score instead ("EOS trick").
- Policy and value losses are clipped; the KL coefficient is adaptive or fixed; the learning rate
  falls to 0 (recipes.chat_ppo); gradients are clipped by their norm, with Adam's epsilon as Keras
  has it (1e-7 in Kingma and Ba's "epsilon hat" form; the TensorFlow 1 of Ziegler et al. has that
  form too, PyTorch the other).
- Means go over the actions of a minibatch, so that long answers weigh more than short ones, as
  there.
- Seeds: what is drawn follows from (seed, iteration, number of the prompt), the same on every
  backend.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo.compiled import compiled
from zoo.tasks.generation_options import GenerationOptions
from zoo.text.answer_rows import prompt_ids
from zoo.training.masked_statistics import explained_variance, whiten
from zoo.training.policy_gradient import (
    generalized_advantages,
    kl_estimates,
    penalized_rewards,
    token_log_probs,
)


class RunawayKL(ValueError):
    """The policy has left the reference farther than it may."""


class Rollout(NamedTuple):
    """N answers of a policy and what `zoo.training.ProximalPolicy` learns from them.

    Attributes:
        inputs, labels: dicts of arrays (N, T), see `ProximalPolicy`.
        answers: list of N str.
        scores: float32 (N,), the rewards of the answers, without any penalty.
        statistics: {name: float}: score, kl (nats an answer), kl_coefficient, length (tokens),
            ended (share), explained_variance, score_deviation.
    """

    inputs: Any
    labels: Any
    answers: Any
    scores: Any
    statistics: Any


def on_policy(generator, max_new_tokens, seed):
    """Options of `TextGenerator.generate` that draw what the model says, whatever the task's own
    options are; only the ids that end an answer are the task's."""
    return dataclasses.asdict(
        GenerationOptions(
            max_new_tokens=max_new_tokens,
            temperature=1.0,
            end_ids=generator.options.end_ids,
            seed=seed,
        )
    )


class Rollouts:
    """Lets a policy answer prompts and works out rewards and advantages.

    Args:
        generator: the policy as a `TextGenerator`.
        actor_critic: `zoo.training.SeparateCritic` or `SharedCritic` of the same model.
        reference: the frozen model that the KL is counted from, such as a copy of the policy.
        reward: function (prompts, answers), lists of N str, -> N finite numbers.
        kl: `zoo.training.FixedKL` or `AdaptiveKL`.
        max_prompt_tokens, max_new_tokens: the columns of prompts and answers.
        discount, trace: see `generalized_advantages`.
        no_end_reward: score of an answer that does not end within its tokens; None: its own.
        kl_limit: nats an answer at which training is given up; None: never.
        batch_size: rows at a time.

    Raises:
        ValueError: prompts and answers do not fit the model's positions.
    """

    def __init__(
        self,
        generator,
        actor_critic,
        reference,
        reward,
        kl,
        *,
        max_prompt_tokens,
        max_new_tokens,
        discount=1.0,
        trace=0.95,
        no_end_reward=None,
        kl_limit=None,
        batch_size=32,
    ):
        positions = generator.model.config.num_positions
        if max_prompt_tokens + max_new_tokens > positions:
            raise ValueError(
                f"max_prompt_tokens={max_prompt_tokens} and max_new_tokens={max_new_tokens} must "
                f"fit the model's {positions} positions together"
            )
        self.generator, self.reward, self.kl = generator, reward, kl
        self.max_prompt_tokens, self.max_new_tokens = max_prompt_tokens, max_new_tokens
        self.discount, self.trace = discount, trace
        self.no_end_reward, self.kl_limit, self.batch_size = no_end_reward, kl_limit, batch_size

        def known(ids, mask, labels):
            found = actor_critic({"token_ids": ids, "padding_mask": mask}, training=False)
            return token_log_probs(found["logits"], labels), found["values"]

        def expected(ids, mask, labels):
            inputs = {"token_ids": ids, "padding_mask": mask}
            return token_log_probs(reference(inputs, training=False), labels)

        self._known = compiled(actor_critic, known)
        self._expected = compiled(reference, expected)

    def collect(self, prompts, seed):
        """Let the policy answer, once each.

        Args:
            prompts: list of N str, as the model reads them.
            seed: whole number; the same seed, weights and prompts give the same rollout.

        Returns:
            A `Rollout`.

        Raises:
            ValueError: a prompt is too long, or the reward is not N finite numbers.
            RunawayKL: the KL is above `kl_limit`.
        """
        rows = prompt_ids(self.generator.tokenizer, prompts)
        for number, row in enumerate(rows):
            if not 0 < len(row) <= self.max_prompt_tokens:
                raise ValueError(
                    f"prompts[{number}] has {len(row)} tokens; 1 to {self.max_prompt_tokens} are "
                    "allowed by max_prompt_tokens"
                )
        options = on_policy(self.generator, self.max_new_tokens, seed)
        found = self.generator.generate(prompts, self.batch_size, **options)
        generations = [each[0] for each in found]
        scores = self._scores(prompts, generations)
        inputs, labels = self._arrays(rows, generations)
        arrays = (inputs["token_ids"], inputs["padding_mask"], labels["token_ids"])
        log_probs, values = self._in_batches(self._known, arrays)
        reference = self._in_batches(self._expected, arrays)
        actions = labels["actions"]
        kl = np.where(actions, kl_estimates(log_probs, reference), np.float32(0))
        mean_kl = float(kl.sum(axis=1).mean())
        if self.kl_limit is not None and not mean_kl <= self.kl_limit:
            raise RunawayKL(
                f"the policy is {mean_kl:.3g} nats an answer away from the reference, the limit is "
                f"kl_limit={self.kl_limit:g}: try a smaller learning rate, fewer passes over a "
                "rollout or a greater KL coefficient"
            )
        coefficient = self.kl.coefficient
        rewards = penalized_rewards(scores, kl, actions, coefficient)
        advantages, returns = generalized_advantages(
            rewards, values, actions, self.discount, self.trace
        )
        labels |= {
            "log_probs": log_probs,
            "values": values,
            "advantages": ops.convert_to_numpy(whiten(advantages, actions)),
            "returns": returns,
        }
        statistics = {
            "score": float(scores.mean()),
            "score_deviation": float(scores.std()),
            "kl": mean_kl,
            "kl_coefficient": coefficient,
            "length": float(actions.sum(axis=1).mean()),
            "ended": float(np.mean([each.ended_by == "end" for each in generations])),
            "explained_variance": float(explained_variance(values, returns, actions)),
        }
        answers = [each.text for each in generations]
        return Rollout(inputs, labels, answers, scores, statistics)

    def _scores(self, prompts, generations):
        answers = [each.text for each in generations]
        scores = np.asarray(self.reward(prompts, answers), "float32")
        if scores.shape != (len(answers),):
            raise ValueError(
                f"reward must give one number for each of {len(answers)} answers; got shape "
                f"{scores.shape}"
            )
        wrong = np.flatnonzero(~np.isfinite(scores))
        if len(wrong):
            raise ValueError(
                f"reward must give finite numbers; got {scores[wrong[0]]} for the answer "
                f"{answers[wrong[0]]!r} to {prompts[wrong[0]]!r}"
            )
        if self.no_end_reward is not None:
            ended = np.array([each.ended_by == "end" for each in generations])
            scores = np.where(ended, scores, np.float32(self.no_end_reward))
        return scores

    def _arrays(self, rows, generations):
        """Prompts and answers as inputs and the token behind each, (N, T)."""
        first = self.max_prompt_tokens
        shape = (len(rows), first + self.max_new_tokens)
        ids, real, actions = np.zeros(shape, "int32"), np.zeros(shape, bool), np.zeros(shape, bool)
        for number, (row, generation) in enumerate(zip(rows, generations, strict=True)):
            stop = first + len(generation.ids)
            ids[number, first - len(row) : stop] = [*row, *generation.ids]
            real[number, first - len(row) : stop] = True
            actions[number, first:stop] = True
        inputs = {"token_ids": ids[:, :-1], "padding_mask": real[:, :-1]}
        return inputs, {"token_ids": ids[:, 1:], "actions": actions[:, 1:]}

    def _in_batches(self, function, arrays):
        """A compiled function of (B, T) arrays on all rows, `batch_size` at a time."""
        found, size = [], self.batch_size
        for start in range(0, len(arrays[0]), size):
            part = [array[start : start + size] for array in arrays]
            count = len(part[0])
            # Whole batches, as each shape is compiled on JAX.
            part = [np.concatenate([x, np.repeat(x[:1], size - count, axis=0)]) for x in part]
            outputs = function(*part)
            outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
            found.append([ops.convert_to_numpy(each)[:count] for each in outputs])
        joined = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return joined[0] if len(joined) == 1 else joined
