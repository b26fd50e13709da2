"""Training subword vocabularies from text files."""

import io
import itertools
import json
import os
import re

import sentencepiece
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer

from zoo.text.byte_bpe_description import END_OF_TEXT, gpt2_description
from zoo.text.byte_bpe_tokenizer import ByteBPETokenizer
from zoo.text.checks import check_text
from zoo.text.files import decoded_lines, read_lines
from zoo.text.sentencepiece_tokenizer import SentencePieceTokenizer
from zoo.text.special_ids import SpecialIds

BERT_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_LINES_AT_ONCE = 10_000


def train_sentencepiece(
    files,
    vocab_size,
    model_type="bpe",
    *,
    special_ids=None,
    character_coverage=1.0,
    byte_fallback=False,
    split_digits=False,
    normalization="nmt_nfkc",
    user_defined_symbols=(),
):
    """Train a SentencePiece vocabulary (Kudo and Richardson 2018, arXiv:1808.06226).

    Several files give one joint vocabulary. The same files give the same vocabulary.

    Args:
        files: path or list of paths, plain or `.gz`, one text a line.
        vocab_size: number of pieces, special ids included.
        model_type: "bpe" (Sennrich et al. 2016, section 3.2) or "unigram" (Kudo 2018, section 3.2).
        special_ids: `SpecialIds`, four different ids; the default is `SpecialIds()`.
        character_coverage: share of the characters of the text that get a piece of their own; the
            rest becomes unknown (or bytes). 0.9995 suits Chinese or Japanese.
        byte_fallback: spell unknown characters as bytes (256 more pieces), so that no text is lost.
        split_digits: make every digit a piece of its own, so that numbers are read digit by digit.
        normalization: SentencePiece's rule: "nmt_nfkc", "nmt_nfkc_cf" (case-folded), "identity"...
        user_defined_symbols: strings that always are one piece.

    Returns:
        A `SentencePieceTokenizer`.

    Raises:
        ValueError: the text allows no vocabulary of this size, an argument is out of range, or a
            line is empty or not UTF-8 (with file and line).
    """
    if model_type not in ("bpe", "unigram"):
        raise ValueError(f'model_type must be "bpe" or "unigram", got {model_type!r}')
    special_ids = special_ids or SpecialIds()
    if special_ids.start in (special_ids.pad, special_ids.end):
        raise ValueError(f"a new vocabulary needs four different special ids, got {special_ids}")
    _check_size(vocab_size)
    special_ids.check(vocab_size)
    # A list, not the generator: an error raised inside the trainer's iterator would be lost in C++.
    lines = _all_lines(files)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            vocab_size=vocab_size,
            model_type=model_type,
            pad_id=special_ids.pad,
            unk_id=special_ids.unk,
            bos_id=special_ids.start,
            eos_id=special_ids.end,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            split_digits=split_digits,
            normalization_rule_name=normalization,
            user_defined_symbols=list(user_defined_symbols),
            max_sentence_length=1 << 30,  # the library's default silently skips long lines
            minloglevel=2,
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(_training_error(str(error), vocab_size)) from error
    return SentencePieceTokenizer(model.getvalue())


def train_wordpiece(files, vocab_size, *, lowercase=True, special_tokens=BERT_SPECIAL_TOKENS):
    """Train a WordPiece vocabulary for BERT's tokenizer (Devlin et al. 2019, section 3).

    Pieces inside a word begin with "##". The same files give the same vocabulary.

    Args:
        files: path or list of paths, plain or `.gz`, one text a line.
        vocab_size: number of pieces, special tokens included.
        lowercase: lowercase and strip accents first, as in BERT's uncased models.
        special_tokens: pieces that get the first ids, in this order.

    Returns:
        The list of pieces; the position of a piece is its id.

    Raises:
        ValueError: the text allows no vocabulary of this size, or a line is empty or not UTF-8.
    """
    _check_size(vocab_size)
    tokenizer = BertWordPieceTokenizer(lowercase=lowercase)
    lines = _all_lines(files)
    tokenizer.train_from_iterator(
        lines,
        vocab_size=vocab_size,
        min_frequency=1,
        limit_alphabet=vocab_size,
        # The trainer would number "##" letters in the order of a hash map, and break ties between
        # merges by these numbers: a different vocabulary each time. So they are given in order.
        special_tokens=[*special_tokens, *_inner_letters(tokenizer, lines)],
        show_progress=False,
    )
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) != vocab_size:
        relation = "at least" if len(vocabulary) > vocab_size else "at most"
        raise ValueError(
            f"vocab_size={vocab_size} does not fit the text, which needs or allows {relation} "
            f"{len(vocabulary)} pieces: change vocab_size or give other text"
        )
    return sorted(vocabulary, key=vocabulary.get)


