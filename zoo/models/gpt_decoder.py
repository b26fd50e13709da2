"""What GPT and its heads share: embeddings, positions, a stack of decoder blocks."""

import keras
from keras import ops

from zoo import layers
from zoo.layers.parts import build_part
from zoo.layers.wiring import Wiring
from zoo.models.configured import Configured
from zoo.models.gpt_config import GPTConfig
from zoo.models.inputs import check_names, check_shape_of, numbers_below, real_tokens, token_ids

_INPUTS = ("token_ids", "padding_mask", "document_ids")


class GPTDecoder(Configured, keras.Model):
    """A stack of causal decoder blocks over embedded tokens.

    A subclass makes its own layers in the constructor, calls `build()` at its end, and defines
    `outputs(inputs)`, which uses `hidden`.

    Inputs are a dict:

    - "token_ids": (B, T) int;
    - "padding_mask": (B, T) bool, True where a token stands; absent: everywhere. Nobody attends to
      padding, and positions count real tokens, so padding may stand on either side;
    - "document_ids": (B, T) int, which document of a packed row a token belongs to: attention stays
      within a document and positions begin anew in each; absent: a row is one document.

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
        self.wiring = Wiring(self.outputs, name="wiring", dtype=self.dtype_policy)

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
            capacity: C, the number of tokens that `read` may take in all, over all hypotheses.
                0: nothing is kept, and `read` takes one whole sequence.
        """
        return self.decoder.start(num_rows, capacity)

    def read(self, ids, cache, padding_mask=None):
        """Go on by T tokens.

        Args:
            ids: (B, T) int, T = K * t: token i of hypothesis k stands in column k * t + i.
            cache: from `start` or the last `read`, with K hypotheses a row.
            padding_mask: (B, T) bool, True where a token stands; None: everywhere. Prompts of
                unequal length are padded on the left.

        Returns:
            the last block's output (B, T, D), normalized, and the cache with the new tokens.

        Raises:
            ValueError: ids of another rank or dtype; T no multiple of K; or (in eager calls) ids
                beyond the vocabulary, or too few free slots.
        """
        ids = token_ids("token_ids", ids, self.config.vocab_size)
        cache.check_room(ids.shape[1])
        real = real_tokens(padding_mask, ids)
        return self._through(ids, cache, cache.place(ops.shape(ids)[1], real))

    def hidden(self, inputs):
        """The inputs' dict -> the last block's output (B, T, D), normalized."""
        check_names(self.name, inputs, ("token_ids",), _INPUTS)
        ids, documents = inputs["token_ids"], inputs.get("document_ids")
        cache = self.start(ops.shape(ids)[0], capacity=0)
        if documents is None:
            return self.read(ids, cache, inputs.get("padding_mask"))[0]
        ids = token_ids("token_ids", ids, self.config.vocab_size)
        documents = numbers_below("document_ids", documents, 2**31, "numbers of documents")
        check_shape_of("document_ids", documents, ids)
        place = cache.place_in_documents(documents, real_tokens(inputs.get("padding_mask"), ids))
        return self._through(ids, cache, place)[0]

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
