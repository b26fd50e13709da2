"""Models on ids: wiring and presets only."""

from zoo.models.transformer import Transformer
from zoo.models.transformer_config import TransformerConfig

__all__ = ["Transformer", "TransformerConfig"]
