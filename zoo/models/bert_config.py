"""What a BERT is made of, and the sizes that were released."""

import dataclasses

from zoo.layers.arguments import positive
from zoo.models.configured import fields_of_size


@dataclasses.dataclass(frozen=True, kw_only=True)
class BERTConfig:
    """Sizes and choices of a BERT (Devlin et al. 2018, arXiv:1810.04805, 3 and A.2).

    Attributes:
        vocab_size: V; 30,522 in the released uncased English models.
        hidden_dim: D.
        feed_forward_dim: inner size of the feed-forward networks.
        num_layers: number of blocks.
        num_heads: N.
        num_positions: the longest sequence.
        num_segments: kinds of segments: sentence A and sentence B.
        dropout: rate on embeddings and on every sublayer's output.
        attention_dropout: rate on attention weights.
        classifier_dropout: rate before a classifier's or tagger's last product; None: `dropout`.
        activation: of the feed-forward networks; "gelu" is the exact one, by the error function.
        norm_epsilon: added to the variance.
        initializer_range: standard deviation of kernels and tables at the start; the last product
            of a head that is only fine-tuned starts larger, as `glorot_uniform`.
        pad_id: what `token_ids` hold where there is no token, unless a padding mask is given.
    """

    vocab_size: int = 30522
    hidden_dim: int = 768
    feed_forward_dim: int = 3072
    num_layers: int = 12
    num_heads: int = 12
    num_positions: int = 512
    num_segments: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.1
    classifier_dropout: float | None = None
    activation: str = "gelu"
    norm_epsilon: float = 1e-12
    initializer_range: float = 0.02
    pad_id: int = 0

    def __post_init__(self):
        sizes = ("vocab_size", "hidden_dim", "feed_forward_dim", "num_layers", "num_heads")
        for name in (*sizes, "num_positions", "num_segments"):
            positive(name, getattr(self, name))
        for name in ("dropout", "attention_dropout", "classifier_dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1; got {value!r}")
        if self.hidden_dim % self.num_heads:
            raise ValueError(
                f"num_heads must divide hidden_dim = {self.hidden_dim}; got {self.num_heads}"
            )
        if not 0 <= self.pad_id < self.vocab_size:
            raise ValueError(
                f"pad_id must be an id of the vocabulary, at least 0 and below {self.vocab_size}; "
                f"got {self.pad_id!r}"
            )

    @classmethod
    def from_size(cls, size, **overrides):
        """One of `zoo.models.sizes()["BERT"]`, with other fields in `overrides`.

        Raises:
            ValueError: an unknown size.
        """
        return cls(**fields_of_size(SIZES, size, overrides))


def _released(num_layers, hidden_dim):
    """Heads of 64 and a feed-forward network four times as wide, as in every released model."""
    return {
        "num_layers": num_layers,
        "hidden_dim": hidden_dim,
        "num_heads": hidden_dim // 64,
        "feed_forward_dim": 4 * hidden_dim,
    }


# "base" and "large" are those of the paper (3); the smaller ones of Turc et al. 2019,
# "Well-read students learn better" (arXiv:1908.08962), table 1.
SIZES = {
    "tiny": _released(2, 128),
    "mini": _released(4, 256),
    "small": _released(4, 512),
    "medium": _released(8, 512),
    "base": _released(12, 768),
    "large": _released(24, 1024),
}
