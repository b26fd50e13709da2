"""What all BPE tokenizers do alike that a `tokenizer.json` describes."""

import abc
import functools
import hashlib
import json

from tokenizers import Tokenizer

from zoo.text.byte_bpe_description import deciding_facts
from zoo.text.checks import checked_texts
from zoo.text.prompts import align_right, align_right_in_graph, check_prompt_length
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer

_CHUNK = 256  # texts cut at a time: bounds the memory whatever the number of texts
_ROLES = ("start_id", "end_id", "pad_id")


class DescribedTokenizer(abc.ABC):
    """A BPE tokenizer for a decoder, run by the tokenizers library.

    A kind of it says which descriptions it knows, how ids become text, and how both are done in a
    TensorFlow graph.

    Args:
        description: dict with every field, as a `tokenizer.json` holds it.
        start_id, end_id, pad_id: ids of special tokens, or None.
        add_start: begin prompts with the start id.

    Attributes:
        vocabulary_size: number of ids, special tokens included: the largest id + 1.
        added_tokens: dict special or other added token -> id.
        special: frozenset of the ids of special tokens.

    Raises:
        ValueError: start, end or pad is not the id of a special token, or there is no start id to
            add.
    """

    summary_file: str  # of the settings in a folder of `save`

    def __init__(self, description, start_id=None, end_id=None, pad_id=None, add_start=False):
        self.description = description
        self.start_id, self.end_id, self.pad_id = start_id, end_id, pad_id
        self.add_start = add_start
        entries = description["added_tokens"]
        self.added_tokens = {entry["content"]: entry["id"] for entry in entries}
        self.special = frozenset(entry["id"] for entry in entries if entry["special"])
        for name, number in zip(_ROLES, (start_id, end_id, pad_id), strict=True):
            if number is not None and number not in self.special:
                raise ValueError(f"{name} must be the id of a special token, got {number!r}")
        if add_start and start_id is None:
            raise ValueError("add_start needs a start_id")
        numbers = {*description["model"]["vocab"].values(), *self.added_tokens.values()}
        self.vocabulary_size = max(numbers) + 1

    @classmethod
    @abc.abstractmethod
    def read_pretrained(cls, folder):
        """The constructor's arguments, a dict, from the folder of a model; raises as
        `from_pretrained`."""

    @abc.abstractmethod
    def write_pretrained(self, folder):
        """Write what `from_pretrained` reads into a folder that exists, beside a model's files."""

    @classmethod
    def from_pretrained(cls, folder):
        """Make one from the folder of a model.

        Raises:
            FileNotFoundError: the folder has no such files.
            ValueError: a file is damaged, or describes another kind of tokenizer.
        """
        arguments = cls.read_pretrained(folder)
        try:
            return cls(**arguments)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error

    @functools.cached_property
    def fingerprint(self):
        """Hash of all that decides which ids a text gets: equal fingerprints, equal ids."""
        ids = [self.start_id, self.end_id, self.pad_id, self.add_start]
        facts = [deciding_facts(self.description), ids]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts, split_special_tokens=False):
        """Turn texts into ids, without start and end.

        Args:
            texts: list of B str.
            split_special_tokens: whether special tokens that a text spells, such as
                "<|endoftext|>", are ordinary text; else they get their own ids, as in the
                transformers library. True is right for what strangers wrote.

        Returns:
            List of B lists of int; an empty text gives an empty list.

        Raises:
            ValueError: `texts` is one str, or an entry is not a str of valid Unicode.
        """
        texts = checked_texts(texts)
        encoder = self._splitting_encoder if split_special_tokens else self._encoder
        ids = []
        for begin in range(0, len(texts), _CHUNK):
            chunk = texts[begin : begin + _CHUNK]
            ids += [row.ids for row in encoder.encode_batch_fast(chunk, add_special_tokens=False)]
        return ids

    @functools.cached_property
    def _encoder(self):
        return Tokenizer.from_str(json.dumps(self.description))

    @functools.cached_property
    def _splitting_encoder(self):
        encoder = Tokenizer.from_str(json.dumps(self.description))
        encoder.encode_special_tokens = True
        return encoder

    def encode_prompts(self, texts, max_length=None, split_special_tokens=False):
        """Turn prompts into a batch for a decoder; `graph().encode_prompts` gives the same.

        Each begins with the start id if `add_start` says so. A prompt without tokens is the start
        id alone, or where there is none a row of padding.

        Args:
            texts: list of B str.
            max_length: longest prompt, start id included; longer ones lose their beginning.
            split_special_tokens: see `encode`.

        Returns:
            `Prompts`: ids (B, P), aligned right, and their padding mask (B, P). Padding is the pad
            id, or 0 where there is none.

        Raises:
            ValueError: as `encode`, or `max_length` has no room for a token.
        """
        check_prompt_length(max_length, self.add_start)
        rows = self.encode(texts, split_special_tokens)
        return align_right(rows, self.pad_id or 0, max_length, self.start_id, self.add_start)

    def settled(self, ids):
        """How many of the first ids have texts that no later id changes but for U+FFFD at the end:
        all; list of int -> int."""
        return len(ids)

    def graph(self, max_length=None, split_special_tokens=False):
        """The tokenizer as a `tf.Module`, for a SavedModel. Imports TensorFlow.

        It keeps no words: its memory does not grow with what it is given.

        Args:
            max_length: longest prompt that `encode_prompts` gives.
            split_special_tokens: see `encode`.

        Returns:
            A `tf.Module` with the functions `encode(text: string [B]) -> ragged int32 (B, None)`,
            `encode_prompts(text: string [B]) -> Prompts` and `decode(ids: int32 (B, T)) -> string
            [B]`, as the methods, special tokens left out of decoded texts. Invalid UTF-8 is read as
            U+FFFD; ids outside the vocabulary have no text. What calls them must hold the module as
            an attribute, so that `tf.saved_model.save` finds its table.

        Raises:
            ValueError: `max_length` has no room for a token; or the tokenizer cuts words by a
                pattern, normalizes texts or has added tokens in a way that the graph does not know.
        """
        check_prompt_length(max_length, self.add_start)
        align = functools.partial(
            align_right_in_graph,
            pad_id=self.pad_id or 0,
            max_length=max_length,
            start_id=self.start_id,
            always_start=self.add_start,
        )
        return self.make_graph(split_special_tokens, align)

    @abc.abstractmethod
    def make_graph(self, split_special_tokens, align):
        """What `graph` gives; `align` makes `Prompts` of a ragged (B, None)."""

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        `AutoTokenizer` of the transformers library reads the folder too.

        Raises:
            FileExistsError: `folder` exists.
        """
        settings = {name: getattr(self, name) for name in (*_ROLES, "add_start")}
        write_tokenizer(folder, self, self.summary_file, settings, self.write_pretrained)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote; for a folder from elsewhere see `from_pretrained`.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """

        def build(folder, settings):
            roles = {name: settings[name] for name in (*_ROLES, "add_start")}
            return cls(cls.read_pretrained(folder)["description"], **roles)

        return read_tokenizer(folder, cls, cls.summary_file, build)
