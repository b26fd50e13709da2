"""Learning from which of several answers people prefer: losses as pure functions, and for `fit`."""

import keras
from keras import ops

from zoo.training.masked_statistics import masked_mean


def pairwise_losses(chosen, rejected):
    """-log sigmoid(chosen - rejected): of each pair, the surprise that `chosen` is preferred.

    Bradley and Terry 1952; InstructGPT (Ouyang et al. 2022), equation 1 with K = 2.

    Args:
        chosen, rejected: (...) rewards of the two answers.

    Returns:
        (...) float32, in nats; log 2 where the rewards are equal.
    """
    margin = ops.cast(chosen, "float32") - ops.cast(rejected, "float32")
    return ops.softplus(-margin)


def comparisons(ranks):
    """Which answer of a prompt is preferred to which: (B, K) ranks -> (B, K, K) bool.

    Entry [b, i, j] is True where answer i ranks before answer j. Equal ranks are ties, which say
    nothing; a rank below 0 says that there is no such answer.

    Args:
        ranks: (B, K) integers or floats, smaller is better.
    """
    real = ranks >= 0
    both = ops.logical_and(real[:, :, None], real[:, None, :])
    return ops.logical_and(both, ranks[:, :, None] < ranks[:, None, :])


def ranking_losses(ranks, rewards):
    """The mean of `pairwise_losses` over all comparisons of a prompt's K answers.

    InstructGPT (Ouyang et al. 2022), 3.5, equation 1: all (K over 2) comparisons of a prompt stand
    in one batch element, so that each answer is read once and no prompt weighs more than another.

    Args:
        ranks: (B, K), see `comparisons`.
        rewards: (B, K).

    Returns:
        (B,) float32; 0 where there is nothing to compare.
    """
    better = comparisons(ranks)
    rewards = ops.cast(rewards, "float32")
    losses = pairwise_losses(rewards[:, :, None], rewards[:, None, :])  # (B, K, K)
    count = ops.sum(ops.cast(better, "float32"), axis=(1, 2))
    return ops.sum(ops.where(better, losses, 0.0), axis=(1, 2)) / ops.maximum(count, 1.0)


def dpo_losses(chosen, rejected, reference_chosen, reference_rejected, beta):
    """Direct preference optimization (Rafailov et al. 2023, eq. 7), of each pair.

    `pairwise_losses` of the implicit rewards beta * log(pi(answer) / ref(answer)).

    Args:
        chosen, rejected: (B,) log-probabilities of the two answers by the policy, summed over
            their tokens, in nats.
        reference_chosen, reference_rejected: the same by the frozen reference.
        beta: how dear it is to leave the reference, as the KL coefficient of PPO.

    Returns:
        (B,) float32.
    """
    return pairwise_losses(
        beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    )


@keras.saving.register_keras_serializable("zoo")
class RankingLoss(keras.losses.Loss):
    """`ranking_losses` for `compile()`: labels are ranks (B, K), predictions rewards (B, K).

    Args:
        reduction: as in Keras; the default divides by the sum of the weights.
        name: name of the loss.
    """

    def __init__(self, reduction="mean_with_sample_weight", name="ranking_loss"):
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true, y_pred):
        return ranking_losses(y_true, y_pred)


@keras.saving.register_keras_serializable("zoo")
class MeanRankingLoss(keras.metrics.Mean):
    """`ranking_losses` over the prompts of a data set, in the place of Keras' own `loss`, which
    weighs batches: `compile(..., weighted_metrics=[MeanRankingLoss()])`.

    A prompt counts, once, if its weight is above 0: weights scaled for gradient accumulation change
    nothing here.

    Args:
        name: "loss" takes the place of Keras' own.
    """

    def __init__(self, name="loss", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        losses = ranking_losses(ops.convert_to_tensor(y_true), y_pred)
        super().update_state(losses, counted(sample_weight))


def counted(sample_weight):
    """1 for the rows of a weight above 0, else 0, float32 (B,); None where there are no weights."""
    if sample_weight is None:
        return None
    return ops.cast(ops.convert_to_tensor(sample_weight) > 0, "float32")


class _OverComparisons(keras.metrics.Metric):
    """A mean over all comparisons of all prompts, each of the same weight."""

    def __init__(self, name):
        super().__init__(name=name, dtype="float32")
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        better = comparisons(ops.convert_to_tensor(y_true))
        if sample_weight is not None:  # rows that only fill a batch up weigh 0
            real = ops.cast(ops.reshape(sample_weight, (-1, 1, 1)), "float32") > 0
            better = ops.logical_and(better, real)
        y_pred = ops.cast(y_pred, "float32")
        values = self.values(y_pred[:, :, None] - y_pred[:, None, :])
        count = ops.sum(ops.cast(better, "float32"))
        self.total.assign_add(masked_mean(values, better) * count)
        self.count.assign_add(count)

    def result(self):
        return self.total / ops.maximum(self.count, 1.0)


@keras.saving.register_keras_serializable("zoo")
class RankingAccuracy(_OverComparisons):
    """Share of comparisons in which the preferred answer has the higher reward; equal ones count
    one half.

    Args:
        name: name in the logs.
    """

    def __init__(self, name="accuracy"):
        super().__init__(name)

    def values(self, margins):
        return 0.5 * (1.0 + ops.sign(margins))


@keras.saving.register_keras_serializable("zoo")
class RankingMargin(_OverComparisons):
    """Mean reward of the preferred minus that of the other answer, over all comparisons.

    Args:
        name: name in the logs.
    """

    def __init__(self, name="margin"):
        super().__init__(name)

    def values(self, margins):
        return margins
