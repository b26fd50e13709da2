"""Text to ids and back by byte-level BPE, as GPT-2 and Llama 3 do it."""

from zoo.text.byte_bpe_description import checked_description, gpt2_description, piece_texts
from zoo.text.byte_bpe_files import read_folder, read_vocabulary_and_merges, write_folder
from zoo.text.byte_bpe_graph import byte_bpe_graph
from zoo.text.checks import checked_rows
from zoo.text.described_tokenizer import DescribedTokenizer


class ByteBPETokenizer(DescribedTokenizer):
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

    summary_file = "byte_bpe.json"

    def __init__(self, description, start_id=None, end_id=None, pad_id=None, add_start=False):
        super().__init__(checked_description(description), start_id, end_id, pad_id, add_start)
        texts = piece_texts(self.description)
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
    def read_pretrained(cls, folder):
        """What `from_pretrained` reads: `tokenizer.json`, or else `vocab.json` with `merges.txt` or
        OpenAI's `encoder.json` with `vocab.bpe`, and the special tokens of `tokenizer_config.json`,
        `special_tokens_map.json` and `added_tokens.json`."""
        return read_folder(folder)

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
        silent = self.special if skip_special_tokens else ()
        return [
            b"".join(self._texts[token] for token in row if token not in silent).decode(
                "utf-8", "replace"
            )
            for row in checked_rows(ids, self.vocabulary_size)
        ]

    def spell(self, ids):
        """The text of each id, for people, such as " the"; list of int -> list of str.

        What is no whole character is spelled by its bytes, such as "<0xE6><0xBC>".
        """
        return [_spelled(self._texts[int(token)]) for token in ids]

    def make_graph(self, split_special_tokens, align):
        """See `DescribedTokenizer.make_graph`."""
        texts = [b"" if i in self.special else text for i, text in enumerate(self._texts)]
        return byte_bpe_graph(self, texts, split_special_tokens, align)

    def write_pretrained(self, folder):
        """Write what `from_pretrained` reads into a folder that exists, beside a model's files."""
        write_folder(folder, self)


def _spelled(text):
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in text)
