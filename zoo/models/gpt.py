"""GPT: a stack of decoder blocks that reads a text and says what comes next."""

import dataclasses

import keras
from keras import ops

from zoo import checkpoints
from zoo.layers.projection import Projection
from zoo.models.gpt_decoder import GPTDecoder


@keras.saving.register_keras_serializable("zoo")
class GPT(GPTDecoder):
    """A stack of decoder blocks, 12 in the smallest GPT-2 and 96 in GPT-3: "Improving language
    understanding by generative pre-training" (Radford et al. 2018), 3.1.

    `model({"token_ids": (B, T)})` -> logits (B, T, V): those at t predict the id at t + 1. The dict
    may hold besides

    - "padding_mask": (B, T) bool, True where a token stands; nobody attends to padding, and
      positions count real tokens, so padding may stand on either side;
    - "document_ids": (B, T) int, which document of a packed row a token belongs to: attention stays
      within a document and positions begin anew in each.

    Over a cache: `cache = model.start(num_rows, capacity)`, then `logits, cache = model.decode(ids,
    cache)` goes on by any number of tokens. The plain call is the same code with a cache of no
    slots.

    `from_size` knows "gpt2" to "gpt2-xl", "gpt3-small" to "gpt3-175b", "llama-15m" and other small
    ones; `save_pretrained` writes a GPT-2 or the format of Llama, whichever the configuration is.

    Args:
        config: a `GPTConfig`, or a dict of its fields.
    """

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.output_projection = None
        if not self.config.tied_logits:
            self.output_projection = Projection(
                self.config.vocab_size,
                use_bias=False,
                kernel_initializer=self._initializer(),
                name="output_projection",
                dtype=self.variable_dtype,  # float32 in mixed precision too, as losses want it
            )
        self.build()

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None):
        """A model with released weights.

        Args:
            folder_or_hub_name: path of a Hugging Face folder (`config.json` and safetensors, of a
                GPT-2 or in the format of Llama), or of an original GPT-2 (`hparams.json` and
                `model.ckpt.*`); or a name of the hub such as "openai-community/gpt2".
            revision: branch, tag or commit of a hub name.

        Raises:
            FileNotFoundError: there is no such folder, or it has no configuration or no weights;
                pickled weights are refused, because unpickling runs code.
            ValueError: a field of its configuration is not supported, or its tensors do not fit.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        checkpoint = checkpoints.open_gpt(folder)
        model = cls(checkpoint.fields)
        checkpoint.load(checkpoints.named_weights(model))
        return model

    def write_pretrained(self, folder):
        """`save_pretrained` into a folder that exists, for a task that writes more beside it."""
        fields = dataclasses.asdict(self.config)
        checkpoints.write_gpt(folder, fields, checkpoints.named_weights(self))

    def outputs(self, inputs):
        return self.logits(self.hidden(inputs))

    def decode(self, ids, cache, padding_mask=None):
        """Go on by T tokens.

        Args:
            ids: (B, T) int, T = K * t: token i of hypothesis k stands in column k * t + i.
            cache: from `start` or the last `decode`, with K hypotheses a row.
            padding_mask: (B, T) bool, True where a token stands; None: everywhere. Prompts of
                unequal length are padded on the left.

        Returns:
            logits (B, T, V) and the cache that holds the new tokens.

        Raises:
            ValueError: ids of another rank or dtype; T no multiple of K; or (in eager calls) ids
                beyond the vocabulary, or too few free slots.
        """
        x, cache = self.read(ids, cache, padding_mask)
        return self.logits(x), cache

    @property
    def logits_embedding(self):
        """The `TokenEmbedding` whose table makes the logits; None: a projection of its own does."""
        return self.token_embedding if self.output_projection is None else None

    def logits(self, x):
        """(B, T, D) -> (B, T, V)."""
        if self.output_projection is None:
            return self.token_embedding.logits(x)
        rows, length, size = ops.shape(x)
        flat = self.output_projection(ops.reshape(x, (-1, size)))  # see `Projection`
        return ops.reshape(flat, (rows, length, self.config.vocab_size))
