"""GPT with a scalar head: what an answer is worth, and what is still to come at each token."""

import dataclasses

import keras
from keras import ops

from zoo import checkpoints
from zoo.checkpoints import named_weights
from zoo.models.gpt_decoder import GPTDecoder

_OFFSET = "reward_offset"  # in config.json


class _Scalar(GPTDecoder):
    """A GPT without logits and with a number for each token, of which `offset` is subtracted."""

    def __init__(self, config, head_initializer, **kwargs):
        super().__init__(config, **kwargs)
        self.score = keras.layers.Dense(
            1,
            use_bias=False,
            kernel_initializer=head_initializer,
            name="score",
            dtype=self.variable_dtype,  # float32 in mixed precision too, as losses want it
        )
        self.offset = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="offset", dtype="float32"
        )

    @classmethod
    def from_model(cls, model):
        """A model that starts from the embeddings and blocks of another one of this family, and
        from its head where that is of the same kind.

        Args:
            model: a `GPT`, `GPTReward` or `GPTValue`; it stays as it is.

        Raises:
            TypeError: it is of another family.
        """
        if not isinstance(model, GPTDecoder):
            raise TypeError(f"model must be a GPT, GPTReward or GPTValue; got {type(model)}")
        # The table of logits that are not tied would never be used.
        fields = {**dataclasses.asdict(model.config), "tied_logits": True}
        new = cls(fields, dtype=model.dtype_policy)
        given = named_weights(model)
        for path, variable in named_weights(new).items():
            if path in given:
                # A copy: on JAX an optimizer gives buffers away, and two models cannot share one.
                variable.assign(ops.copy(given[path].value))
        return new

    def outputs(self, inputs):
        scores = ops.cast(self.score(self.hidden(inputs))[..., 0], "float32")
        return scores - self.offset


@keras.saving.register_keras_serializable("zoo")
class GPTValue(_Scalar):
    """The critic of PPO: what reward is still expected at each token.

    Inputs as for `GPT` -> values (B, T). The head starts with zeros, as in the code of Ziegler et
    al. 2019, unless it comes from a reward model, as in InstructGPT (Ouyang et al. 2022, C.4).

    Args:
        config: a `GPTConfig`, or a dict of its fields.
    """

    def __init__(self, config, **kwargs):
        super().__init__(config, "zeros", **kwargs)
        self.build()

    def write_pretrained(self, folder):
        raise ValueError(
            "the transformers library has no GPT with a value for each token: write its weights "
            "with zoo.checkpoints.write_weights, or keep the .keras file that save() writes"
        )


@keras.saving.register_keras_serializable("zoo")
class GPTReward(_Scalar):
    """What people would say of an answer: a scalar head on the last real token of a text.

    InstructGPT (Ouyang et al. 2022), 3.5. Inputs are those of `GPT` without documents, with any
    axes in front: token_ids and padding_mask (..., T) -> rewards (...). So the K answers of
    a prompt, (B, K, T), give (B, K) for `zoo.training.RankingLoss`.

    The head starts small, with standard deviation 1 / sqrt(D + 1) ("Learning to summarize from
    human feedback", Stiennon et al. 2020). `centre` shifts all rewards: comparisons do not say
    where 0 is.

    Args:
        config: a `GPTConfig`, or a dict of its fields.
    """

    def __init__(self, config, **kwargs):
        size = config["hidden_dim"] if isinstance(config, dict) else config.hidden_dim
        super().__init__(config, keras.initializers.RandomNormal(0.0, (size + 1) ** -0.5), **kwargs)
        self.build()

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None):
        """A reward model of the transformers library: a `GPT2ForSequenceClassification` or
        `LlamaForSequenceClassification` with one label, as the TRL library trains them.

        Args:
            folder_or_hub_name, revision: as for `GPT.from_pretrained`.

        Raises:
            FileNotFoundError: as for `GPT.from_pretrained`.
            ValueError: as for `GPT.from_pretrained`; or there is no head of rewards.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        checkpoint = checkpoints.open_gpt(folder, checkpoints.REWARD)
        if "score.weight" not in checkpoint.tensors:
            raise ValueError(
                f"{folder} has no head of rewards (score.weight): begin one on its language model, "
                "with GPTReward.from_model(GPT.from_pretrained(...))"
            )
        model = cls({**checkpoint.fields, "tied_logits": True})
        checkpoint.load(model._stored_weights())
        model.offset.assign(checkpoint.config.get(_OFFSET, 0.0))
        return model

    def write_pretrained(self, folder):
        """`save_pretrained` into a folder that exists, for a task that writes more beside it.

        The transformers library has no place for what `centre` subtracts: its rewards are higher by
        the number "reward_offset" of `config.json`, and compare answers all the same.
        """
        offset = float(ops.convert_to_numpy(self.offset.value))
        checkpoints.write_gpt(
            folder,
            dataclasses.asdict(self.config),
            self._stored_weights(),
            checkpoints.REWARD,
            **{_OFFSET: offset},
        )

    def _stored_weights(self):
        weights = named_weights(self)
        del weights["offset"]
        return weights

    def centre(self, mean):
        """Subtract `mean`, that of some answers' present rewards, from all rewards from now on, so
        that those answers have mean 0 (Ouyang et al. 2022, 3.5: the labelers' demonstrations)."""
        self.offset.assign_add(mean)

    def outputs(self, inputs):
        ids = ops.convert_to_tensor(inputs["token_ids"])
        length = ops.shape(ids)[-1]
        mask = inputs.get("padding_mask")
        mask = ops.ones_like(ids, dtype="bool") if mask is None else ops.cast(mask, "bool")
        rows, mask = ops.reshape(ids, (-1, length)), ops.reshape(mask, (-1, length))  # (R, T)
        scores = super().outputs({**inputs, "token_ids": rows, "padding_mask": mask})
        place = ops.arange(length)
        last = ops.max(ops.where(mask, place, 0), axis=1, keepdims=True)  # (R, 1)
        found = ops.sum(ops.where(place == last, scores, 0.0), axis=1)
        return ops.reshape(found, ops.shape(ids)[:-1])
