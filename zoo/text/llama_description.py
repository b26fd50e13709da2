"""What the tokenizer of a Llama is, as the dict that a `tokenizer.json` holds."""

import json
import re

from tokenizers import Tokenizer

from zoo.text.byte_bpe_description import check_ids

SPACE = "\u2581"  # how pieces write a space

# What stands before a text. Metaspace's own names: nothing; a space before what begins the text;
# before everything that added tokens separate too. Neither if a space is there already. PREPEND is
# SentencePiece's own way, and that of normalizers: everything gets one, whatever it begins with.
NEVER, FIRST, ALWAYS, PREPEND = "never", "first", "always", "prepend"

_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
_SPACES_TO_MARKS = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_MARKS_TO_SPACES = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
_STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}


def byte_pieces():
    """The piece of each byte: list of 256 str."""
    return [f"<0x{byte:02X}>" for byte in range(256)]


def byte_of(piece):
    """The byte that a piece stands for, None where it is text."""
    found = _BYTE.fullmatch(piece)
    return int(found[1], 16) if found else None


def llama_description(vocabulary, merges, added_tokens, prefix=FIRST):
    """The description that the transformers library makes for its `LlamaTokenizer`.

    Args:
        vocabulary: dict piece -> id.
        merges: list of pairs of pieces, the first is merged first.
        added_tokens: list of dict, see `zoo.text.byte_bpe_description.special_token`.
        prefix: `NEVER`, `FIRST` or `ALWAYS`.

    Returns:
        dict, as a `tokenizer.json` holds it.
    """
    strip = [] if prefix == NEVER else [_STRIP]
    decoders = [_MARKS_TO_SPACES, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": SPACE,
            "prepend_scheme": prefix,
            "split": False,
        },
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": [list(pair) for pair in merges],
        },
    }


def every_merge(vocabulary):
    """The merges of a SentencePiece model: list of pairs of pieces, the first is merged first.

    SentencePiece knows no merges: it joins what makes the piece with the lowest id. So each way to
    make a piece is one, in the order that the transformers library gives them.

    Args:
        vocabulary: dict piece -> id.
    """
    return [
        (piece[:cut], piece[cut:])
        for piece in sorted(vocabulary, key=vocabulary.get)
        for cut in range(1, len(piece))
        if piece[:cut] in vocabulary and piece[cut:] in vocabulary
    ]


def checked_llama_description(description):
    """The description with every field filled in, after a check that it is of such a tokenizer.

    Raises:
        ValueError: it describes another kind of tokenizer, or is damaged.
    """
    try:
        model = description["model"]
        if model.get("type", "BPE") != "BPE" or not model.get("byte_fallback"):
            raise ValueError("it is no BPE with byte_fallback, such as Llama 2 has")
        for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"):
            if model.get(name):
                raise ValueError(f"model.{name}={model[name]!r} is not supported")
        prefix_of(description)
        strips(description)
        plain = description | {"truncation": None, "padding": None}
        whole = json.loads(Tokenizer.from_str(json.dumps(plain)).to_str())
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it describes no BPE tokenizer: {error!r}") from error
    except ValueError:
        raise
    except Exception as error:  # the library raises plain Exception for all that it cannot read
        raise ValueError(f"it describes no BPE tokenizer: {error}") from error
    missing = [piece for piece in byte_pieces() if piece not in whole["model"]["vocab"]]
    if missing:
        raise ValueError(
            f"the vocabulary lacks {len(missing)} of the 256 pieces of bytes, such as "
            f"{missing[0]!r}: it cannot spell every text"
        )
    check_ids(whole, description)
    return whole


def prefix_of(description):
    """What stands before a text: `NEVER`, `FIRST`, `ALWAYS` or `PREPEND`.

    Raises:
        ValueError: texts are normalized or cut in another way than for a Llama.
    """
    normalizer, cutter = description.get("normalizer"), description.get("pre_tokenizer")
    parts = normalizer.get("normalizers", [normalizer]) if normalizer else []
    if not parts and cutter:
        plain = {"type": "Metaspace", "replacement": SPACE, "split": False}
        if all(cutter.get(name, True) == value for name, value in plain.items()):
            return cutter.get("prepend_scheme", ALWAYS)
    prepend = {"type": "Prepend", "prepend": SPACE}
    for prefix, expected in ((PREPEND, [prepend]), (NEVER, [])):
        if not cutter and parts == [*expected, _SPACES_TO_MARKS]:
            return prefix
    raise ValueError(
        "only the Metaspace pre-tokenizer that splits nothing, or the normalizers Prepend and "
        f"Replace of spaces, are supported; got normalizer={normalizer} and pre_tokenizer={cutter}"
    )


def strips(description):
    """Whether decoding takes one space from the beginning of a text.

    Raises:
        ValueError: ids become text in another way than for a Llama.
    """
    parts = (description.get("decoder") or {}).get("decoders", [])
    plain = [_MARKS_TO_SPACES, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if parts not in (plain, [*plain, _STRIP]):
        raise ValueError(f"the decoder must be that of a Llama; got {description.get('decoder')}")
    return parts != plain
