"""Models on ids: wiring and presets only."""

from zoo.models.bert import BERT
from zoo.models.bert_config import BERTConfig
from zoo.models.bert_heads import BERTClassifier, BERTPretrainer, BERTSpanSelector, BERTTagger
from zoo.models.encoder_decoder import EncoderDecoder
from zoo.models.footprint import Footprint, footprint
from zoo.models.gpt import GPT
from zoo.models.gpt_config import GPTConfig
from zoo.models.gpt_heads import GPTReward, GPTValue
from zoo.models.sizes import sizes
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
    "Footprint",
    "GPT",
    "GPTConfig",
    "GPTReward",
    "GPTValue",
    "Transformer",
    "TransformerConfig",
    "footprint",
    "sizes",
]
