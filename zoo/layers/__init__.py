"""Layers: attention, positions, embedding, add & norm, feed-forward, blocks and stacks."""

from zoo.layers.activations import gelu_tanh, get_activation
from zoo.layers.add_norm import AddAndNorm, make_norm
from zoo.layers.attention import (
    MultiHeadAttention,
    masked_softmax,
    scaled_dot_product_attention,
)
from zoo.layers.blocks import DecoderBlock, EncoderBlock
from zoo.layers.cache import Cache
from zoo.layers.embedding import TokenEmbedding
from zoo.layers.feed_forward import FeedForward, GatedFeedForward
from zoo.layers.initializers import SideBySide
from zoo.layers.masks import (
    causal_mask,
    document_mask,
    key_mask,
    not_padding,
    positions_of,
    slot_mask,
)
from zoo.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from zoo.layers.record import AttentionCall, record_attention, record_attention_calls
from zoo.layers.stacks import DecoderStack, EncoderStack

__all__ = [
    "AddAndNorm",
    "AttentionCall",
    "Cache",
    "DecoderBlock",
    "DecoderStack",
    "EncoderBlock",
    "EncoderStack",
    "FeedForward",
    "GatedFeedForward",
    "LearnedPositions",
    "MultiHeadAttention",
    "RotaryPositions",
    "SideBySide",
    "SinusoidalPositions",
    "TokenEmbedding",
    "causal_mask",
    "document_mask",
    "gelu_tanh",
    "get_activation",
    "key_mask",
    "make_norm",
    "masked_softmax",
    "not_padding",
    "positions_of",
    "record_attention",
    "record_attention_calls",
    "scaled_dot_product_attention",
    "slot_mask",
]
