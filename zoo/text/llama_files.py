"""Folders of Llama's tokenizers: `tokenizer.model` of SentencePiece, or `tokenizer.json`."""

from pathlib import Path

from zoo.text.byte_bpe_description import special_token
from zoo.text.llama_description import ALWAYS, FIRST, NEVER, every_merge, llama_description
from zoo.text.tokenizer_json import (
    TOKENIZER_FILE,
    add_tokens,
    begins_with,
    read_json,
    read_settings,
    role_ids,
    write_tokenizer_json,
)

MODEL_FILE = "tokenizer.model"
_START, _END = "<s>", "</s>"
_BPE = 2  # trainer_spec.model_type
_CONTROL, _USER_DEFINED, _UNKNOWN = 3, 4, 2  # types of pieces
# Classes of transformers that take no more than vocabulary and merges from a tokenizer.json.
_OWN_RULES = ("LlamaTokenizer", "LlamaTokenizerFast")


def holds_llama_tokenizer(folder):
    """Whether the tokenizer of a model's folder is of this kind, by its `tokenizer.json` or else
    because there is a `tokenizer.model`.

    Raises:
        ValueError: `tokenizer.json` is damaged.
    """
    file = Path(folder) / TOKENIZER_FILE
    if file.is_file():
        model = read_json(file).get("model")
        return isinstance(model, dict) and bool(model.get("byte_fallback"))
    return (Path(folder) / MODEL_FILE).is_file()


def read_llama_folder(folder):
    """Read `tokenizer.json`, or else `tokenizer.model`, and the settings beside it.

    Returns:
        dict of arguments of `LlamaTokenizer`.

    Raises:
        FileNotFoundError: the folder has neither.
        ValueError: a file is damaged, or holds another kind of tokenizer; the message names it.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    try:
        if (folder / TOKENIZER_FILE).is_file():
            description = _of_json(read_json(folder / TOKENIZER_FILE), settings)
        elif (folder / MODEL_FILE).is_file():
            description = _of_model(folder / MODEL_FILE, settings)
        else:
            raise FileNotFoundError(f"{folder} has neither {TOKENIZER_FILE} nor {MODEL_FILE}")
        add_tokens(description, settings, folder)
        roles = role_ids(description, settings, {"start_id": _START, "end_id": _END})
        if description["post_processor"] is None:
            add_start = bool(settings.get("add_bos_token"))
        else:  # it wins over the setting in transformers as well
            start_id = roles["start_id"]
            add_start = start_id is not None and begins_with(description, start_id)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} holds no tokenizer of a Llama: {error!r}") from error
    return {"description": description, **roles, "add_start": add_start}


def _of_json(description, settings):
    description = {"added_tokens": [], "post_processor": None} | description
    if settings.get("tokenizer_class") not in _OWN_RULES:
        return description
    model = description["model"]
    own = llama_description(model["vocab"], [], [], _prefix(settings))
    return description | {name: own[name] for name in ("normalizer", "pre_tokenizer", "decoder")}


def _of_model(file, settings):
    # Imported here because nothing else of this package needs protobuf without TensorFlow.
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{file} is not a SentencePiece model: {error}") from error
    if model.trainer_spec.model_type != _BPE or not model.trainer_spec.byte_fallback:
        raise ValueError(f"{file} must be a SentencePiece model of BPE with byte_fallback")
    if model.normalizer_spec.precompiled_charsmap:
        raise ValueError(
            f"{file} normalizes texts by the rule {model.normalizer_spec.name!r}; a Llama's rule "
            "is identity"
        )
    vocabulary = {piece.piece: number for number, piece in enumerate(model.pieces)}
    added = [
        special_token(piece.piece, number, special=piece.type != _USER_DEFINED)
        for number, piece in enumerate(model.pieces)
        if piece.type in (_CONTROL, _USER_DEFINED, _UNKNOWN)
    ]
    return llama_description(vocabulary, every_merge(vocabulary), added, _prefix(settings))


def _prefix(settings):
    """What transformers' `LlamaTokenizer` puts before a text."""
    if settings.get("add_prefix_space") is False:
        return NEVER
    return ALWAYS if settings.get("legacy") else FIRST


def write_llama_folder(folder, tokenizer):
    """Write `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer` of the transformers
    library reads.

    Args:
        folder: path of a folder that exists.
        tokenizer: a `LlamaTokenizer`.
    """
    write_tokenizer_json(
        folder, tokenizer, tokenizer.description | {"post_processor": _post_processor(tokenizer)}
    )


def _post_processor(tokenizer):
    """What puts the start token before a text, as `tokenizer.json` has it."""
    texts = [{"Sequence": {"id": each, "type_id": number}} for number, each in enumerate("AB")]
    starts, tokens = [[], []], {}
    if tokenizer.add_start:
        contents = {number: content for content, number in tokenizer.added_tokens.items()}
        start = contents[tokenizer.start_id]
        starts = [[{"SpecialToken": {"id": start, "type_id": number}}] for number in range(2)]
        tokens = {start: {"id": start, "ids": [tokenizer.start_id], "tokens": [start]}}
    return {
        "type": "TemplateProcessing",
        "single": [*starts[0], texts[0]],
        "pair": [*starts[0], texts[0], *starts[1], texts[1]],
        "special_tokens": tokens,
    }
