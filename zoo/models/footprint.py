"""What a model costs in numbers, products and bytes, from its configuration alone."""

import dataclasses
import functools
import math
from typing import NamedTuple

import ml_dtypes  # noqa: F401 (gives numpy the bfloat16 of variables)
import numpy as np

from zoo.layers.arguments import positive
from zoo.models.bert_config import BERTConfig
from zoo.models.configured import Configured
from zoo.models.gpt_config import GPTConfig
from zoo.models.transformer_config import TransformerConfig

# Bytes of a variable and of a computed number, by dtype policy.
PRECISIONS = {
    "float32": (4, 4),
    "mixed_bfloat16": (4, 2),
    "mixed_float16": (4, 2),
    "bfloat16": (2, 2),
    "float16": (2, 2),
}


@dataclasses.dataclass(frozen=True)
class Footprint:
    """What `footprint` found. Bytes are of all devices together where nothing else is said.

    Attributes:
        parameters: numbers in the weights.
        flops_per_token: of the forward pass, for one token of a row of `length`.
        weight_bytes, gradient_bytes: of weights, and of the gradients of trainable ones.
        optimizer_bytes: Adam's two moments.
        cache_bytes: keys and values of one row of `length` tokens.
        length: T, tokens of a row; a Transformer's source and target have as many each.
        precision: of the weights and the cache, a name of a dtype policy.
        devices: number of devices that hold equal parts.
    """

    parameters: int
    flops_per_token: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    cache_bytes: int
    length: int
    precision: str
    devices: int

    @property
    def training_flops_per_token(self):
        """The backward pass has two products for each of the forward pass."""
        return 3 * self.flops_per_token

    @property
    def training_bytes(self):
        """Weights, gradients and moments: what stays from step to step, without activations."""
        return self.weight_bytes + self.gradient_bytes + self.optimizer_bytes

    @property
    def weight_bytes_per_device(self):
        return math.ceil(self.weight_bytes / self.devices)

    @property
    def training_bytes_per_device(self):
        """Where weights, gradients and moments are all split: "ZeRO" (Rajbhandari et al. 2019,
        arXiv:1910.02054), 5.3."""
        return math.ceil(self.training_bytes / self.devices)

    @property
    def cache_bytes_per_device(self):
        """Of one row, where its heads or layers are split too."""
        return math.ceil(self.cache_bytes / self.devices)

    def __str__(self):
        lines = [
            f"{self.parameters:,} parameters, {self.precision}",
            f"{_short(self.flops_per_token)}FLOPs a token forward, "
            f"{_short(self.training_flops_per_token)}FLOPs in training, "
            f"in rows of {self.length:,} tokens",
            f"weights {_short(self.weight_bytes)}B, gradients {_short(self.gradient_bytes)}B, "
            f"Adam {_short(self.optimizer_bytes)}B: training {_short(self.training_bytes)}B "
            "without activations",
            f"keys and values {_short(self.cache_bytes)}B a row",
        ]
        if self.devices > 1:
            lines.append(
                f"on each of {self.devices:,} devices: "
                f"weights {_short(self.weight_bytes_per_device)}B, "
                f"training {_short(self.training_bytes_per_device)}B, "
                f"keys and values {_short(self.cache_bytes_per_device)}B a row"
            )
        return "\n".join(lines)


def footprint(model_or_config, precision=None, devices=1, length=None):
    """What a model needs. Nothing is built for a configuration.

    FLOPs are two for each multiplication and addition of all matrix products of a token, and for
    the scores and sums of attention over T keys, without regard to the causal mask: "PaLM: scaling
    language modeling with pathways" (Chowdhery et al. 2022, arXiv:2204.02311), appendix B; "Scaling
    laws for neural language models" (Kaplan et al. 2020, arXiv:2001.08361), 2.1. Those of a GPT and
    of a Transformer end in logits for every token; those of a BERT end with its blocks, whatever
    head it has. A Transformer's are of a target token and a source token together.

    Args:
        model_or_config: a `GPT`, a `BERT` with or without a head, a `Transformer`, or the
            configuration of one. A model's parameters are counted, a configuration's computed: of
            the plain class, whose BERT has a pooler.
        precision: "float32"; "mixed_bfloat16" or "mixed_float16", where Keras keeps weights,
            gradients and moments in float32 and a cache in 16 bits; "bfloat16" or "float16", where
            all are in 16 bits. None: as the model is; for a configuration "float32".
        devices: number of devices that everything is split over.
        length: T, tokens of a row; None: the context, `num_positions`. A Transformer, which has no
            longest row, needs it.

    Returns:
        A `Footprint`.

    Raises:
        ValueError: neither a model nor a configuration of the zoo, an unknown precision, a length
            or number of devices that is not a positive whole number, a length beyond a table of
            positions, or no length for a Transformer.
    """
    model = model_or_config if isinstance(model_or_config, Configured) else None
    config = model_or_config if model is None else model.config
    needs = _needs(config)
    length = _checked_length(config, length)
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {tuple(PRECISIONS)}; got {precision!r}")
    if model is None:
        precision = precision or "float32"
        number_bytes = PRECISIONS[precision][1]
        parameters = needs.parameters
        weight_bytes = trainable_bytes = parameters * PRECISIONS[precision][0]
    else:
        parameters = sum(math.prod(variable.shape) for variable in model.weights)
        weight_bytes = _bytes(model.weights, precision)
        trainable_bytes = _bytes(model.trainable_weights, precision)
        as_it_is = model.dtype_policy.name, np.dtype(model.compute_dtype).itemsize
        precision, number_bytes = (precision, PRECISIONS[precision][1]) if precision else as_it_is
    return Footprint(
        parameters=parameters,
        flops_per_token=2 * needs.products + 4 * needs.heads * length,
        weight_bytes=weight_bytes,
        gradient_bytes=trainable_bytes,
        optimizer_bytes=2 * trainable_bytes,
        cache_bytes=needs.kept * length * number_bytes,
        length=length,
        precision=precision,
        devices=positive("devices", devices),
    )


