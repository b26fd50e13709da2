"""`tokenizer.json` of the Hugging Face libraries, and the settings beside it."""

import json
from pathlib import Path

from zoo.text.byte_bpe_description import special_token

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"
_SPECIAL_TOKENS_FILE = "special_tokens_map.json"
_ADDED_TOKENS_FILE = "added_tokens.json"
_ROLES = {"start_id": "bos_token", "end_id": "eos_token", "pad_id": "pad_token"}


def read_settings(folder):
    """The settings of `special_tokens_map.json` and `tokenizer_config.json`: a dict.

    Raises:
        ValueError: a file is damaged; the message names it.
    """
    found = [Path(folder) / name for name in (_SPECIAL_TOKENS_FILE, SETTINGS_FILE)]
    settings = {}
    for file in found:
        settings |= read_json(file) if file.is_file() else {}
    return settings


def add_tokens(description, settings, folder):
    """Add to a description the tokens that only the files beside it name.

    They are those of the settings and of `added_tokens.json`. Special tokens that have no id yet
    get the next ones, as in the transformers library.

    Args:
        description: dict; it is changed.
        settings: dict, see `read_settings`.
        folder: where `added_tokens.json` may be.
    """
    file = Path(folder) / _ADDED_TOKENS_FILE
    plain = read_json(file) if file.is_file() else {}
    entries = description["added_tokens"] = list(description["added_tokens"])
    vocabulary = description["model"]["vocab"]
    known = {entry["content"] for entry in entries}
    named = [
        special_token(entry["content"], int(number), entry.get("special", False)) | entry
        for number, entry in (settings.get("added_tokens_decoder") or {}).items()
    ]
    named += [special_token(content, number, special=False) for content, number in plain.items()]
    for entry in sorted(named, key=lambda entry: entry["id"]):
        if entry["content"] not in known:
            entries.append(entry)
            known.add(entry["content"])
    extra = settings.get("additional_special_tokens") or settings.get("extra_special_tokens") or ()
    extra = list(extra.values()) if isinstance(extra, dict) else list(extra)
    for token in [settings.get(name) for name in _ROLES.values()] + extra:
        content = _content(token)
        if content is None or content in known:
            continue
        free = 1 + max([*vocabulary.values(), *(entry["id"] for entry in entries)])
        entries.append(special_token(content, vocabulary.get(content, free)))
        known.add(content)


def token_ids(description):
    """dict of all pieces and added tokens -> id."""
    added = {entry["content"]: entry["id"] for entry in description["added_tokens"]}
    return description["model"]["vocab"] | added


def role_ids(description, settings, default):
    """Ids of the tokens with a role: {"start_id", "end_id", "pad_id"} -> id or None.

    Args:
        description: dict.
        settings: dict, see `read_settings`.
        default: dict name of the role -> content of a token, where the settings name none and all
            of these are there.
    """
    ids = token_ids(description)
    contents = {role: _content(settings.get(name)) for role, name in _ROLES.items()}
    named = any(name in settings for name in _ROLES.values())
    if not named and all(content in ids for content in default.values()):
        contents |= default
    return {role: None if token is None else ids[token] for role, token in contents.items()}


def begins_with(description, start_id):
    """Whether the post-processor puts the token `start_id` before a text."""
    processor = description.get("post_processor") or {}
    for part in processor.get("processors", [processor]):
        if part.get("type") == "TemplateProcessing":
            first = part["single"][0].get("SpecialToken")
            return first is not None and token_ids(description).get(first["id"]) == start_id
    return False


def _content(token):
    return token["content"] if isinstance(token, dict) else token


def write_tokenizer_json(folder, tokenizer, description):
    """Write `tokenizer.json` and `tokenizer_config.json` into a folder that exists.

    Args:
        folder: path.
        tokenizer: a `zoo.text.described_tokenizer.DescribedTokenizer`.
        description: dict, what is written of it.
    """
    write_json(Path(folder) / TOKENIZER_FILE, description)
    contents = {entry["id"]: entry["content"] for entry in description["added_tokens"]}
    ids = {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id, "pad_id": tokenizer.pad_id}
    settings = {
        **{_ROLES[role]: contents.get(number) for role, number in ids.items()},
        "add_bos_token": tokenizer.add_start,
        "clean_up_tokenization_spaces": False,
        # Reads tokenizer.json as it stands; GPT2Tokenizer and LlamaTokenizer would cut texts their
        # own way.
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    write_json(Path(folder) / SETTINGS_FILE, settings)


def write_json(file, value):
    """Write a JSON value into a file."""
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(file):
    """Read a JSON object.

    Raises:
        ValueError: it is none; the message names the file.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} must hold a JSON object")
    return value
