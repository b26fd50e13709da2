"""What BERT and all its heads share: embeddings, blocks, sizes and checkpoints."""

import dataclasses
import warnings

import keras
from keras import ops

from zoo import checkpoints, layers
from zoo.layers.parts import build_part
from zoo.layers.wiring import Wiring
from zoo.models.bert_config import BERTConfig
from zoo.models.configured import Configured
from zoo.models.inputs import (
    check_names,
    check_shape_of,
    numbers_below,
    real_tokens,
    token_ids,
)

_INPUTS = ("token_ids", "segment_ids", "padding_mask")


class BERTEncoder(Configured, keras.Model):
    """Token, position and segment embeddings, and post-norm blocks that look both ways.

    A subclass makes its own layers in the constructor, calls `build()` at its end, says what it is
    to a checkpoint by `architecture` and `parts`, and defines `outputs(inputs)`, which uses
    `encode` and `pool`.

    Inputs are a dict:

    - "token_ids": (B, T) int;
    - "segment_ids": (B, T) int, 0 for the first sentence and 1 for the second; absent: all 0;
    - "padding_mask": (B, T) bool, True where a token stands; absent: where token_ids differ from
      `config.pad_id`. Nobody attends to padding; its own outputs mean nothing.

    `from_size` knows "tiny", "mini", "small", "medium", "base" and "large".

    Positions are columns, as in the released models: pad on the right.

    Args:
        config: a `BERTConfig`, or a dict of its fields.
        logits_bias: whether the logits of the token embedding have a bias.

    Attributes:
        architecture: class of the transformers library that has the same weights.
        parts: what stands on top of the blocks, of `zoo.checkpoints.bert_table.PARTS`.
        more_inputs: names that the dict may hold besides.
    """

    config_class = BERTConfig
    architecture = None
    parts = ()
    more_inputs = ()

    def __init__(self, config, logits_bias=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(config, dict):
            config = BERTConfig(**config)
        self.config = config
        self.token_embedding = layers.TokenEmbedding(
            config.vocab_size,
            config.hidden_dim,
            logits_bias=logits_bias,
            initializer=self._initializer(),
            name="token_embedding",
            dtype=self.dtype_policy,
        )
        self.positions = layers.LearnedPositions(
            config.num_positions,
            config.hidden_dim,
            self._initializer(),
            name="positions",
            dtype=self.dtype_policy,
        )
        self.segment_embedding = keras.layers.Embedding(
            config.num_segments,
            config.hidden_dim,
            embeddings_initializer=self._initializer(),
            name="segment_embedding",
            dtype=self.dtype_policy,
        )
        self.embedding_norm = self._norm("embedding_norm")
        self.embedding_dropout = self._dropout("embedding_dropout", config.dropout)
        blocks = [self._block(i) for i in range(config.num_layers)]
        self.encoder = layers.EncoderStack(blocks, name="encoder", dtype=self.dtype_policy)
        self.wiring = Wiring(self.outputs, name="wiring", dtype=self.dtype_policy)

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None):
        """A model with released weights.

        Parts that the folder lacks (it was saved without a pooler or with another head) start with
        random weights, and a warning names them.

        Args:
            folder_or_hub_name: path of a Hugging Face folder (`config.json` and safetensors) or of
                an original checkpoint (`bert_config.json` and `bert_model.ckpt.*`), or a name of
                the hub such as "google-bert/bert-base-uncased".
            revision: branch, tag or commit of a hub name.

        Raises:
            FileNotFoundError: there is no such folder, or it has no configuration or no weights;
                pickled weights are refused, because unpickling runs code.
            ValueError: a field of its configuration is not supported, or its tensors do not fit.
        """
        checkpoint = cls._open(folder_or_hub_name, revision)
        return cls(checkpoint.fields)._loaded(checkpoint, cls.parts)

    @staticmethod
    def _open(folder_or_hub_name, revision):
        return checkpoints.open_bert(checkpoints.pretrained_folder(folder_or_hub_name, revision))

    def _loaded(self, checkpoint, parts):
        """The model itself, with the blocks and `parts` of a checkpoint."""
        absent = checkpoint.load(checkpoints.named_weights(self), parts)
        if absent:
            names = ", ".join(checkpoints.BERT_PARTS[part] for part in absent)
            warnings.warn(
                f"{checkpoint.folder} has no {names}: this {type(self).__name__} starts with "
                "random weights there and must be trained before they are used",
                stacklevel=3,
            )
        return self

    def write_pretrained(self, folder, labels=(), problem_type=None):
        """`save_pretrained` into a folder that exists, for a task that writes more beside it."""
        fields = dataclasses.asdict(self.config)
        config = checkpoints.config_to_bert(fields, self.architecture, labels, problem_type)
        variables = checkpoints.named_weights(self)
        checkpoints.write_bert(folder, config, variables, fields, self.parts)

    def build(self, input_shape=None):
        for layer in self.layers:  # all of them read (B, T, D), or ids
            build_part(layer, (None, None, self.config.hidden_dim))
        self.built = True

    def call(self, inputs, training=None):
        return self.wiring(inputs, training=training)

    def outputs(self, inputs):
        """What the model returns for its inputs."""
        raise NotImplementedError

    def encode(self, inputs):
        """Embeddings and blocks: the dict of inputs -> (B, T, D) and what is real, (B, T) bool.

        Raises:
            ValueError: the inputs are not what the class says; or (in eager calls) ids beyond the
                vocabulary or the segments.
        """
        ids, segments, real = self._checked(inputs)
        columns = ops.arange(ops.shape(ids)[1], dtype="int32")[None]  # (1, T)
        if segments is None:
            segments = ops.zeros_like(columns)
        x = self.token_embedding(ids) + (self.segment_embedding(segments) + self.positions(columns))
        x = self.embedding_dropout(self.embedding_norm(x))
        return self.encoder(x, attention_mask=layers.key_mask(real), real=real), real

    def _checked(self, inputs):
        """token_ids (B, T), segment_ids (B, T) or None, and what is real (B, T) bool."""
        check_names(self.name, inputs, ("token_ids",), (*_INPUTS, *self.more_inputs))
        config = self.config
        ids = token_ids("token_ids", inputs["token_ids"], config.vocab_size)
        if ids.shape[1] == 0:
            raise ValueError("token_ids must hold a token at least; got a length of 0")
        segments, real = inputs.get("segment_ids"), inputs.get("padding_mask")
        if segments is not None:
            kinds = f"kinds of segments (num_segments = {config.num_segments})"
            segments = numbers_below("segment_ids", segments, config.num_segments, kinds)
            check_shape_of("segment_ids", segments, ids)
        if real is None:
            return ids, segments, layers.not_padding(ids, config.pad_id)
        return ids, segments, real_tokens(real, ids)

    def pool(self, sequence):
        """The first token's vector through `self.pooler`: (B, T, D) -> (B, D)."""
        return self.pooler(sequence[:, 0])

    def at_every_position(self, dense, x):
        """A Dense on (B, T, D) -> (B, T, units)."""
        rows, length, size = ops.shape(x)
        flat = dense(ops.reshape(x, (-1, size)))  # see `zoo.layers.projection`
        return ops.reshape(flat, (rows, length, dense.units))

    def _pooler(self):
        return self._dense("pooler", self.config.hidden_dim, "tanh")

    def _output(self, name, units, initializer=None):
        """The last product of a head, in float32 in mixed precision too, as losses want it."""
        return self._dense(name, units, initializer=initializer, dtype=self.variable_dtype)

    def _dense(self, name, units, activation=None, initializer=None, dtype=None):
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=initializer or self._initializer(),
            name=name,
            dtype=dtype or self.dtype_policy,
        )

    def _norm(self, name):
        return layers.make_norm("layer", self.config.norm_epsilon, self.dtype_policy, name)

    def _dropout(self, name, rate):
        return keras.layers.Dropout(rate, name=name, dtype=self.dtype_policy)

    def _initializer(self):
        return keras.initializers.TruncatedNormal(stddev=self.config.initializer_range)

    def _block(self, i):
        config = self.config
        return layers.EncoderBlock(
            layers.MultiHeadAttention(
                config.num_heads,
                dropout=config.attention_dropout,
                kernel_initializer=self._initializer(),
                name="self_attention",
                dtype=self.dtype_policy,
            ),
            layers.FeedForward(
                config.feed_forward_dim,
                config.activation,
                kernel_initializer=self._initializer(),
                name="feed_forward",
                dtype=self.dtype_policy,
            ),
            layers.AddAndNorm(
                "post", dropout=config.dropout, epsilon=config.norm_epsilon, dtype=self.dtype_policy
            ),
            name=f"block_{i}",
            dtype=self.dtype_policy,
        )
