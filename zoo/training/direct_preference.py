"""Direct preference optimization as `fit()`: no rewards, no rollouts."""

import keras
from keras import ops

from zoo.training.policy_gradient import token_log_probs
from zoo.training.preferences import counted, dpo_losses


def answer_log_probs(logits, ids, weights):
    """Log-probability of answers: logits (B, T, V), ids and weights (B, T), 1 on the answer's
    tokens and 0 elsewhere -> (B,) float32, sums in nats."""
    counts = ops.cast(weights, "bool")
    return ops.sum(ops.where(counts, token_log_probs(logits, ids), 0.0), axis=-1)


@keras.saving.register_keras_serializable("zoo")
class DirectPreference(keras.Model):
    """What `fit` trains on pairs: `model.compile(optimizer)` and `model.fit(batches)`.

    Rafailov et al. 2023, "Direct preference optimization: your language model is secretly a reward
    model". Batches are (inputs, labels), the preferred answer first:

    - inputs: {"token_ids", "padding_mask": (B, 2, T)};
    - labels: {"token_ids": (B, 2, T), the token behind each, "answers": (B, 2, T), 1 where that is
      the answer's, "reference": (B, 2), what the frozen reference gives the answers, in nats};
    - sample weights (B,), 0 for rows that only fill a batch up.

    Dropout stays off, as the reference has none. The logs have means over all pairs of a weight
    above 0: loss, accuracy (share of pairs whose implicit rewards beta * log(pi / ref) are in the
    right order, equal ones one half) and margin (their difference).

    Args:
        policy: model, ids -> logits (B, T, V), such as a `zoo.models.GPT`.
        beta: how dear it is to leave the reference, above 0.
        reduction: "mean_with_sample_weight" divides the loss of a batch by the sum of its weights;
            "sum", for weights that are scaled as in `zoo.text.AnswerBatches(accumulate=k)`, does
            not.

    Raises:
        ValueError: beta or reduction is out of range.
    """

    def __init__(self, policy, beta=0.1, reduction="mean_with_sample_weight", **kwargs):
        super().__init__(**kwargs)
        if not beta > 0:
            raise ValueError(f"beta must be above 0; got {beta}")
        if reduction not in ("mean_with_sample_weight", "sum"):
            raise ValueError(
                f"reduction must be 'mean_with_sample_weight' or 'sum'; got {reduction!r}"
            )
        self.policy, self.beta, self.reduction = policy, beta, reduction
        # "loss" takes the place of Keras' own, which weighs batches.
        names = ("loss", "accuracy", "margin")
        self.means = {name: keras.metrics.Mean(name=name) for name in names}
        self.built = True

    def call(self, inputs):
        length = ops.shape(inputs["token_ids"])[-1]
        flat = {name: ops.reshape(each, (-1, length)) for name, each in inputs.items()}
        return self.policy(flat, training=False)  # (2 B, T, V)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        length = ops.shape(y["token_ids"])[-1]
        ids, answers = (ops.reshape(y[name], (-1, length)) for name in ("token_ids", "answers"))
        found = ops.reshape(answer_log_probs(y_pred, ids, answers), (-1, 2))  # (B, 2)
        known = ops.cast(y["reference"], "float32")
        losses = dpo_losses(found[:, 0], found[:, 1], known[:, 0], known[:, 1], self.beta)
        implicit = self.beta * (found - known)
        margin = implicit[:, 0] - implicit[:, 1]
        values = {"loss": losses, "accuracy": 0.5 * (1.0 + ops.sign(margin)), "margin": margin}
        for name, value in values.items():
            self.means[name].update_state(value, counted(sample_weight))
        if sample_weight is None:
            return ops.sum(losses) if self.reduction == "sum" else ops.mean(losses)
        weight = ops.cast(sample_weight, "float32")
        total = ops.sum(weight * losses)
        return total if self.reduction == "sum" else ops.divide_no_nan(total, ops.sum(weight))
