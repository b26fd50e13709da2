"""What a byte-level BPE tokenizer is, as the dict that a `tokenizer.json` holds."""

import json

from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"

# The fields that decide which ids a text gets; others say how offsets and pairs look.
_DECIDING = ("normalizer", "pre_tokenizer", "added_tokens")
_MODEL_FIELDS = ("vocab", "merges", "ignore_merges")


def byte_symbols():
    """The character that stands for each byte in a vocabulary: list of 256 str.

    Printable characters of Latin-1 stand for themselves, the other 68 bytes are U+0100 onwards
    (Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2, and
    its code).
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_BYTE_OF = {symbol: byte for byte, symbol in enumerate(byte_symbols())}


def gpt2_description(vocabulary, merges, special_tokens=(END_OF_TEXT,)):
    """The description of a tokenizer that cuts words as GPT-2 does.

    Args:
        vocabulary: dict piece -> id, bytes written as `byte_symbols`.
        merges: list of pairs of pieces, the first is merged first.
        special_tokens: those that the vocabulary lacks get the next ids.

    Returns:
        dict, as a `tokenizer.json` holds it.
    """
    free = max(vocabulary.values(), default=-1) + 1
    missing = [token for token in special_tokens if token not in vocabulary]
    ids = vocabulary | {token: free + number for number, token in enumerate(missing)}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special_token(token, ids[token]) for token in special_tokens],
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [list(pair) for pair in merges],
        },
    }


def special_token(content, token_id, special=True):
    """An entry of `added_tokens`."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    return {"id": token_id, "content": content, **flags, "normalized": False, "special": special}


def checked_description(description):
    """The description with every field filled in, after a check that it is byte-level BPE.

    Raises:
        ValueError: it describes another kind of tokenizer, or is damaged.
    """
    try:
        model, decoder = description["model"], description["decoder"]
        if model.get("type", "BPE") != "BPE" or "merges" not in model:
            raise ValueError(f"the model is {model.get('type')}, not BPE")
        kinds = [part["type"] for part in _parts(description["pre_tokenizer"])]
        if "ByteLevel" not in kinds or not decoder or decoder["type"] != "ByteLevel":
            raise ValueError(
                "it is not byte-level (pre_tokenizer and decoder must be ByteLevel); "
                "SentencePieceTokenizer reads a tokenizer.model"
            )
        for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(name):
                raise ValueError(f"model.{name}={model[name]!r} is not supported")
        plain = description | {"truncation": None, "padding": None}
        if model.get("unk_token") not in (None, *model["vocab"]):
            # Every byte has a symbol, so nothing is unknown.
            plain["model"] = model | {"unk_token": None}
        whole = json.loads(Tokenizer.from_str(json.dumps(plain)).to_str())
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it describes no BPE tokenizer: {error!r}") from error
    except Exception as error:  # the library raises plain Exception for all that it cannot read
        raise ValueError(f"it describes no byte-level BPE tokenizer: {error}") from error
    _check_ids(whole, description)
    return whole


def _parts(pre_tokenizer):
    """The parts of a pre-tokenizer, which may be a sequence of them."""
    if not pre_tokenizer:
        return []
    return pre_tokenizer.get("pretokenizers", [pre_tokenizer])


def _check_ids(whole, given):
    vocabulary = whole["model"]["vocab"]
    missing = [symbol for symbol in byte_symbols() if symbol not in vocabulary]
    if missing:
        raise ValueError(
            f"the vocabulary lacks {len(missing)} of the 256 byte symbols, such as {missing[0]!r}: "
            "it cannot spell every text"
        )
    ids = {entry["content"]: entry["id"] for entry in whole["added_tokens"]}
    for content in ids.keys() & vocabulary.keys():
        if _bytes_of(content) != content.encode():
            raise ValueError(f"the added token {content!r} is written as a piece of other bytes")
    check_ids(whole, given)


def check_ids(whole, given):
    """Check that no id is given twice, and that added tokens get the ids that they are given.

    Args:
        whole: dict, the description as the tokenizers library understood it.
        given: dict, the description.

    Raises:
        ValueError: naming what is wrong.
    """
    vocabulary = whole["model"]["vocab"]
    if len(set(vocabulary.values())) < len(vocabulary) or min(vocabulary.values()) < 0:
        raise ValueError("the vocabulary gives one id to two pieces, or a negative one")
    ids = {entry["content"]: entry["id"] for entry in whole["added_tokens"]}
    for entry in given.get("added_tokens", ()):
        content = entry["content"]
        if ids.get(content) != entry["id"]:
            raise ValueError(
                f"the added token {content!r} has the id {entry['id']}, expected "
                f"{ids.get(content)}: its id in the vocabulary, or the next one after it"
            )


def piece_texts(description):
    """The bytes that each id stands for: dict id -> bytes."""
    texts = {number: _bytes_of(piece) for piece, number in description["model"]["vocab"].items()}
    return texts | {e["id"]: e["content"].encode() for e in description["added_tokens"]}


def _bytes_of(piece):
    """What a piece spells; one with other characters than `byte_symbols` is text itself."""
    spelled = [_BYTE_OF.get(symbol) for symbol in piece]
    return piece.encode() if None in spelled else bytes(spelled)


def deciding_facts(description):
    """What decides which ids a text gets, as a JSON value."""
    model = description["model"]
    return {
        **{name: description[name] for name in _DECIDING},
        **{name: model[name] for name in _MODEL_FIELDS},
    }
