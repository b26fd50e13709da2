"""Text to batches and back: vocabularies, tokenizers, ids on disk, batches in a pure order.

The way of the data: `train_sentencepiece` -> `SentencePieceTokenizer` -> `write_ids` -> `IdArrays`
-> `PairBatches` -> `fit`. Only `graph()`, `to_tf_data` and the encoding of `WordPieceTokenizer`
import TensorFlow.
"""

from zoo.text.arrays import IdArrays, open_ids, write_ids
from zoo.text.batches import EvaluationBatches, PairBatches, to_tf_data
from zoo.text.files import read_lines, read_parallel
from zoo.text.marian_files import MarianFiles
from zoo.text.marian_tokenizer import MarianTokenizer
from zoo.text.moses_punctuation import MosesPunctuation
from zoo.text.sentencepiece_tokenizer import SentencePieceTokenizer
from zoo.text.special_ids import SpecialIds
from zoo.text.twice import Twice
from zoo.text.vocabulary import train_sentencepiece, train_wordpiece
from zoo.text.wordpiece_normalizer import WordPieceNormalizer
from zoo.text.wordpiece_packing import PackedTexts, Pieces, pack_rows
from zoo.text.wordpiece_tokenizer import WordPieceTokenizer
from zoo.text.wordpiece_tokens import WordPieceTokens

__all__ = [
    "EvaluationBatches",
    "IdArrays",
    "MarianFiles",
    "MarianTokenizer",
    "MosesPunctuation",
    "PackedTexts",
    "PairBatches",
    "Pieces",
    "SentencePieceTokenizer",
    "SpecialIds",
    "Twice",
    "WordPieceNormalizer",
    "WordPieceTokenizer",
    "WordPieceTokens",
    "open_ids",
    "pack_rows",
    "read_lines",
    "read_parallel",
    "to_tf_data",
    "train_sentencepiece",
    "train_wordpiece",
    "write_ids",
]
