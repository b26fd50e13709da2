"""Models on ids: wiring and presets only."""

from zoo.models.bert import BERT
from zoo.models.bert_config import BERTConfig
from zoo.models.bert_heads import BERTClassifier, BERTPretrainer, BERTSpanSelector, BERTTagger
from zoo.models.encoder_decoder import EncoderDecoder
from zoo.models.transformer import Transformer
from zoo.models.transformer_config import TransformerConfig

__all__ = [
    "BERT",
    "BERTClassifier",
    "BERTConfig",
    "BERTPretrainer",
    "BERTSpanSelector",
    "BERTTagger",
    "EncoderDecoder",
    "Transformer",
    "TransformerConfig",
]
