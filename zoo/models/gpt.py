"""GPT: a stack of decoder blocks that reads a text and says what comes next."""

import dataclasses

import keras
from keras import ops

from zoo import checkpoints, layers
from zoo.layers.parts import build_part
from zoo.models.configured import Configured
from zoo.models.gpt_config import GPTConfig
from zoo.models.inputs import check_names, check_shape_of, numbers_below, real_tokens, token_ids
from zoo.models.wiring import Wiring

_INPUTS = ("token_ids", "padding_mask", "document_ids")


@keras.saving.register_keras_serializable("zoo")
class GPT(Configured, keras.Model):
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

    config_class = GPTConfig

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = GPTConfig(**config)
        self.config = config
        self.token_embedding = layers.TokenEmbedding(
            config.vocab_size,
            config.hidden_dim,
            initializer=self._initializer(),
            name="token_embedding",
            dtype=self.dtype_policy,
        )
        self.positions = None
        if config.positions == "learned":
            self.positions = layers.LearnedPositions(
                config.num_positions,
                config.hidden_dim,
                self._initializer(),
                name="positions",
                dtype=self.dtype_policy,
            )
        rate = config.dropout if config.embedding_dropout is None else config.embedding_dropout
        self.embedding_dropout = keras.layers.Dropout(
            rate, name="embedding_dropout", dtype=self.dtype_policy
        )
        self.decoder = layers.DecoderStack(
            [self._block(i) for i in range(config.num_layers)],
            final_norm=config.norm,
            epsilon=config.norm_epsilon,
            rematerialize=config.rematerialize,
            name="decoder",
            dtype=self.dtype_policy,
        )
        self.output_projection = None
        if not config.tied_logits:
            self.output_projection = keras.layers.Dense(
                config.vocab_size,
                use_bias=False,
                kernel_initializer=self._initializer(),
                name="output_projection",
                dtype=self.variable_dtype,  # float32 in mixed precision too, as losses want it
            )
        self.wiring = Wiring(self._next_tokens, name="wiring", dtype=self.dtype_policy)
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

    def build(self, input_shape=None):
        for layer in self.layers:  # all of them read (B, T, D), or ids
            build_part(layer, (None, None, self.config.hidden_dim))
        self.built = True

    def call(self, inputs, training=None):
        return self.wiring(inputs, training=training)

    def start(self, num_rows, capacity):
        """A `zoo.layers.Cache` with nothing in it and one hypothesis a row.

        Args:
            num_rows: B.
            capacity: C, the number of tokens that `decode` may take in all, over all hypotheses.
                0: nothing is kept, and `decode` takes one whole sequence.
        """
        return self.decoder.start(num_rows, capacity)

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

    def read(self, ids, cache, padding_mask=None):
        """`decode` without logits: -> last block's output (B, T, D), normalized, and the cache."""
        ids = token_ids("token_ids", ids, self.config.vocab_size)
        cache.check_room(ids.shape[1])
        real = real_tokens(padding_mask, ids)
        return self._through(ids, cache, cache.place(ops.shape(ids)[1], real))

    def logits(self, x):
        """(B, T, D) -> (B, T, V)."""
        if self.output_projection is None:
            return self.token_embedding.logits(x)
        rows, length, size = ops.shape(x)
        flat = self.output_projection(ops.reshape(x, (-1, size)))  # see `zoo.layers.projection`
        return ops.reshape(flat, (rows, length, self.config.vocab_size))

    def _next_tokens(self, inputs):
        check_names(self.name, inputs, ("token_ids",), _INPUTS)
        ids, documents = inputs["token_ids"], inputs.get("document_ids")
        cache = self.start(ops.shape(ids)[0], capacity=0)
        if documents is None:
            return self.decode(ids, cache, inputs.get("padding_mask"))[0]
        ids = token_ids("token_ids", ids, self.config.vocab_size)
        documents = numbers_below("document_ids", documents, 2**31, "numbers of documents")
        check_shape_of("document_ids", documents, ids)
        place = cache.place_in_documents(documents, real_tokens(inputs.get("padding_mask"), ids))
        return self.logits(self._through(ids, cache, place)[0])

    def _through(self, ids, cache, place):
        x = self.token_embedding(ids)
        if self.positions is not None:
            x = x + self.positions(place.positions)
        return self.decoder.step(self.embedding_dropout(x), cache, place)

    def _block(self, i):
        config = self.config
        network = layers.GatedFeedForward if config.gated else layers.FeedForward
        initializers = {
            "kernel_initializer": self._initializer(),
            "output_initializer": self._initializer((2 * config.num_layers) ** -0.5),
        }
        return layers.DecoderBlock(
            layers.MultiHeadAttention(
                config.num_heads,
                config.head_dim,
                config.num_key_value_heads,
                dropout=config.attention_dropout,
                use_bias=config.use_bias,
                rotary=self._rotary(),
                **initializers,
                name="self_attention",
                dtype=self.dtype_policy,
            ),
            network(
                config.feed_forward_dim,
                config.activation,
                use_bias=config.use_bias,
                **initializers,
                name="feed_forward",
                dtype=self.dtype_policy,
            ),
            layers.AddAndNorm(
                "pre", config.norm, config.dropout, config.norm_epsilon, dtype=self.dtype_policy
            ),
            name=f"block_{i}",
            dtype=self.dtype_policy,
        )

    def _rotary(self):
        config = self.config
        if config.positions != "rotary":
            return None
        return layers.RotaryPositions(config.rotary_base, scaling=config.rotary_scaling)

    def _initializer(self, factor=1.0):
        return keras.initializers.RandomNormal(stddev=self.config.initializer_range * factor)