def _checked_length(config, length):
    if isinstance(config, TransformerConfig):
        if length is None:
            raise ValueError("length must be given for a Transformer, which has no longest row")
        return positive("length", length)
    length = positive("length", config.num_positions if length is None else length)
    rotary = isinstance(config, GPTConfig) and config.positions == "rotary"
    if not rotary and length > config.num_positions:
        raise ValueError(
            f"length must be at most num_positions = {config.num_positions}; got {length}"
        )
    return length


def _bytes(variables, precision):
    """Bytes of variables in `precision`, or where it is None as they are."""
    return sum(
        math.prod(variable.shape)
        * (PRECISIONS[precision][0] if precision else np.dtype(variable.dtype).itemsize)
        for variable in variables
    )


class _Needs(NamedTuple):
    """What a configuration says.

    Attributes:
        parameters: numbers in all weights.
        products: numbers in the matrices that a token is multiplied with.
        heads: numbers of a token's queries in all attentions: N * H, summed over the layers.
        kept: numbers of the keys and values of a token that a cache keeps.
    """

    parameters: int
    products: int
    heads: int
    kept: int


@functools.singledispatch
def _needs(config):
    raise ValueError(
        "model_or_config must be a GPT, a BERT or a Transformer of zoo.models, or the "
        f"configuration of one; got {type(config).__name__}"
    )


@_needs.register
def _of_gpt(config: GPTConfig):
    D, F, V = config.hidden_dim, config.feed_forward_dim, config.vocab_size
    queries = config.num_heads * config.size_of_heads
    keys = config.heads_of_keys * config.size_of_heads
    inner = 2 * F if config.gated else F
    products = D * (queries + 2 * keys) + queries * D + D * inner + F * D
    biases = (queries + 2 * keys + D + inner + D) if config.use_bias else 0
    norm = 2 * D if config.norm == "layer" else D
    tables = V * D if config.tied_logits else 2 * V * D
    if config.positions == "learned":
        tables += config.num_positions * D
    layers = config.num_layers
    return _Needs(
        parameters=tables + layers * (products + biases + 2 * norm) + norm,
        products=layers * products + V * D,
        heads=layers * queries,
        kept=layers * 2 * keys,
    )


@_needs.register
def _of_bert(config: BERTConfig):
    D, layers = config.hidden_dim, config.num_layers
    rows = config.vocab_size + config.num_positions + config.num_segments
    products, others = _block(D, config.feed_forward_dim, num_attentions=1)
    pooler = D * D + D
    return _Needs(
        parameters=rows * D + 2 * D + layers * (products + others) + pooler,
        products=layers * products,
        heads=layers * D,
        kept=0,
    )


@_needs.register
def _of_transformer(config: TransformerConfig):
    D, V = config.hidden_dim, config.vocab_size
    inner = config.decoder_feed_forward_dim or config.feed_forward_dim
    encoders, decoders = config.num_encoder_layers, config.num_decoder_layers
    encoder, encoder_others = _block(D, config.feed_forward_dim, num_attentions=1)
    decoder, decoder_others = _block(D, inner, num_attentions=2)
    tables = (V + (config.source_vocab_size or 0)) * D + (V if config.logits_bias else 0)
    final_norms = 2 * 2 * D if config.norm_order == "pre" else 0
    blocks = encoders * encoder + decoders * decoder
    others = encoders * encoder_others + decoders * decoder_others
    return _Needs(
        parameters=tables + blocks + others + final_norms,
        products=blocks + V * D,
        heads=(encoders + 2 * decoders) * D,
        kept=2 * decoders * 2 * D,
    )


def _block(D, F, num_attentions):
    """Numbers in the matrices of a block with D / N numbers a head, and in its biases and norms."""
    products = num_attentions * 4 * D * D + 2 * D * F
    biases = num_attentions * 4 * D + F + D
    return products, biases + (num_attentions + 1) * 2 * D


def _short(number):
    """123456789 -> "123 M"."""
    for unit in ("", "k", "M", "G", "T"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} P"
