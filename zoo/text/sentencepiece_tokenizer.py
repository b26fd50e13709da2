"""Text to ids and back by a SentencePiece model, in Python and inside a TensorFlow graph."""

import dataclasses
import hashlib
import itertools
import json

import sentencepiece

from zoo.text.checks import checked_rows, checked_texts
from zoo.text.padding import pad_rows
from zoo.text.sentencepiece_graph import sentencepiece_graph
from zoo.text.special_ids import SpecialIds
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer

_MODEL_FILE = "sentencepiece.model"
_SETTINGS_FILE = "tokenizer.json"


class SentencePieceTokenizer:
    """SentencePiece (Kudo and Richardson 2018, arXiv:1808.06226) with one set of special ids.

    `encode` and `decode` need no TensorFlow; `graph()` gives the same two functions as TensorFlow
    ops for a SavedModel.

    Args:
        model_proto: bytes of a SentencePiece `.model` file.
        special_ids: `SpecialIds`; the default reads them from the model. Give them for a model
            trained elsewhere that lacks one, such as T5's, which has no start id.

    Raises:
        ValueError: the bytes are no SentencePiece model, or it lacks a special id.
    """

    def __init__(self, model_proto, special_ids=None):
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model_proto)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"model_proto is not a SentencePiece model: {error}") from error
        self.model_proto = model_proto
        self.special_ids = special_ids or self._ids_of_model()
        self.special_ids.check(self.vocabulary_size)

    def _ids_of_model(self):
        model = self._processor
        ids = {
            "pad": model.pad_id(),
            "unk": model.unk_id(),
            "start": model.bos_id(),
            "end": model.eos_id(),
        }
        missing = [name for name, value in ids.items() if value < 0]
        if missing:
            raise ValueError(f"the model has no {' and no '.join(missing)} id: give special_ids")
        return SpecialIds(**ids)

    @property
    def vocabulary_size(self):
        """Number of ids, special ids included."""
        return self._processor.vocab_size()

    @property
    def fingerprint(self):
        """Hash of all that decides which ids a text gets: equal fingerprints, equal ids."""
        settings = json.dumps(dataclasses.asdict(self.special_ids), sort_keys=True)
        return hashlib.sha256(self.model_proto + settings.encode()).hexdigest()

    def encode(self, texts):
        """Turn texts into ids, without start and end.

        Args:
            texts: list of B str.

        Returns:
            List of B lists of int; an empty text gives an empty list. Text that spells a special
            piece, such as "</s>", gives ordinary ids.

        Raises:
            ValueError: `texts` is one str, or an entry is not a str of valid Unicode.
        """
        return self._processor.encode(checked_texts(texts))

    def sample(self, texts, alpha, seeds):
        """Draw one of the segmentations of each text; see `SubwordRegularization`.

        Args:
            texts: list of B str.
            alpha: probability that a merge is left out (BPE), or power of the segmentations'
                probabilities (unigram).
            seeds: B int from 0 to 2**32 - 1; a text's ids depend on it and its seed alone.

        Returns:
            List of B lists of int, which `decode` turns into the same text as `encode`'s.

        Raises:
            ValueError: as `encode`.
        """
        rows = []
        for text, seed in zip(checked_texts(texts), seeds, strict=True):
            sentencepiece.set_random_generator_seed(seed)
            rows.append(
                self._processor.encode(text, enable_sampling=True, alpha=alpha, nbest_size=-1)
            )
        return rows

    def encode_batch(self, texts, max_length=None):
        """Turn texts into one array for a model's encoder; `graph().encode` gives the same.

        Args:
            texts: list of B str.
            max_length: longest row, end id included; longer texts lose their tail.

        Returns:
            int32 (B, S): ids, end id, then padding; S >= 1 even for zero rows.

        Raises:
            ValueError: as `encode`, or `max_length` has no room for the end id.
        """
        _check_max_length(max_length)
        return pad_rows(self.encode(texts), self.special_ids, max_length)

    def decode(self, ids):
        """Turn ids into texts.

        A row ends before its first end id; pad and start ids give no text, and an unknown id gives
        SentencePiece's mark " \u2047 ".

        Args:
            ids: int (B, T), or a list of B lists of int.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        rows = [self._text_ids(row) for row in checked_rows(ids, self.vocabulary_size)]
        # The library takes [] for one row without ids, and gives "".
        return self._processor.decode(rows) if rows else []

    def _text_ids(self, row):
        special = self.special_ids
        text = itertools.takewhile(lambda token: token != special.end, row)
        return [token for token in text if token not in (special.pad, special.start)]

    def settled(self, ids):
        """How many of the first ids have texts that no later id changes but for U+FFFD at the end:
        all; list of int -> int."""
        return len(ids)

    def spell(self, ids):
        """The piece of each id, for people: "\u2581" begins a word; list of int -> list of str."""
        return [self._processor.id_to_piece(int(token)) for token in ids]

    def graph(self, max_length=None):
        """The tokenizer as a `tf.Module`, for a SavedModel. Imports TensorFlow.

        Args:
            max_length: longest row that `encode` gives, end id included; longer texts lose their
                tail.

        Returns:
            A `tf.Module` with the functions `encode(text: string [B]) -> int32 (B, S)` as
            `encode_batch`, invalid UTF-8 being read as U+FFFD, and `decode(ids: int32 (B, T)) ->
            string [B]` as `decode`. What calls them must hold the module as an attribute, so that
            `tf.saved_model.save` finds its resources. Make it where it is used: seeding TensorFlow
            (`keras.utils.set_random_seed`) frees the resources of tokenizers made before.

        Raises:
            ValueError: `max_length` has no room for the end id.
        """
        _check_max_length(max_length)
        return sentencepiece_graph(self.model_proto, self.special_ids, max_length)

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        Raises:
            FileExistsError: `folder` exists.
        """
        settings = {"special_ids": dataclasses.asdict(self.special_ids)}

        def write_files(new):
            (new / _MODEL_FILE).write_bytes(self.model_proto)

        write_tokenizer(folder, self, _SETTINGS_FILE, settings, write_files)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """

        def build(folder, settings):
            special_ids = SpecialIds(**settings["special_ids"])
            return cls((folder / _MODEL_FILE).read_bytes(), special_ids)

        return read_tokenizer(folder, cls, _SETTINGS_FILE, build)


def _check_max_length(max_length):
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length must be at least 1 (the end id), got {max_length}")
