"""Text to ids and back, one id a character: for small experiments."""

import hashlib
import json

from zoo.text.character_graph import character_graph
from zoo.text.checks import check_text, checked_rows, checked_texts
from zoo.text.prompts import align_right, check_prompt_length
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer

_SETTINGS_FILE = "characters.json"


class CharacterTokenizer:
    """A vocabulary of the characters (Unicode code points) of a text.

    Args:
        characters: str or list of str, different characters; the position of one is its id.
        with_end: have one more id, the last, which ends a text and begins one; it has no text.

    Attributes:
        characters: str, the characters in the order of their ids.
        vocabulary_size: number of ids.
        start_id, end_id: the id of the end, or None.
        pad_id: None.

    Raises:
        ValueError: no characters, one given twice, or one that is no single character.
    """

    pad_id = None

    def __init__(self, characters, with_end=False):
        characters = list(characters)
        if not characters:
            raise ValueError("characters is empty: give at least one character")
        check_text("".join(characters), 0, "characters")
        self._ids = {}
        for number, character in enumerate(characters):
            if len(character) != 1:
                raise ValueError(f"characters[{number}] must be one character, got {character!r}")
            if self._ids.setdefault(character, number) != number:
                raise ValueError(f"characters holds {character!r} twice")
        self.characters = "".join(characters)
        self.vocabulary_size = len(characters) + with_end
        self.end_id = self.start_id = len(characters) if with_end else None
        self._texts = characters + [""] * with_end

    @classmethod
    def from_text(cls, text, with_end=False):
        """Make one of all characters of a text, in the order of their code points.

        Raises:
            ValueError: the text is empty or no valid Unicode.
        """
        check_text(text, 0, "text")
        return cls(sorted(set(text)), with_end)

    @property
    def fingerprint(self):
        """Hash of all that decides which ids a text gets: equal fingerprints, equal ids."""
        facts = json.dumps([self.characters, self.end_id])
        return hashlib.sha256(facts.encode()).hexdigest()

    def encode(self, texts):
        """Turn texts into ids, without start and end.

        Args:
            texts: list of B str.

        Returns:
            List of B lists of int.

        Raises:
            ValueError: `texts` is one str, or an entry is not a str of valid Unicode or holds a
                character that the vocabulary lacks; the message names it.
        """
        return [self._row(text, row) for row, text in enumerate(checked_texts(texts))]

    def _row(self, text, row):
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            raise ValueError(
                f"texts[{row}] holds {error.args[0]!r} at position {text.index(error.args[0])}, "
                f"which is none of the {len(self.characters)} characters of the vocabulary"
            ) from None

    def encode_prompts(self, texts, max_length=None):
        """Turn prompts into a batch for a decoder; `graph().encode_prompts` gives the same.

        An empty prompt is the start id, or where there is none a row of padding.

        Args:
            texts: list of B str.
            max_length: longest prompt; longer ones lose their beginning.

        Returns:
            `Prompts`: ids (B, P), aligned right, padded with 0, and their padding mask (B, P).

        Raises:
            ValueError: as `encode`, or `max_length` is below 1.
        """
        check_prompt_length(max_length, start=False)
        return align_right(self.encode(texts), 0, max_length, self.start_id)

    def decode(self, ids):
        """Turn ids into texts; the end id has no text and ends nothing.

        Args:
            ids: int (B, T), or a list of B lists of int.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        rows = checked_rows(ids, self.vocabulary_size)
        return ["".join(self._texts[token] for token in row) for row in rows]

    def settled(self, ids):
        """How many of the first ids have texts that no later id changes but for U+FFFD at the end:
        all; list of int -> int."""
        return len(ids)

    def spell(self, ids):
        """The character of each id, for people; list of int -> list of str."""
        return ["<end>" if token == self.end_id else self._texts[int(token)] for token in ids]

    def graph(self, max_length=None):
        """The tokenizer as a `tf.Module`, for a SavedModel. Imports TensorFlow.

        A server must not fail, so characters that the vocabulary lacks are left out, and so is
        invalid UTF-8 unless the vocabulary holds U+FFFD, as which it is read.

        Args:
            max_length: longest prompt that `encode_prompts` gives.

        Returns:
            A `tf.Module` with the functions `encode(text: string [B]) -> ragged int32 (B, None)`,
            `encode_prompts(text: string [B]) -> Prompts` and `decode(ids: int32 (B, T)) -> string
            [B]`, in which ids outside the vocabulary have no text. It has no resources.

        Raises:
            ValueError: `max_length` is below 1.
        """
        check_prompt_length(max_length, start=False)
        return character_graph(self.characters, self.start_id, max_length)

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        Raises:
            FileExistsError: `folder` exists.
        """
        settings = {"characters": self.characters, "with_end": self.end_id is not None}
        write_tokenizer(folder, self, _SETTINGS_FILE, settings, lambda new: None)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """

        def build(folder, settings):
            return cls(settings["characters"], settings["with_end"])

        return read_tokenizer(folder, cls, _SETTINGS_FILE, build)
