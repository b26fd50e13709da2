"""A policy with its critic: what PPO trains, as one model.

Both kinds give {"logits": (B, T, V), "values": (B, T)} for the inputs of a `GPT`. Dropout stays
off, in training too: the ratio of new to old probability must be 1 before the first update (Huang
et al. 2024, "The N+ implementation details of RLHF with PPO: TL;DR summarization").
"""

import keras
from keras import ops

from zoo.layers.wiring import Wiring


class SeparateCritic(keras.Model):
    """A policy and a value network of its own, as in InstructGPT (Ouyang et al. 2022, C.4).

    Args:
        policy: model, ids -> logits (B, T, V), such as a `zoo.models.GPT`.
        value_network: model of the same inputs -> (B, T), such as a `zoo.models.GPTValue`.
    """

    def __init__(self, policy, value_network, **kwargs):
        super().__init__(**kwargs)
        self.policy, self.value_network = policy, value_network
        self.built = True

    def call(self, inputs):
        values = self.value_network(inputs, training=False)
        return {
            "logits": self.policy(inputs, training=False),
            "values": ops.cast(values, "float32"),
        }


class SharedCritic(keras.Model):
    """A value head on the policy's own last block, as in Ziegler et al. 2019: one network to train
    and to keep, but what the values learn changes the policy.

    Args:
        policy: a model with `hidden(inputs) -> (B, T, D)` and `logits(x)`, such as a
            `zoo.models.GPT`, whose `config` has `hidden_dim`.
    """

    def __init__(self, policy, **kwargs):
        super().__init__(**kwargs)
        self.policy = policy
        # Its own layer, as `training` is told to layers, not to methods.
        self.wiring = Wiring(policy.hidden, name="wiring")
        self.value_head = keras.layers.Dense(
            1, kernel_initializer="zeros", name="value_head", dtype="float32"
        )
        self.value_head.build((None, None, policy.config.hidden_dim))
        self.built = True

    def call(self, inputs):
        x = self.wiring(inputs, training=False)
        return {"logits": self.policy.logits(x), "values": self.value_head(x)[..., 0]}
