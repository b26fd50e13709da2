"""Proximal policy optimization of a language model: its quantities, as pure functions.

"Proximal policy optimization algorithms" (PPO, Schulman et al. 2017), on texts as "Training
language models to follow instructions with human feedback" (InstructGPT, Ouyang et al. 2022) has
it: a state is the text so far, an action the next token, an episode one answer. B rows, T tokens;
`mask` (B, T) bool says which tokens are actions. What stands elsewhere is never looked at.
"""

import numpy as np
from keras import ops

from zoo.training.losses import smoothed_cross_entropy
from zoo.training.masked_statistics import masked_mean


def token_log_probs(logits, ids):
    """Log-probability of each token: logits (B, T, V), ids (B, T) -> (B, T) float32, in nats."""
    return -smoothed_cross_entropy(ids, logits)


def token_entropy(logits):
    """Entropy of each token's distribution: logits (B, T, V) -> (B, T) float32, in nats."""
    logits = ops.cast(logits, "float32")
    log_probs = ops.log_softmax(logits, axis=-1)
    # An impossible token, whose logit is -inf, adds nothing; 0 times -inf would be NaN.
    possible = log_probs > -1e30
    return -ops.sum(ops.where(possible, ops.exp(log_probs) * log_probs, 0.0), axis=-1)


def kl_estimates(log_probs, reference_log_probs):
    """log pi - log ref of tokens that pi drew: an unbiased estimate of their KL(pi || ref).

    Single estimates may be negative; the sum over an answer is the KL term of InstructGPT's
    equation 2. Called k1 in Schulman's note "Approximating KL divergence" (2020).

    Args:
        log_probs, reference_log_probs: (B, T) float32 of the tokens drawn.
    """
    return log_probs - reference_log_probs


def penalized_rewards(scores, kl, mask, coefficient):
    """The reward of each token: minus its KL penalty, and the answer's score on its last token.

    "Per-token KL penalty" (Ziegler et al. 2019, 2.1; Ouyang et al. 2022, eq. 2): the sum over an
    answer is its score minus `coefficient` times log pi(answer) / ref(answer).

    Args:
        scores: (B,) float array, one an answer.
        kl: (B, T) float array, see `kl_estimates`.
        mask: (B, T) bool array, at least one action a row.
        coefficient: beta, in units of the score a nat.

    Returns:
        (B, T) float32 array, 0 outside of the mask.
    """
    mask = np.asarray(mask, bool)
    rewards = np.where(mask, -np.float32(coefficient) * np.asarray(kl, "float32"), np.float32(0))
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    rewards[np.arange(len(rewards)), last] += np.asarray(scores, "float32")
    return rewards


def generalized_advantages(rewards, values, mask, discount=1.0, trace=0.95):
    """Generalized advantage estimation (Schulman et al. 2016, eq. 16) and the returns to learn.

        delta[t] = r[t] + discount * V[t + 1] - V[t]
        A[t] = delta[t] + discount * trace * A[t + 1]

    Nothing follows the last action of a row: V and A are 0 there, as an answer that is cut off at
    its greatest length is scored like any other. Actions of a row are consecutive.

    Args:
        rewards, values: (B, T) float arrays.
        mask: (B, T) bool array.
        discount: gamma, 0 to 1; 1 in InstructGPT, as in all that learn from one score at the end.
        trace: lambda, 0 to 1: 1 gives the return minus the value, with no bias and the most
            variance, 0 the error of one step.

    Returns:
        advantages and returns = advantages + values, (B, T) float32 arrays, 0 outside of the mask.
    """
    mask = np.asarray(mask, bool)
    values = np.where(mask, np.asarray(values, "float32"), np.float32(0))
    rewards = np.where(mask, np.asarray(rewards, "float32"), np.float32(0))
    advantages = np.zeros_like(values)
    advantage = next_value = np.zeros(len(values), "float32")
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + discount * next_value - values[:, t]
        advantage = np.where(mask[:, t], delta + discount * trace * advantage, np.float32(0))
        advantages[:, t] = advantage
        next_value = values[:, t]
    return advantages, np.where(mask, advantages + values, np.float32(0))


def clipped_policy_losses(log_probs, old_log_probs, advantages, clip_range):
    """The clipped objective with the sign of a loss (Schulman et al. 2017, eq. 7).

        -min(ratio * A, clip(ratio, 1 - c, 1 + c) * A),  ratio = exp(log_probs - old_log_probs)

    Args:
        log_probs, old_log_probs, advantages: (B, T) float32.
        clip_range: c, 0.2 in the paper.

    Returns:
        (B, T) float32.
    """
    log_probs, old_log_probs, advantages = _tensors(log_probs, old_log_probs, advantages)
    ratio = ops.exp(log_probs - old_log_probs)
    clipped = ops.clip(ratio, 1.0 - clip_range, 1.0 + clip_range)
    return ops.maximum(-advantages * ratio, -advantages * clipped)


def clip_fraction(log_probs, old_log_probs, mask, clip_range):
    """The share of actions whose ratio is outside of 1 - c to 1 + c: () float32."""
    ratio = ops.exp(log_probs - old_log_probs)
    return masked_mean(ops.cast(ops.abs(ratio - 1.0) > clip_range, "float32"), mask)


def clipped_value_losses(values, old_values, returns, clip_range):
    """Half of the squared error, of the worse of the new value and one near the old.

    The policy's clipping carried over to values, as in the code of Ziegler et al. 2019:

        max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) / 2

    Args:
        values, old_values, returns: (B, T) float32.
        clip_range: c, in the units of the return.

    Returns:
        (B, T) float32.
    """
    values, old_values, returns = _tensors(values, old_values, returns)
    near = ops.clip(values, old_values - clip_range, old_values + clip_range)
    return 0.5 * ops.maximum(ops.square(values - returns), ops.square(near - returns))


def with_pretraining(policy_loss, pretraining_loss, coefficient):
    """ "PPO-ptx" (Ouyang et al. 2022, eq. 2): the policy's loss and `coefficient`, the paper's
    gamma, times the token loss on pretraining text, so that what was learned there is not lost."""
    return policy_loss + coefficient * pretraining_loss


def _tensors(*arrays):
    return (ops.convert_to_tensor(array, dtype="float32") for array in arrays)
