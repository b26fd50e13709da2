"""Text to ids and back as Llama 1 and 2 do it: SentencePiece's BPE with bytes."""

from zoo.text.checks import checked_rows
from zoo.text.described_tokenizer import DescribedTokenizer
from zoo.text.llama_description import byte_of, checked_llama_description
from zoo.text.llama_files import read_llama_folder, write_llama_folder
from zoo.text.llama_graph import llama_graph
from zoo.text.tokenizer_json import token_ids


class LlamaTokenizer(DescribedTokenizer):
    """Byte-pair encoding (Sennrich et al. 2016, section 3.2) of characters, spaces being some.

    Of Touvron et al. 2023, "LLaMA: Open and efficient foundation language models" (arXiv:
    2302.13971), section 2.1: SentencePiece (Kudo and Richardson 2018, arXiv:1808.06226) without
    normalization; characters that have no piece are spelled by bytes. Every text has ids. Ids and
    texts equal those of the transformers library, which reads special tokens that a text spells,
    such as "</s>", as such, adds no space before a text that begins with one, and takes one from
    the beginning of what is decoded. Only `graph()` needs TensorFlow.

    Args:
        description: dict, as a `tokenizer.json` holds it.
        start_id: id of the token that begins a text, "<s>", or None.
        end_id: id of the token that ends a text, "</s>", or None.
        pad_id: id of the token for padding, or None, as a Llama has none.
        add_start: begin prompts with the start id, as a Llama does.

    Attributes:
        vocabulary_size: number of ids, special tokens included: the largest id + 1.
        added_tokens: dict special or other added token -> id.

    Raises:
        ValueError: the description is of another kind of tokenizer, its vocabulary cannot spell
            every byte, or start, end or pad is not the id of a special token.
    """

    summary_file = "llama.json"

    def __init__(self, description, start_id=None, end_id=None, pad_id=None, add_start=False):
        description = checked_llama_description(description)
        super().__init__(description, start_id, end_id, pad_id, add_start)
        ids = token_ids(description)
        self._pieces = {number: piece for piece, number in ids.items()}
        bytes_and_special = {number for piece, number in ids.items() if byte_of(piece) is not None}
        self._waiting = bytes_and_special | self.special

    @classmethod
    def read_pretrained(cls, folder):
        """What `from_pretrained` reads: `tokenizer.json`, or else `tokenizer.model`, and the
        settings of `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`."""
        return read_llama_folder(folder)

    def decode(self, ids, skip_special_tokens=True):
        """Turn ids into texts.

        One space at the beginning is left out, as `encode` added it. Bytes side by side that are no
        UTF-8 together give U+FFFD each. No id ends a row.

        Args:
            ids: int (B, T), or a list of B lists of int.
            skip_special_tokens: leave special tokens out; else they are text.

        Returns:
            List of B str.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        return self._encoder.decode_batch(
            checked_rows(ids, self.vocabulary_size), skip_special_tokens
        )

    def settled(self, ids):
        """How many of the first ids have texts that no later id changes; list of int -> int.

        Bytes at the end have not: they may become a character, or be no UTF-8.
        """
        count = len(ids)
        while count and ids[count - 1] in self._waiting:
            count -= 1
        return count

    def spell(self, ids):
        """The piece of each id, for people: "\u2581" begins a word; list of int -> list of str."""
        return [self._pieces.get(int(token), f"<{token}>") for token in ids]

    def make_graph(self, split_special_tokens, align):
        """See `DescribedTokenizer.make_graph`."""
        return llama_graph(self, split_special_tokens, align)

    def write_pretrained(self, folder):
        """Write what `from_pretrained` reads into a folder that exists, beside a model's files."""
        write_llama_folder(folder, self)
