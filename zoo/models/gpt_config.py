"""What a GPT is made of, and the sizes that were published."""

import dataclasses

from zoo.layers.arguments import positive
from zoo.layers.positions import frequency_scaling
from zoo.models.configured import fields_of_size

POSITIONS = ("learned", "rotary")
NORMS = ("layer", "rms")
SPECIAL_IDS = ("start_id", "end_id", "pad_id")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """Sizes and choices of a GPT.

    The defaults are GPT-2's ("Language models are unsupervised multitask learners", Radford et al.
    2019, 2.3); `PRESENT_DAY` holds the choices of the present-day variant (Llama, Touvron et al.
    2023, arXiv:2302.13971, 2.2).

    Attributes:
        vocab_size: V.
        hidden_dim: D.
        feed_forward_dim: inner size of the feed-forward networks.
        num_layers: number of decoder blocks.
        num_heads: N.
        num_key_value_heads: M, a divisor of N; None: N.
        head_dim: H; None: D / N, which must be whole.
        num_positions: the context: tokens that the model was made for.
        positions: "learned" (no more than `num_positions`) or "rotary".
        rotary_base, rotary_scaling: of rotary positions; see `zoo.layers.RotaryPositions`, the
            scaling as the dict `rope_scaling` of the transformers library, or None.
        norm: "layer" or "rms", before every sublayer and after the last block.
        norm_epsilon: added to the variance.
        activation: of the feed-forward networks; "gelu_tanh" is GPT-2's.
        gated: whether the feed-forward networks have a gate.
        use_bias: whether projections have biases.
        tied_logits: whether the logits are made by the table of embeddings.
        dropout: rate on every sublayer's output, and on embeddings unless `embedding_dropout` says
            otherwise.
        attention_dropout: rate on attention weights.
        initializer_range: standard deviation of kernels and tables at the start; the last
            projection of each sublayer has 1 / sqrt(2 num_layers) of it (GPT-2, 2.3).
        rematerialize: whether training keeps only the inputs of the blocks and computes what is
            inside again for the gradient (Chen et al. 2016, arXiv:1604.06174): about a third more
            work, and memory for one block instead of all. Not with dropout.
        start_id, end_id, pad_id: ids of the vocabulary or None where it has none. The model
            itself does not look at them.
    """

    vocab_size: int = 50257
    hidden_dim: int = 768
    feed_forward_dim: int = 3072
    num_layers: int = 12
    num_heads: int = 12
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    num_positions: int = 1024
    positions: str = "learned"
    rotary_base: float = 10000.0
    rotary_scaling: dict | None = None
    norm: str = "layer"
    norm_epsilon: float = 1e-5
    activation: str = "gelu_tanh"
    gated: bool = False
    use_bias: bool = True
    tied_logits: bool = True
    dropout: float = 0.0
    embedding_dropout: float | None = None
    attention_dropout: float = 0.0
    initializer_range: float = 0.02
    rematerialize: bool = False
    start_id: int | None = None
    end_id: int | None = None
    pad_id: int | None = None

    def __post_init__(self):
        sizes = ("vocab_size", "hidden_dim", "feed_forward_dim", "num_layers", "num_heads")
        for name in (*sizes, "num_positions"):
            positive(name, getattr(self, name))
        for name in ("num_key_value_heads", "head_dim"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        self._check_heads()
        for name, allowed in (("positions", POSITIONS), ("norm", NORMS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}; got {getattr(self, name)!r}")
        frequency_scaling(self.rotary_scaling)  # raises
        for name in ("dropout", "embedding_dropout", "attention_dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1; got {value!r}")
            if value and self.rematerialize:
                raise ValueError(
                    "rematerialize must be False where there is dropout, whose masks would be "
                    f"drawn anew; got {name} = {value!r}"
                )
        for name in SPECIAL_IDS:
            value = getattr(self, name)
            if value is not None and not 0 <= value < self.vocab_size:
                raise ValueError(
                    f"{name} must be None or an id of the vocabulary, at least 0 and below "
                    f"{self.vocab_size}; got {value!r}"
                )

    def _check_heads(self):
        if self.head_dim is None and self.hidden_dim % self.num_heads:
            raise ValueError(
                f"num_heads must divide hidden_dim = {self.hidden_dim}, or head_dim must be given; "
                f"got num_heads = {self.num_heads}"
            )
        if self.num_heads % self.heads_of_keys:
            raise ValueError(
                f"num_key_value_heads must divide num_heads = {self.num_heads}; "
                f"got {self.num_key_value_heads}"
            )
        if self.positions == "rotary" and self.size_of_heads % 2:
            raise ValueError(f"rotary positions need an even head_dim; got {self.size_of_heads}")

    @property
    def heads_of_keys(self):
        """M."""
        return self.num_key_value_heads or self.num_heads

    @property
    def size_of_heads(self):
        """H."""
        return self.head_dim or self.hidden_dim // self.num_heads

    @classmethod
    def from_size(cls, size, **overrides):
        """One of `zoo.models.sizes()["GPT"]`, with other fields in `overrides`.

        The special ids of a size are those of its own vocabulary: with another `vocab_size` there
        are none but those in `overrides`.

        Raises:
            ValueError: an unknown size.
        """
        fields = fields_of_size(SIZES, size, overrides)
        if "vocab_size" in overrides:
            fields |= {name: overrides.get(name) for name in SPECIAL_IDS}
        return cls(**fields)


# The choices that Llama and most models after it make.
PRESENT_DAY = {
    "positions": "rotary",
    "norm": "rms",
    "activation": "silu",
    "gated": True,
    "use_bias": False,
}


def _gpt2(num_layers, hidden_dim):
    """Heads of 64; documents are separated by <|endoftext|>, the last id."""
    return {
        "num_layers": num_layers,
        "hidden_dim": hidden_dim,
        "num_heads": hidden_dim // 64,
        "feed_forward_dim": 4 * hidden_dim,
        "start_id": 50256,
        "end_id": 50256,
    }


def _gpt3(num_layers, hidden_dim, num_heads):
    return {
        **_gpt2(num_layers, hidden_dim),
        "num_heads": num_heads,
        "num_positions": 2048,
    }


def _llama(num_layers, hidden_dim, num_heads, feed_forward_dim, num_key_value_heads=None):
    return {
        **PRESENT_DAY,
        "vocab_size": 32000,
        "num_layers": num_layers,
        "hidden_dim": hidden_dim,
        "num_heads": num_heads,
        "num_key_value_heads": num_key_value_heads,
        "feed_forward_dim": feed_forward_dim,
        "num_positions": 1024,
        "start_id": 1,
        "end_id": 2,
    }


# GPT-2: table 2 of its paper as released (its table counts the parameters of the smallest and of
# medium wrongly). GPT-3: "Language models are few-shot learners" (Brown et al. 2020,
# arXiv:2005.14165), table 2.1, all layers dense. Two of its rows cannot be built as printed: XL has
# 24 heads of 128 in 2048 dimensions (here 16 heads of 128), 13B has 5140 dimensions with 40 heads
# of 128 (here 5120). llama-*: sizes for small experiments in the present-day variant.
SIZES = {
    "gpt2": _gpt2(12, 768),
    "gpt2-medium": _gpt2(24, 1024),
    "gpt2-large": _gpt2(36, 1280),
    "gpt2-xl": _gpt2(48, 1600),
    "gpt3-small": _gpt3(12, 768, 12),
    "gpt3-medium": _gpt3(24, 1024, 16),
    "gpt3-large": _gpt3(24, 1536, 16),
    "gpt3-xl": _gpt3(24, 2048, 16),
    "gpt3-2.7b": _gpt3(32, 2560, 32),
    "gpt3-6.7b": _gpt3(32, 4096, 32),
    "gpt3-13b": _gpt3(40, 5120, 40),
    "gpt3-175b": _gpt3(96, 12288, 96),
    "llama-15m": _llama(6, 288, 6, 768),
    "llama-42m": _llama(8, 512, 8, 1376),
    "llama-110m": _llama(12, 768, 12, 2048),
    "llama-1b": {
        **_llama(16, 2048, 32, 8192, num_key_value_heads=8),
        "vocab_size": 128256,
        "num_positions": 131072,
        "rotary_base": 500000.0,
        "rotary_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "start_id": 128000,
        "end_id": 128001,
    },
}