def train_byte_bpe(files, vocab_size, *, texts=(), special_tokens=(END_OF_TEXT,)):
    """Train a byte-level BPE vocabulary (Radford et al. 2019, section 2.2) with GPT-2's words.

    The same text gives the same vocabulary. The first special token starts and ends texts.

    Args:
        files: path or list of paths, plain or `.gz`, of UTF-8 text; may be empty. Line ends count:
            runs of spaces and empty lines get pieces too.
        vocab_size: number of pieces, special tokens included.
        texts: iterable of str, such as documents, besides the files or instead of them.
        special_tokens: pieces that get the first ids, in this order; may be empty.

    Returns:
        A `ByteBPETokenizer`.

    Raises:
        ValueError: the text allows no vocabulary of this size, a file is empty, or a text is not
            UTF-8 (with file and line).
    """
    special_tokens = list(special_tokens)
    _check_size(vocab_size)
    if vocab_size < (least := 256 + len(special_tokens)):
        raise ValueError(
            f"vocab_size={vocab_size} is too small: the 256 bytes and the special tokens alone "
            f"need {least} pieces"
        )
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"texts must be an iterable of str, got one {type(texts).__name__}")
    files = [files] if isinstance(files, (str, os.PathLike)) else files
    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator(
        itertools.chain(_long_texts(files), _checked(texts)),
        vocab_size,
        min_frequency=1,
        special_tokens=special_tokens,
        show_progress=False,
    )
    vocabulary = trainer.get_vocab()
    if len(vocabulary) < vocab_size:
        raise ValueError(
            f"vocab_size={vocab_size} does not fit the text, which allows at most "
            f"{len(vocabulary)} pieces: change vocab_size or give more text"
        )
    merges = json.loads(trainer.to_str())["model"]["merges"]
    end_id = vocabulary[special_tokens[0]] if special_tokens else None
    description = gpt2_description(vocabulary, merges, special_tokens)
    return ByteBPETokenizer(description, start_id=end_id, end_id=end_id)


def _long_texts(files):
    """The lines of files with their ends, many at a time."""
    for file in files:
        lines = decoded_lines(file)
        while chunk := list(itertools.islice(lines, _LINES_AT_ONCE)):
            yield "\n".join([*chunk, ""])


def _checked(texts):
    for number, text in enumerate(texts):
        check_text(text, number)
        yield text


def _all_lines(files):
    files = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    if not files:
        raise ValueError("files is empty: give at least one text file")
    return [line for file in files for line in read_lines(file)]


def _inner_letters(tokenizer, lines):
    """Letters that stand inside a word of the normalized text, as pieces: "##a", "##b", ..."""
    letters = set()
    for line in lines:
        normalized = tokenizer.normalizer.normalize_str(line)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized):
            letters.update(word[1:])
    return [f"##{letter}" for letter in sorted(letters)]


def _check_size(vocab_size):
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int) or vocab_size < 1:
        raise ValueError(f"vocab_size must be a positive integer, got {vocab_size!r}")


def _training_error(message, vocab_size):
    """SentencePiece's message in terms of our arguments."""
    if found := re.search(r"too high.*<= (\d+)", message):
        return (
            f"vocab_size={vocab_size} is more than the text allows: give at most {found[1]}, "
            "or more text"
        )
    if found := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return (
            f"vocab_size={vocab_size} is too small: the characters of the text and the special "
            f"ids alone need {found[1]} pieces; raise vocab_size or lower character_coverage"
        )
    return f"SentencePiece could not train a vocabulary of {vocab_size} pieces: {message}"
