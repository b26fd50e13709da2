"""Text to batches and back: vocabularies, tokenizers, ids on disk, batches in a pure order.

The way of the data: `train_sentencepiece` -> `SentencePieceTokenizer` -> `write_ids` -> `IdArrays`
-> `PairBatches` -> `fit`; for BERT `train_wordpiece` -> `WordPieceTokenizer` -> `write_documents`
-> `Documents` -> `PretrainingBatches`; for GPT a tokenizer -> `write_ids`, a document a row ->
`TokenStream` -> `LanguageModelBatches`. Only `graph()`, `to_tf_data` and the encoding of
`WordPieceTokenizer` import TensorFlow.
"""

from zoo.text.answer_batches import (
    AnswerBatches,
    AnswerEvaluation,
    PackedAnswers,
    PreferredAnswers,
    RankedAnswers,
)
from zoo.text.answer_rows import AnswerRows
from zoo.text.array_passes import ArrayPasses
from zoo.text.arrays import IdArrays, open_ids, write_ids
from zoo.text.batches import EvaluationBatches, PairBatches
from zoo.text.byte_bpe_tokenizer import ByteBPETokenizer
from zoo.text.character_tokenizer import CharacterTokenizer
from zoo.text.chat_template import ChatTemplate
from zoo.text.continued_text import decode_behind, decode_behind_in_graph
from zoo.text.documents import (
    Documents,
    open_documents,
    read_documents,
    read_wikitext,
    write_documents,
)
from zoo.text.encoded_rows import EncodedRows
from zoo.text.files import read_lines, read_parallel
from zoo.text.incremental_text import IncrementalText
from zoo.text.language_model_batches import (
    LanguageModelBatches,
    LanguageModelEvaluation,
    RandomRows,
    ShuffledRows,
)
from zoo.text.llama_tokenizer import LlamaTokenizer
from zoo.text.marian_files import MarianFiles
from zoo.text.marian_tokenizer import MarianTokenizer
from zoo.text.masking import MaskedTokens, TokenMasking
from zoo.text.moses_punctuation import MosesPunctuation
from zoo.text.pretrained_tokenizer import pretrained_tokenizer, pretrained_tokenizer_class
from zoo.text.pretraining_batches import PretrainingBatches, PretrainingEvaluation
from zoo.text.prompts import Prompts
from zoo.text.row_batches import EqualRows, EvaluationRowBatches, RowBatches, TokenBudget
from zoo.text.row_labels import RowLabels, SpanLabels, TokenLabels
from zoo.text.sentence_pairs import PairRows, SentencePairs
from zoo.text.sentencepiece_tokenizer import SentencePieceTokenizer
from zoo.text.special_ids import SpecialIds
from zoo.text.streams import to_tf_data
from zoo.text.subword_regularization import SubwordRegularization
from zoo.text.token_stream import PackedRows, TokenStream
from zoo.text.twice import Twice
from zoo.text.vocabulary import train_byte_bpe, train_sentencepiece, train_wordpiece
from zoo.text.windows import PackedWindows, WindowRule, Windows
from zoo.text.wordpiece_normalizer import WordPieceNormalizer
from zoo.text.wordpiece_packing import PackedTexts, Pieces, pack_rows
from zoo.text.wordpiece_tokenizer import WordPieceTokenizer
from zoo.text.wordpiece_tokens import WordPieceTokens

__all__ = [
    "AnswerBatches",
    "AnswerEvaluation",
    "AnswerRows",
    "ArrayPasses",
    "ByteBPETokenizer",
    "CharacterTokenizer",
    "ChatTemplate",
    "Documents",
    "EncodedRows",
    "EqualRows",
    "EvaluationBatches",
    "EvaluationRowBatches",
    "IdArrays",
    "IncrementalText",
    "LanguageModelBatches",
    "LanguageModelEvaluation",
    "LlamaTokenizer",
    "MarianFiles",
    "MarianTokenizer",
    "MaskedTokens",
    "MosesPunctuation",
    "PackedAnswers",
    "PackedRows",
    "PackedTexts",
    "PackedWindows",
    "PairBatches",
    "PairRows",
    "Pieces",
    "PreferredAnswers",
    "PretrainingBatches",
    "PretrainingEvaluation",
    "Prompts",
    "RandomRows",
    "RankedAnswers",
    "RowBatches",
    "RowLabels",
    "SentencePairs",
    "SentencePieceTokenizer",
    "ShuffledRows",
    "SpanLabels",
    "SpecialIds",
    "TokenBudget",
    "TokenLabels",
    "TokenMasking",
    "TokenStream",
    "SubwordRegularization",
    "Twice",
    "WindowRule",
    "Windows",
    "WordPieceNormalizer",
    "WordPieceTokenizer",
    "WordPieceTokens",
    "decode_behind",
    "decode_behind_in_graph",
    "open_documents",
    "open_ids",
    "pack_rows",
    "pretrained_tokenizer",
    "pretrained_tokenizer_class",
    "read_documents",
    "read_lines",
    "read_parallel",
    "read_wikitext",
    "to_tf_data",
    "train_byte_bpe",
    "train_sentencepiece",
    "train_wordpiece",
    "write_documents",
    "write_ids",
]
