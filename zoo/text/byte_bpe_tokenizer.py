"""Text to ids and back by byte-level BPE, as GPT-2 and Llama 3 do it."""

import functools
import hashlib
import json

from tokenizers import Tokenizer

from zoo.text.byte_bpe_description import (
    checked_description,
    deciding_facts,
    gpt2_description,
    piece_texts,
)
from zoo.text.byte_bpe_files import read_folder, read_vocabulary_and_merges, write_folder
from zoo.text.byte_bpe_graph import byte_bpe_graph
from zoo.text.padding import check_text
from zoo.text.prompts import align_right, check_prompt_length
from zoo.text.tokenizer_folder import read_tokenizer, write_tokenizer

_SUMMARY_FILE = "byte_bpe.json"
_CHUNK = 256  # texts cut at a time: bounds the memory whatever the number of texts


class ByteBPETokenizer:
    """Byte-pair encoding (Sennrich et al. 2016, section 3.2) of UTF-8 bytes.

    Of Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2.
    Every text has ids and comes back from them unchanged (unless the tokenizer normalizes). Ids and
    texts equal those of the transformers library. Only `graph()` needs TensorFlow.

    Args:
        description: dict, as a `tokenizer.json` holds it; see `gpt2_description`.
        start_id: id of the token that begins a text, or None.
        end_id: id of the token that ends a text, or None; GPT-2's "<|endoftext|>" is both.
        pad_id: id of the token for padding, or None.
        add_start: begin prompts with the start id, as Llama 3 does.

    Attributes:
        vocabulary_size: number of ids, special tokens included: the largest id + 1.
        added_tokens: dict special or other added token -> id.

    Raises:
        ValueError: the description is not of byte-level BPE, its vocabulary cannot spell every
            byte, or start, end or pad is not the id of a special token.
    """

    def __init__(self, description, start_id=None, end_id=None, pad_id=None, add_start=False):
        self.description = checked_description(description)
        self.start_id, self.end_id, self.pad_id = start_id, end_id, pad_id
        self.add_start = add_start
        entries = self.description["added_tokens"]
        self.added_tokens = {entry["content"]: entry["id"] for entry in entries}
        self._special = frozenset(entry["id"] for entry in entries if entry["special"])
        for name in ("start_id", "end_id", "pad_id"):
            number = {"start_id": start_id, "end_id": end_id, "pad_id": pad_id}[name]
            if number is not None and number not in self._special:
                raise ValueError(f"{name} must be the id of a special token, got {number!r}")
        if add_start and start_id is None:
            raise ValueError("add_start needs a start_id")
        texts = piece_texts(self.description)
        self.vocabulary_size = max(texts) + 1
        # Ids that no piece has, such as those that round a model's vocabulary up, have no text.
        self._texts = [texts.get(number, b"") for number in range(self.vocabulary_size)]

    @classmethod
    def from_files(cls, vocabulary_file, merges_file):
        """Make one from OpenAI's `encoder.json` and `vocab.bpe`, or `vocab.json` and `merges.txt`.

        Words are cut as GPT-2 does, and "<|endoftext|>" starts and ends texts.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file is damaged, or they do not belong together.
        """
        description = gpt2_description(*read_vocabulary_and_merges(vocabulary_file, merges_file))
        end_id = description["added_tokens"][0]["id"]
        return cls(description, start_id=end_id, end_id=end_id)

    @classmethod
    def from_pretrained(cls, folder):
        """Make one from the folder of a model.

        Read are `tokenizer.json`, or else `vocab.json` with `merges.txt` or OpenAI's `encoder.json`
        with `vocab.bpe`, and the special tokens of `tokenizer_config.json`,
        `special_tokens_map.json` and `added_tokens.json`.

        Raises:
            FileNotFoundError: the folder has no such files.
            ValueError: a file is damaged, or describes another kind of tokenizer.
        """
        arguments = read_folder(folder)
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
        if isinstance(texts, (str, bytes)):
            raise ValueError(f"texts must be a list of str, got one {type(texts).__name__}")
        texts = list(texts)
        for row, text in enumerate(texts):
            check_text(text, row)
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

    def decode(self, ids, skip_special_tokens=True):
        """Turn ids into texts.

        Bytes that are no UTF-8 give U+FFFD, as `bytes.decode(errors="replace")` does. No id ends a
        row, so that prompts that are padded left can be decoded.

        Args:
            ids: int (B, T), or a list of B lists of int.
            skip_special_tokens: leave special tokens out; else they are text.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        return [self._text(row, number, skip_special_tokens) for number, row in enumerate(ids)]

    def _text(self, row, number, skip_special_tokens):
        pieces = []
        for token in map(int, row):
            if not 0 <= token < self.vocabulary_size:
                raise ValueError(
                    f"row {number} holds the id {token}, outside the vocabulary of "
                    f"{self.vocabulary_size} ids"
                )
            if not (skip_special_tokens and token in self._special):
                pieces.append(self._texts[token])
        return b"".join(pieces).decode("utf-8", "replace")

    def spell(self, ids):
        """The text of each id, for people, such as " the"; list of int -> list of str.

        What is no whole character is spelled by its bytes, such as "<0xE6><0xBC>".
        """
        return [_spelled(self._texts[int(token)]) for token in ids]

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
        texts = [b"" if i in self._special else text for i, text in enumerate(self._texts)]
        return byte_bpe_graph(self, texts, max_length, split_special_tokens)

    def save(self, folder):
        """Write the tokenizer to a new folder, all or nothing.

        `AutoTokenizer` of the transformers library reads the folder too.

        Raises:
            FileExistsError: `folder` exists.
        """
        settings = {
            "start_id": self.start_id,
            "end_id": self.end_id,
            "pad_id": self.pad_id,
            "add_start": self.add_start,
        }
        write_tokenizer(folder, self, _SUMMARY_FILE, settings, self.write_pretrained)

    def write_pretrained(self, folder):
        """Write what `from_pretrained` reads into a folder that exists, beside a model's files."""
        write_folder(folder, self)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote; for a folder from elsewhere see `from_pretrained`.

        Raises:
            ValueError: the folder is damaged or holds no such tokenizer.
        """

        def build(folder, settings):
            roles = {name: settings[name] for name in ("start_id", "end_id", "pad_id", "add_start")}
            return cls(read_folder(folder)["description"], **roles)

        return read_tokenizer(folder, cls, _SUMMARY_FILE, build)


def _spelled(text):
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in text)
