"""The Transformer of "Attention is all you need": an encoder, a decoder, one wiring."""

import dataclasses

import keras
from keras import ops

from zoo import checkpoints, layers
from zoo.models.configured import Configured
from zoo.models.encoder_decoder import EncoderDecoder
from zoo.models.inputs import token_ids
from zoo.models.transformer_config import TransformerConfig


@keras.saving.register_keras_serializable("zoo")
class Transformer(Configured, EncoderDecoder):
    """Encoder-decoder: `model({"source_ids": (B, S), "target_ids": (B, T)})` -> logits (B, T, V).

    Teacher forcing: `target_ids` begin with `start_id`, and the logits at t predict the id after
    them. Sources are padded with `config.pad_id`, targets on the right with any
    id (causality keeps them apart).

    Over a cache: `cache = model.start(source_ids, capacity)` encodes, then
    `logits, cache = model.decode(ids, cache)` goes on by any number of tokens. The plain call is
    the same code with a cache of no slots.

    `from_size` knows "tiny", "small", "base" and "big", and needs a `vocab_size`;
    `save_pretrained` writes the format of Marian.

    Args:
        config: a `TransformerConfig`, or a dict of its fields.
    """

    config_class = TransformerConfig

    def __init__(self, config, **kwargs):
        if isinstance(config, dict):
            config = TransformerConfig(**config)
        super().__init__(config, **kwargs)
        self.target_embedding = self._embedding("target_embedding", config.vocab_size)
        self.source_embedding = self.target_embedding
        if config.source_vocab_size is not None:
            self.source_embedding = self._embedding("source_embedding", config.source_vocab_size)
        self.positions = layers.SinusoidalPositions(
            config.hidden_dim, config.positions, name="positions", dtype=self.dtype_policy
        )
        self.source_dropout = self._dropout("source_dropout")
        self.target_dropout = self._dropout("target_dropout")
        final_norm = "layer" if config.norm_order == "pre" else None
        stack = {"final_norm": final_norm, "epsilon": config.norm_epsilon}
        self.encoder = layers.EncoderStack(
            [self._encoder_block(i) for i in range(config.num_encoder_layers)],
            **stack,
            name="encoder",
            dtype=self.dtype_policy,
        )
        self.decoder = layers.DecoderStack(
            [self._decoder_block(i) for i in range(config.num_decoder_layers)],
            **stack,
            name="decoder",
            dtype=self.dtype_policy,
        )
        self.build()

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None):
        """A Marian (OPUS-MT) model of the Hugging Face hub: `config.json` and safetensors.

        Args:
            folder_or_hub_name: path of a folder, or a name such as "Helsinki-NLP/opus-mt-en-de".
            revision: branch, tag or commit of a hub name.

        Raises:
            FileNotFoundError: there is no such folder, or it has no safetensors.
            ValueError: a field of its configuration is not supported, or its tensors do not fit.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        fields = checkpoints.config_from_marian(checkpoints.read_json(folder, "config.json"))
        model = cls(fields)
        checkpoints.load_weights(
            checkpoints.named_weights(model),
            checkpoints.TensorFiles(folder),
            checkpoints.marian_table(fields),
            folder,
        )
        return model

    def write_pretrained(self, folder):
        """`save_pretrained` into a folder that exists, for a task that writes more beside it."""
        fields = dataclasses.asdict(self.config)
        config = checkpoints.config_to_marian(fields)
        table = checkpoints.marian_table(fields)
        tensors = checkpoints.foreign_tensors(checkpoints.named_weights(self), table)
        checkpoints.write_folder_files(folder, config, tensors)

    def build(self, input_shape=None):
        shape = (None, None, self.config.hidden_dim)
        for embedding in {id(e): e for e in self._embeddings()}.values():
            embedding.build((None, None))
        self.positions.build((None, None))
        self.encoder.build(shape)
        self.decoder.build(shape, shape)
        self.built = True

    def start(self, source_ids, capacity):
        """Encode the source and make room for the target.

        Args:
            source_ids: (B, S) int, padded with `config.pad_id`.
            capacity: C, the number of tokens that `decode` may take in all, over all hypotheses.
                0: nothing is kept, and `decode` takes one whole target.

        Returns:
            A `zoo.layers.Cache` with one hypothesis a row.

        Raises:
            ValueError: ids of another rank or dtype, or (in eager calls) beyond the vocabulary.
        """
        source_ids = token_ids("source_ids", source_ids, self.source_embedding.vocab_size)
        real = layers.not_padding(source_ids, self.config.pad_id)  # (B, S)
        positions = layers.positions_of(real)
        mask = layers.key_mask(real)  # (B, 1, S)
        x = self._embed(self.source_embedding, source_ids, positions)
        x = self.encoder(self.source_dropout(x), attention_mask=mask)
        return self.decoder.start(ops.shape(source_ids)[0], capacity, x, mask)

    def decode(self, ids, cache):
        """Go on by T tokens.

        Args:
            ids: (B, T) int, T = K * t: token i of hypothesis k stands in column k * t + i.
            cache: from `start` or the last `decode`, with K hypotheses a row.

        Returns:
            logits (B, T, V) and the cache that holds the new tokens.

        Raises:
            ValueError: as for `start`; T no multiple of K; or (in eager calls) too few free slots.
        """
        ids = token_ids("target_ids", ids, self.config.vocab_size)
        cache.check_room(ids.shape[1])
        place = cache.place(ops.shape(ids)[1])
        x = self._embed(self.target_embedding, ids, place.positions)
        x, cache = self.decoder.step(self.target_dropout(x), cache, place)
        return self.target_embedding.logits(x), cache

    @property
    def logits_embedding(self):
        """The `TokenEmbedding` whose table makes the logits."""
        return self.target_embedding

    def _embed(self, embedding, ids, positions):
        return embedding(ids) + self.positions(positions)  # (B, T, D)

    def _embeddings(self):
        return self.source_embedding, self.target_embedding

    def _embedding(self, name, vocab_size):
        config = self.config
        return layers.TokenEmbedding(
            vocab_size,
            config.hidden_dim,
            scaled=config.scale_embedding,
            logits_bias=config.logits_bias and name == "target_embedding",
            name=name,
            dtype=self.dtype_policy,
        )

    def _dropout(self, name):
        return keras.layers.Dropout(self.config.dropout, name=name, dtype=self.dtype_policy)

    def _encoder_block(self, i):
        config = self.config
        return layers.EncoderBlock(
            self._attention("self_attention", config.num_heads),
            self._feed_forward(config.feed_forward_dim),
            self._add_norm(),
            name=f"block_{i}",
            dtype=self.dtype_policy,
        )

    def _decoder_block(self, i):
        config = self.config
        heads = config.decoder_num_heads or config.num_heads
        return layers.DecoderBlock(
            self._attention("self_attention", heads),
            self._feed_forward(config.decoder_feed_forward_dim or config.feed_forward_dim),
            self._add_norm(),
            cross_attention=self._attention("cross_attention", heads, cross=True),
            name=f"block_{i}",
            dtype=self.dtype_policy,
        )

    def _attention(self, name, num_heads, cross=False):
        return layers.MultiHeadAttention(
            num_heads,
            cross=cross,
            dropout=self.config.attention_dropout,
            name=name,
            dtype=self.dtype_policy,
        )

    def _feed_forward(self, feed_forward_dim):
        config = self.config
        return layers.FeedForward(
            feed_forward_dim,
            config.activation,
            config.activation_dropout,
            name="feed_forward",
            dtype=self.dtype_policy,
        )

    def _add_norm(self):
        config = self.config
        return layers.AddAndNorm(
            config.norm_order,
            dropout=config.dropout,
            epsilon=config.norm_epsilon,
            dtype=self.dtype_policy,
        )
