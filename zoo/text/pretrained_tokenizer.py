"""Which tokenizer the folder of a decoder's weights holds."""

from zoo.text.byte_bpe_tokenizer import ByteBPETokenizer
from zoo.text.llama_files import holds_llama_tokenizer
from zoo.text.llama_tokenizer import LlamaTokenizer


def pretrained_tokenizer_class(folder):
    """`LlamaTokenizer` where `tokenizer.json` is of BPE with byte_fallback, or there is only a
    `tokenizer.model`; else `ByteBPETokenizer`.

    Args:
        folder: path of a Hugging Face folder, or of one that such a tokenizer wrote.

    Raises:
        ValueError: `tokenizer.json` is damaged.
    """
    return LlamaTokenizer if holds_llama_tokenizer(folder) else ByteBPETokenizer


def pretrained_tokenizer(folder):
    """The tokenizer of a GPT's folder.

    Args:
        folder: path of a Hugging Face folder.

    Raises:
        FileNotFoundError: the folder has no tokenizer's files.
        ValueError: a file is damaged, or describes another kind of tokenizer.
    """
    return pretrained_tokenizer_class(folder).from_pretrained(folder)
