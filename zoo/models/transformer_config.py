"""What a Transformer is made of, and the sizes of the paper."""

import dataclasses

from zoo.layers.arguments import positive
from zoo.models.configured import fields_of_size


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes and choices of an encoder-decoder. "Attention is all you need", 3 and table 3.

    Attributes:
        vocab_size: V, of the target, and of the source unless `source_vocab_size` says otherwise.
        source_vocab_size: None: source and target share one table of embeddings.
        hidden_dim: D.
        feed_forward_dim: inner size of the encoder's feed-forward networks, and the decoder's
            unless `decoder_feed_forward_dim` says otherwise.
        num_encoder_layers, num_decoder_layers: blocks of each stack.
        num_heads: N of the encoder, and of the decoder unless `decoder_num_heads` says otherwise.
        dropout: rate on embeddings and on every sublayer's output (5.4).
        attention_dropout: rate on attention weights.
        activation_dropout: rate inside the feed-forward networks.
        activation: of the feed-forward networks.
        norm_order: "post" (the paper) or "pre"; a pre-norm stack ends in a norm.
        norm_epsilon: added to the variance.
        positions: layout of the sinusoids, "interleaved" (the paper) or "half" (Marian).
        scale_embedding: whether embeddings are multiplied by sqrt(D) (3.4).
        logits_bias: whether logits have a bias (Marian's final_logits_bias).
        pad_id: fills sources on the right; a source position that holds it is never attended to.
        start_id: the first target id. It may equal pad_id, as in Marian.
        end_id: the last target id.
    """

    vocab_size: int
    source_vocab_size: int | None = None
    hidden_dim: int = 512
    feed_forward_dim: int = 2048
    decoder_feed_forward_dim: int | None = None
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    num_heads: int = 8
    decoder_num_heads: int | None = None
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    activation: str = "relu"
    norm_order: str = "post"
    norm_epsilon: float = 1e-6
    positions: str = "interleaved"
    scale_embedding: bool = True
    logits_bias: bool = False
    pad_id: int = 0
    start_id: int = 2
    end_id: int = 3

    def __post_init__(self):
        counts = ("vocab_size", "hidden_dim", "feed_forward_dim", "num_heads")
        for name in (*counts, "num_encoder_layers", "num_decoder_layers"):
            positive(name, getattr(self, name))
        for name in ("source_vocab_size", "decoder_feed_forward_dim", "decoder_num_heads"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        for name in ("dropout", "attention_dropout", "activation_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1; got {value!r}")
        for name in ("num_heads", "decoder_num_heads"):
            value = getattr(self, name)
            if value is not None and self.hidden_dim % value:
                raise ValueError(f"{name} must divide hidden_dim = {self.hidden_dim}; got {value}")
        sources = self.source_vocab_size or self.vocab_size
        for name, size in (
            ("pad_id", sources),
            ("start_id", self.vocab_size),
            ("end_id", self.vocab_size),
        ):
            value = getattr(self, name)
            if not 0 <= value < size:
                raise ValueError(
                    f"{name} must be an id of the vocabulary, at least 0 and below {size}; "
                    f"got {value!r}"
                )

    @classmethod
    def from_size(cls, size, **overrides):
        """One of `zoo.models.sizes()["Transformer"]`, with other fields in `overrides`,
        `vocab_size` at least.

        Raises:
            ValueError: an unknown size.
        """
        return cls(**fields_of_size(SIZES, size, overrides))


# "tiny" is the small-data model of Wu et al. 2021 ("Good for misconceived reasons", 3.1); "base"
# and "big" are table 3 of the paper; "small" lies between.
SIZES = {
    "tiny": {
        "hidden_dim": 128,
        "feed_forward_dim": 256,
        "num_encoder_layers": 4,
        "num_decoder_layers": 4,
        "num_heads": 4,
        "dropout": 0.3,
    },
    "small": {
        "hidden_dim": 256,
        "feed_forward_dim": 1024,
        "num_encoder_layers": 6,
        "num_decoder_layers": 6,
        "num_heads": 4,
        "dropout": 0.1,
    },
    "base": {
        "hidden_dim": 512,
        "feed_forward_dim": 2048,
        "num_encoder_layers": 6,
        "num_decoder_layers": 6,
        "num_heads": 8,
        "dropout": 0.1,
    },
    "big": {
        "hidden_dim": 1024,
        "feed_forward_dim": 4096,
        "num_encoder_layers": 6,
        "num_decoder_layers": 6,
        "num_heads": 16,
        "dropout": 0.3,
    },
}
