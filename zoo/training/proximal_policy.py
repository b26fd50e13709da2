"""PPO's updates as `fit()`: a model whose loss is made of the functions of `policy_gradient`."""

import dataclasses

import keras
from keras import ops

from zoo.training.masked_statistics import masked_mean
from zoo.training.policy_gradient import (
    clip_fraction,
    clipped_policy_losses,
    clipped_value_losses,
    token_entropy,
    token_log_probs,
    with_pretraining,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPOLoss:
    """How the parts of PPO's loss are weighed.

    Attributes:
        clip_range: of the ratio of new to old probability (Schulman et al. 2017, eq. 7).
        value_clip: how far a value may move from the old one, in units of the return.
        value_coefficient: weight of the value loss beside the policy's.
        entropy_coefficient: weight of a bonus for entropy; 0 in InstructGPT.
        pretraining_coefficient: gamma of "PPO-ptx" (Ouyang et al. 2022, eq. 2), where batches hold
            pretraining text; 27.8 in the paper, for its sums over texts.

    Raises:
        ValueError: an attribute is out of range.
    """

    clip_range: float = 0.2
    value_clip: float = 0.2
    value_coefficient: float = 0.1
    entropy_coefficient: float = 0.0
    pretraining_coefficient: float = 0.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value >= 0:
                raise ValueError(f"{field.name} must be at least 0; got {value!r}")


@keras.saving.register_keras_serializable("zoo")
class ProximalPolicy(keras.Model):
    """What `fit` trains on rollouts: `model.compile(optimizer)` and `model.fit(batches)`.

    Batches are (inputs, labels), as `zoo.text.RolloutBatches` makes them:

    - inputs: {"token_ids", "padding_mask": (B, T)}, and for PPO-ptx "pretraining_ids": (B', T');
    - labels, all (B, T): {"token_ids": the token behind each, "actions": bool, which of these the
      policy chose, "log_probs": what it gave them then, "values", "advantages", "returns"}, and for
      PPO-ptx "pretraining_ids": (B', T'), the token behind each, -1 where it does not count.

    The logs have, besides the loss: policy_loss, value_loss, entropy, clip_fraction, moved (the KL
    from the policy of the rollout, mean of ratio - 1 - log ratio a token: k3 in Schulman's note,
    never negative) and pretraining_loss, each a mean over what counts.

    Args:
        actor_critic: `SeparateCritic` or `SharedCritic`.
        loss: a `PPOLoss`.
    """

    def __init__(self, actor_critic, loss=None, **kwargs):
        super().__init__(**kwargs)
        self.actor_critic = actor_critic
        self.parts = PPOLoss() if loss is None else loss
        names = ["policy_loss", "value_loss", "entropy", "clip_fraction", "moved"]
        if self.parts.pretraining_coefficient:
            names.append("pretraining_loss")
        self.means = {name: keras.metrics.Mean(name=name) for name in names}
        self.built = True

    @property
    def policy(self):
        """The model that learns to answer."""
        return self.actor_critic.policy

    def call(self, inputs):
        rollout = {name: inputs[name] for name in ("token_ids", "padding_mask")}
        found = self.actor_critic(rollout)
        if self.parts.pretraining_coefficient:
            ids = {"token_ids": inputs["pretraining_ids"]}
            found["pretraining_logits"] = self.policy(ids, training=False)
        return found

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        parts, mask = self.parts, ops.cast(y["actions"], "bool")
        log_probs = token_log_probs(y_pred["logits"], y["token_ids"])
        old = y["log_probs"]
        policy = clipped_policy_losses(log_probs, old, y["advantages"], parts.clip_range)
        value = clipped_value_losses(y_pred["values"], y["values"], y["returns"], parts.value_clip)
        ratio = ops.where(mask, log_probs - old, 0.0)
        found = {
            "policy_loss": masked_mean(policy, mask),
            "value_loss": masked_mean(value, mask),
            "entropy": masked_mean(token_entropy(y_pred["logits"]), mask),
            "clip_fraction": clip_fraction(log_probs, old, mask, parts.clip_range),
            "moved": masked_mean(ops.exp(ratio) - 1.0 - ratio, mask),
        }
        loss = found["policy_loss"] + parts.value_coefficient * found["value_loss"]
        loss = loss - parts.entropy_coefficient * found["entropy"]
        if parts.pretraining_coefficient:
            labels = y["pretraining_ids"]
            losses = -token_log_probs(y_pred["pretraining_logits"], ops.maximum(labels, 0))
            found["pretraining_loss"] = masked_mean(losses, labels >= 0)
            loss = with_pretraining(loss, found["pretraining_loss"], parts.pretraining_coefficient)
        weight = ops.sum(ops.cast(mask, "float32"))
        for name, mean in self.means.items():
            mean.update_state(found[name], weight)
        return loss
