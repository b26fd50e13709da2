"""Marian (OPUS-MT) text to ids and back, in Python and inside a TensorFlow graph."""

import hashlib
import json
import re

import sentencepiece

from zoo.text.checks import checked_rows, checked_texts
from zoo.text.marian_files import MarianFiles
from zoo.text.marian_graph import marian_graph
from zoo.text.moses_punctuation import MosesPunctuation
from zoo.text.padding import pad_rows
from zoo.text.special_ids import SpecialIds
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer

_SETTINGS_FILE = "tokenizer.json"
_FILES_FOLDER = "marian"
_SIDES = ("source", "target")
_LANGUAGE_CODE = re.compile(">>.*?<<", re.DOTALL)

# What clean_up_tokenization_spaces takes out, in order.
_CLEAN_UP = [(f" {mark}", mark) for mark in (".", "?", "!", ",")]
_CLEAN_UP += [(" ' ", "'")] + [(f" {tail}", tail) for tail in ("n't", "'m", "'s", "'ve", "'re")]


class MarianTokenizer:
    """One language of a Marian model: SentencePiece cuts, a JSON map of pieces gives the ids.

    Ids and texts equal those of `MarianTokenizer` in the transformers library: special tokens
    stand for themselves in a text, and a text may begin with a language code such as ">>fra<<".
    `encode` and `decode` need no TensorFlow; `graph()` gives the same two functions as TensorFlow
    ops for a SavedModel.

    Args:
        files: a `MarianFiles`.
        side: "source" or "target".
        normalizer: a `MosesPunctuation` to run over texts first. None, the default: texts go in as
            they are, because MarianTokenizer offers Moses normalization as a method of its own but
            does not call it when it encodes.

    Attributes:
        special_ids: `SpecialIds`; decoding starts with padding, as in every OPUS-MT model.
        piece_ids: dict piece -> id of all that `encode` knows; the rest is `special_ids.unk`.
        id_pieces: list id -> piece that `decode` joins, None where the id gives no text.
        added_pattern: regular expression of the tokens that stand for themselves.
        vocabulary_size: one more than the largest id of the vocabulary.

    Raises:
        ValueError: an unknown side, or files that hold no SentencePiece model.
    """

    def __init__(self, files, side, normalizer=None):
        if side not in _SIDES:
            raise ValueError(f"side must be one of {_SIDES}; got {side!r}")
        self.files = files
        self.side = side
        self.normalizer = normalizer
        separate = files.target_vocabulary is not None
        self.encoding_model = files.source_model if side == "source" else files.target_model
        # With one vocabulary MarianTokenizer joins pieces by the source's model, on both sides.
        self.decoding_model = self.encoding_model if separate else files.source_model
        self._encoder = _processor(side, self.encoding_model)
        self._decoder = _processor(side, self.decoding_model)
        own_vocabulary = separate and side == "target"
        vocabulary = files.target_vocabulary if own_vocabulary else files.vocabulary
        added = files.added_tokens
        self.special_ids = _special_ids(files, vocabulary, added)
        self.piece_ids = {**vocabulary, **added}
        self.vocabulary_size = max(self.piece_ids.values()) + 1
        self.id_pieces = self._pieces_of_ids(vocabulary, added)
        self.added_pattern = "|".join(map(re.escape, sorted(added, key=len, reverse=True)))
        self._added_pattern = re.compile(f"({self.added_pattern})")

    def _pieces_of_ids(self, vocabulary, added):
        model_size = self._decoder.get_piece_size()
        known = {number: piece for piece, number in vocabulary.items()}
        known.update({number: token for token, number in added.items()})
        silent = set(self.files.special_tokens)
        pieces = []
        for number in range(max(self.vocabulary_size, model_size)):
            piece = known.get(number)
            if piece is None and number < model_size:  # as MarianTokenizer fills gaps of the map
                piece = self._decoder.id_to_piece(number)
            pieces.append(None if piece in silent else piece)
        return pieces

    @property
    def language_codes(self):
        """Sorted codes, such as ">>fra<<", that a source may begin with to choose its target."""
        return sorted(p for p in self.piece_ids if p.startswith(">>") and p.endswith("<<"))

    @property
    def fingerprint(self):
        """Hash of all that decides which ids a text gets: equal fingerprints, equal ids."""
        normalizer = None if self.normalizer is None else [self.normalizer.language]
        facts = [self.piece_ids, self.added_pattern, self.special_ids.unk, normalizer]
        text = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(self.encoding_model + text.encode()).hexdigest()

    @property
    def clean_up(self):
        """Pairs (old, new) to replace in a decoded text, in order."""
        return _CLEAN_UP if self.files.settings.get("clean_up_tokenization_spaces") else []

    def encode(self, texts):
        """Turn texts into ids, without the end id.

        Args:
            texts: list of B str.

        Returns:
            List of B lists of int; an empty text gives an empty list.

        Raises:
            ValueError: `texts` is one str, or an entry is not a str of valid Unicode.
        """
        unk = self.special_ids.unk
        rows = []
        for text in checked_texts(texts):
            text = text if self.normalizer is None else self.normalizer(text)
            rows.append([self.piece_ids.get(piece, unk) for piece in self._pieces(text)])
        return rows

    def _pieces(self, text):
        # The pattern is one group: texts between added tokens stand at even places.
        for place, segment in enumerate(self._added_pattern.split(text)):
            if place % 2:
                yield segment
                continue
            code = _LANGUAGE_CODE.match(segment)
            if code:
                yield code[0]
                segment = segment[code.end() :]
            yield from self._encoder.encode(segment, out_type=str)

    def encode_batch(self, texts, max_length=None):
        """Turn texts into one array for a model's encoder; `graph().encode` gives the same.

        Args:
            texts: list of B str.
            max_length: longest row, end id included; longer texts lose their tail.

        Returns:
            int32 (B, S): ids, end id, then padding; S >= 1 even for zero rows.
        """
        return pad_rows(self.encode(texts), self.special_ids, max_length)

    def decode(self, ids):
        """Turn ids into texts; special tokens (padding, end, unknown) give no text.

        Args:
            ids: int (B, T), or a list of B lists of int.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        return [self._text(row) for row in checked_rows(ids, len(self.id_pieces))]

    def _text(self, row):
        pieces = [self.id_pieces[token] for token in row if self.id_pieces[token] is not None]
        # Pieces that the model does not know keep their mark of a space.
        text = self._decoder.decode_pieces(pieces).replace("\u2581", " ").strip()
        for old, new in self.clean_up:
            text = text.replace(old, new)
        return text

    def spell(self, ids):
        """The piece of each id, for people: "\u2581" begins a word; list of int -> list of str."""
        pieces = {number: piece for piece, number in self.piece_ids.items()}
        return [pieces.get(int(token), f"<{token}>") for token in ids]

    def graph(self, max_length=None):
        """The tokenizer as a `tf.Module`, for a SavedModel. Imports TensorFlow.

        Args:
            max_length: longest row that `encode` gives, end id included; longer texts lose their
                tail.

        Returns:
            A `tf.Module` with the functions `encode(text: string [B]) -> int32 (B, S)` as
            `encode_batch`, invalid UTF-8 being read as U+FFFD, and `decode(ids: int32 (B, T)) ->
            string [B]` as `decode`. What calls them must hold the module as an attribute, so that
            `tf.saved_model.save` finds its resources.
        """
        return marian_graph(self, max_length)

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        Its subfolder `marian` is a folder that the transformers library reads.

        Raises:
            FileExistsError: `folder` exists.
        """
        settings = {
            "side": self.side,
            "normalizer": None
            if self.normalizer is None
            else {"language": self.normalizer.language},
        }

        def write_files(new):
            (new / _FILES_FOLDER).mkdir()
            self.files.write(new / _FILES_FOLDER)

        write_tokenizer(folder, self, _SETTINGS_FILE, settings, write_files)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote; for a folder of OPUS-MT itself see `MarianFiles.read`.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """

        def build(folder, settings):
            normalizer = settings["normalizer"] and MosesPunctuation(**settings["normalizer"])
            return cls(MarianFiles.read(folder / _FILES_FOLDER), settings["side"], normalizer)

        return read_tokenizer(folder, cls, _SETTINGS_FILE, build)


def _processor(side, model):
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{side}.spm is not a SentencePiece model: {error}") from error


def _special_ids(files, vocabulary, added):
    pad, end = (added[files.token(name)] for name in ("pad_token", "eos_token"))
    return SpecialIds(pad=pad, unk=vocabulary[files.token("unk_token")], start=pad, end=end)
