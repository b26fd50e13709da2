"""Text to ids and back by a WordPiece vocabulary, as BERT does it."""

import dataclasses
import functools
import hashlib
import json
import re

import numpy as np

from zoo.text.checks import checked_rows, checked_texts
from zoo.text.special_ids import SpecialIds
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer
from zoo.text.wordpiece_decoding import PieceTexts
from zoo.text.wordpiece_files import read_folder, read_vocabulary, write_folder
from zoo.text.wordpiece_graph import wordpiece_graph
from zoo.text.wordpiece_normalizer import WordPieceNormalizer
from zoo.text.wordpiece_packing import Pieces, check_packing, check_room, pack_rows
from zoo.text.wordpiece_split import columns_within, rows_of_words
from zoo.text.wordpiece_tokens import WordPieceTokens

_SUMMARY_FILE = "wordpiece.json"
_CHUNK = 256  # texts cut at a time: bounds the memory whatever the number of texts


class WordPieceTokenizer:
    """BERT's tokenizer: words are cut into the longest pieces that the vocabulary holds.

    WordPiece is of Schuster and Nakajima 2012, section 2; its use here of Devlin et al. 2019,
    section 3. Ids, offsets and texts equal those of `BertTokenizerFast` in the transformers
    library; special tokens such as "[MASK]" stand for themselves in a text. Encoding runs the
    TensorFlow graph that `graph()` gives for a SavedModel; decoding and packing need no TensorFlow.

    Args:
        vocabulary: list of V str, as `train_wordpiece` gives it; the position of a piece is its id,
            "##" begins pieces inside a word.
        normalizer: a `WordPieceNormalizer`; the default is that of uncased models.
        tokens: `WordPieceTokens`.
        clean_up: take spaces before punctuation out of decoded texts, also between pieces that
            BERT's own decoder leaves apart (`clean_up_tokenization_spaces`).

    Attributes:
        special_ids: `SpecialIds`; start is the id of [CLS], end that of [SEP].
        mask_id: id of [MASK].
        added_tokens: dict special token -> id.
        vocabulary_size: number of ids, special tokens included.
        piece_texts: `PieceTexts`, the text of each id.

    Raises:
        ValueError: pieces that are empty, given twice or no str, or a missing special token.
    """

    def __init__(self, vocabulary, normalizer=None, tokens=None, clean_up=False):
        self.vocabulary = list(vocabulary)
        self.normalizer = normalizer or WordPieceNormalizer()
        self.tokens = tokens or WordPieceTokens()
        self.clean_up = clean_up
        self.added_tokens = _added_tokens(self.vocabulary, self.tokens)
        ids = {role: self.added_tokens[token] for role, token in self.tokens.roles.items()}
        self.mask_id = ids["mask"]
        self.special_ids = SpecialIds(ids["pad"], ids["unk"], start=ids["cls"], end=ids["sep"])
        beyond = [t for t, number in self.added_tokens.items() if number >= len(self.vocabulary)]
        self._pieces = self.vocabulary + beyond
        self.vocabulary_size = len(self._pieces)
        self.piece_texts = PieceTexts.of(self._pieces, set(self.tokens.all), clean_up)
        longest_first = sorted(self.added_tokens, key=len, reverse=True)
        self.added_pattern = "|".join(map(re.escape, longest_first))

    @classmethod
    def from_vocabulary_file(
        cls, file, lowercase=True, strip_accents=None, tokenize_chinese_chars=True
    ):
        """Make one from a `vocab.txt`: a piece a line, the number of the line is its id.

        Args:
            file: path.
            lowercase, strip_accents, tokenize_chinese_chars: see `WordPieceNormalizer`; cased
                models need `lowercase=False`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not UTF-8, or its pieces are no vocabulary.
        """
        normalizer = WordPieceNormalizer(lowercase, strip_accents, tokenize_chinese_chars)
        vocabulary = read_vocabulary(file)
        try:
            return cls(vocabulary, normalizer)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error

    @classmethod
    def from_pretrained(cls, folder):
        """Make one from a Hugging Face folder of a BERT model.

        Read are `tokenizer.json`, or else `vocab.txt`, and the settings of `tokenizer_config.json`.

        Raises:
            FileNotFoundError: the folder has neither `tokenizer.json` nor `vocab.txt`.
            ValueError: a file is damaged, or describes another kind of tokenizer.
        """
        arguments = read_folder(folder)
        try:
            return cls(**arguments)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error

    @property
    def fingerprint(self):
        """Hash of all that decides which ids a text gets: equal fingerprints, equal ids."""
        normalizer = {
            **dataclasses.asdict(self.normalizer),
            "strip_accents": self.normalizer.strips_accents,
        }
        facts = [self.vocabulary, dataclasses.asdict(self.tokens), normalizer]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts):
        """Turn texts into ids, without [CLS] and [SEP].

        Args:
            texts: list of B str.

        Returns:
            List of B lists of int; a text without words gives an empty list.

        Raises:
            ValueError: `texts` is one str, or an entry is not a str of valid Unicode.
        """
        return self.pieces(texts).ids

    def pieces(self, texts):
        """Turn texts into ids with their places in the texts, without [CLS] and [SEP].

        Args:
            texts: list of B str.

        Returns:
            `Pieces` of lists of B lists of int: `ids`, and `starts` and `ends` in Unicode code
            points of the text as it was given, so that `text[start:end]` is what a piece stands
            for.

        Raises:
            ValueError: as `encode`.
        """
        texts = checked_texts(texts)
        rows = Pieces([], [], [])
        for begin in range(0, len(texts), _CHUNK):
            for field, found in zip(rows, self._cut(texts[begin : begin + _CHUNK]), strict=True):
                field.extend(found)
        return rows

    def _cut(self, texts):
        import tensorflow as tf

        with tf.device("CPU"):
            found = self._graph.pieces(tf.constant(texts, tf.string))
        return [field.to_list() for field in found]

    @functools.cached_property
    def _graph(self):
        return self.graph()

    def encode_batch(self, texts, pairs=None, *, max_length=None, truncation="longest_first"):
        """Turn texts, or pairs of texts, into a batch for a model; `graph()` gives the same.

        Args:
            texts: list of B str.
            pairs: list of B str, the second texts, or None.
            max_length: longest row, special tokens included, or None.
            truncation: which text of a pair loses its tail: "longest_first" takes pieces one by one
                from the longer, "only_first" and "only_second" from one text.

        Returns:
            `PackedTexts` of arrays (B, T): [CLS] a [SEP] or [CLS] a [SEP] b [SEP] in rows as wide
            as the longest.

        Raises:
            ValueError: as `encode`; `max_length` has no room for the special tokens; or the text
                that `truncation` names is too short to make room.
        """
        check_packing(max_length, truncation, 1 if pairs is None else 2)
        first = self.pieces(texts)
        second = None if pairs is None else self.pieces(pairs)
        if pairs is not None and max_length is not None:
            check_room(first.ids, second.ids, max_length, truncation)
        return pack_rows(first, second, self.special_ids, max_length, truncation)

    def encode_words(self, words, max_length=None):
        """Turn texts that are split into words already into a batch, for tagging.

        Args:
            words: list of B lists of str.
            max_length: longest row, special tokens included, or None.

        Returns:
            (`PackedTexts`, first_pieces). `starts` and `ends` count in each word. `first_pieces`,
            int32 (B, W), has the column of each word's first piece, -1 for words without pieces
            (such as control characters alone), words that were cut off, and beyond the last word.

        Raises:
            ValueError: as `encode_batch`.
        """
        check_packing(max_length, "longest_first")
        if isinstance(words, (str, bytes)):
            raise ValueError(f"words must be a list of lists of str, got {type(words).__name__}")
        words = [checked_texts(row, f"words[{number}]") for number, row in enumerate(words)]
        of_words = self.pieces([word for row in words for word in row])
        rows, columns = rows_of_words(of_words, [len(row) for row in words])
        packed = pack_rows(rows, None, self.special_ids, max_length)
        return packed, columns_within(columns, packed, np)

    def decode(self, ids, skip_special_tokens=True):
        """Turn ids into texts, as `decode` of the transformers library.

        Pieces are joined by spaces, "##" pieces to what is before them; no space stands before
        ". ? ! ,", "n't" and such. What the normalizer took away does not come back.

        Args:
            ids: int (B, T), or a list of B lists of int.
            skip_special_tokens: leave special tokens out; else they are words.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        rows = checked_rows(ids, self.vocabulary_size)
        return [self.piece_texts.join(row, skip_special_tokens) for row in rows]

    def spell(self, ids):
        """The piece of each id, for people: "##" goes on a word; list of int -> list of str."""
        return [self._pieces[int(token)] for token in ids]

    def graph(self, max_length=None, truncation="longest_first"):
        """The tokenizer as a `tf.Module`, for a SavedModel. Imports TensorFlow.

        Args:
            max_length: longest row, special tokens included, at least 3, or None.
            truncation: of pairs, see `encode_batch`. Where the text that it names is too short to
                make room, it is used up and the other one loses its tail too: a server must not
                fail.

        Returns:
            A `tf.Module` with the functions
            `encode(text: string [B]) -> PackedTexts`,
            `encode_pair(text: string [B], text_pair: string [B]) -> PackedTexts`,
            `encode_words(words: string [B, W], length: int32 [B]) -> (PackedTexts, first_pieces)`,
            `pieces(text: string [B]) -> Pieces`, ragged int32 (B, None), and
            `decode(ids: int32 (B, T)) -> string [B]`, special tokens left out;
            invalid UTF-8 is read as U+FFFD. What calls them must hold the module as an attribute,
            so that `tf.saved_model.save` finds its tables.

        Raises:
            ValueError: `max_length` has no room for the special tokens of a pair, or an unknown
                truncation.
        """
        return wordpiece_graph(self, max_length, truncation)

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        `BertTokenizerFast` of the transformers library reads the folder too.

        Raises:
            FileExistsError: `folder` exists.
        """
        write_tokenizer(folder, self, _SUMMARY_FILE, {}, self.write_pretrained)

    def write_pretrained(self, folder):
        """Write what `from_pretrained` reads into a folder that exists, beside a model's files."""
        write_folder(folder, self)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote; for a folder from elsewhere see `from_pretrained`.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """
        return read_tokenizer(folder, cls, _SUMMARY_FILE, lambda new, _: cls.from_pretrained(new))


def _added_tokens(vocabulary, tokens):
    """dict special token -> id, after a check of the vocabulary."""
    ids = {}
    for number, piece in enumerate(vocabulary):
        if not isinstance(piece, str):
            raise ValueError(f"piece {number} of the vocabulary is no str: {piece!r}")
        if not piece or "\n" in piece:
            raise ValueError(f"piece {number} of the vocabulary is empty or has a line end")
        if ids.setdefault(piece, number) != number:
            raise ValueError(
                f"the vocabulary holds {piece!r} twice, as piece {ids[piece]} and {number}"
            )
    missing = [token for token in tokens.roles.values() if token not in ids]
    if missing:
        raise ValueError(
            f"the vocabulary has no {' and no '.join(missing)}; name its special tokens in `tokens`"
        )
    beyond = [token for token in tokens.more if token not in ids]
    ids |= {token: len(vocabulary) + number for number, token in enumerate(beyond)}
    return {token: ids[token] for token in tokens.all}
