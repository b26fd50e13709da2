"""Models on ids: wiring and presets only."""

from zoo.models.encoder_decoder import EncoderDecoder
from zoo.models.transformer import Transformer
from zoo.models.transformer_config import TransformerConfig

__all__ = ["EncoderDecoder", "Transformer", "TransformerConfig"]
