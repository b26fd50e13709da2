"""Folders of BERT tokenizers as the Hugging Face libraries know them: reading and writing."""

import json
from pathlib import Path

from zoo.text.wordpiece_normalizer import WordPieceNormalizer
from zoo.text.wordpiece_tokens import WordPieceTokens

VOCABULARY_FILE = "vocab.txt"
SETTINGS_FILE = "tokenizer_config.json"
TOKENIZER_FILE = "tokenizer.json"
_SPECIAL_TOKENS_FILE = "special_tokens_map.json"
# Our names of settings beside those of tokenizer_config.json and of the normalizer.
_NORMALIZER = {
    "lowercase": ("do_lower_case", "lowercase"),
    "strip_accents": ("strip_accents", "strip_accents"),
    "tokenize_chinese_chars": ("tokenize_chinese_chars", "handle_chinese_chars"),
    "clean_text": ("clean_text", "clean_text"),
}
# What else tokenizer.json must say of the model.
_MODEL = {"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}


def read_vocabulary(file):
    """Read a `vocab.txt`: a piece a line, the number of the line is its id.

    Args:
        file: path.

    Returns:
        List of str.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, or a piece is empty.
    """
    file = Path(file)
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{file}: there is no such file (a piece a line)") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{file}, line {line}: not UTF-8; convert the file to UTF-8") from error
    # Not splitlines: some vocabularies hold other line separators as pieces.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if "" in lines:
        raise ValueError(
            f"{file}, line {lines.index('') + 1}: empty piece; each line must hold one"
        )
    return lines


def read_folder(folder):
    """Read a folder with `tokenizer.json`, or `vocab.txt`, and maybe `tokenizer_config.json`.

    Where two files give a setting, `tokenizer_config.json` stands, as in the transformers library.

    Returns:
        dict of arguments of `WordPieceTokenizer`.

    Raises:
        FileNotFoundError: the folder has neither `tokenizer.json` nor `vocab.txt`.
        ValueError: a file is damaged, or asks for what is not supported; the message names it.
    """
    folder = Path(folder)
    settings = _read_json(folder / _SPECIAL_TOKENS_FILE) | _read_json(folder / SETTINGS_FILE)
    description = _read_json(folder / TOKENIZER_FILE)
    if description:
        normalizer, vocabulary = _of_tokenizer_file(folder / TOKENIZER_FILE, description)
    elif (folder / VOCABULARY_FILE).is_file():
        normalizer, vocabulary = {}, read_vocabulary(folder / VOCABULARY_FILE)
    else:
        raise FileNotFoundError(
            f"{folder} is no folder of a WordPiece tokenizer: it has neither {TOKENIZER_FILE} nor "
            f"{VOCABULARY_FILE}"
        )
    for name, (given, _) in _NORMALIZER.items():
        if given in settings:
            normalizer[name] = settings[given]
    try:
        tokens = _tokens(settings, description, vocabulary)
        return {
            "vocabulary": vocabulary,
            "normalizer": WordPieceNormalizer(**normalizer),
            "tokens": tokens,
            "clean_up": bool(settings.get("clean_up_tokenization_spaces")),
        }
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def _of_tokenizer_file(file, description):
    """The settings of the normalizer, and the vocabulary."""
    try:
        model, normalizer = description["model"], description["normalizer"]
        pre_tokenizer = description["pre_tokenizer"]
        ids = model["vocab"]
        # Files of older versions leave the model's type out.
        given = {name: model.get(name, value) for name, value in _MODEL.items()}
        wrong = {name: value for name, value in given.items() if value != _MODEL[name]}
        if wrong:
            raise ValueError(f"{file}: the model must have {_MODEL}, got {wrong}")
        for part, kind in ((normalizer, "BertNormalizer"), (pre_tokenizer, "BertPreTokenizer")):
            if not part or part["type"] != kind:
                raise ValueError(f"{file}: only {kind} is supported, got {part and part['type']}")
        settings = {name: normalizer[given] for name, (_, given) in _NORMALIZER.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} describes no WordPiece tokenizer: {error!r}") from error
    vocabulary = sorted(ids, key=ids.get)
    if [ids[piece] for piece in vocabulary] != list(range(len(ids))):
        raise ValueError(f"{file}: the ids of the vocabulary must be 0 to {len(ids) - 1}")
    return settings, vocabulary


def _tokens(settings, description, vocabulary):
    """The special tokens of a folder."""
    roles = {}
    for role, token in WordPieceTokens().roles.items():
        given = settings.get(f"{role}_token")
        roles[role] = token if given is None else _content(given)
    entries = [{**entry, "id": int(key)} for key, entry in _added(settings).items()]
    entries = description.get("added_tokens", []) + entries
    entries.sort(key=lambda entry: entry["id"])
    more = [_checked(entry) for entry in entries]
    for name in ("extra_special_tokens", "additional_special_tokens"):
        extra = settings.get(name) or ()
        more += map(_content, extra.values() if isinstance(extra, dict) else extra)
    more = [token for token in dict.fromkeys(more) if token not in roles.values()]
    free = iter(range(len(vocabulary), len(vocabulary) + len(more)))
    known = {piece: number for number, piece in enumerate(vocabulary)}
    ids = {token: known[token] if token in known else next(free) for token in more}
    for entry in entries:
        expected = ids.get(entry["content"], known.get(entry["content"]))
        if entry["id"] != expected:
            raise ValueError(
                f"the added token {entry['content']!r} has the id {entry['id']}, expected "
                f"{expected}: its id in the vocabulary, or the next one after it"
            )
    return WordPieceTokens(**roles, more=more)


def _added(settings):
    return settings.get("added_tokens_decoder") or {}


def _checked(entry):
    """The text of an entry of added tokens, if it is of a supported kind."""
    if not entry["special"] or entry["normalized"] or entry["single_word"]:
        raise ValueError(
            f"the added token {entry['content']!r} must be special, not normalized, and may stand "
            f"inside a word (single_word false); others are not supported: {entry}"
        )
    return entry["content"]


def _content(token):
    return token["content"] if isinstance(token, dict) else token


def write_folder(folder, tokenizer):
    """Write `vocab.txt`, `tokenizer_config.json` and `tokenizer.json` into an existing folder.

    Args:
        folder: path.
        tokenizer: a `WordPieceTokenizer`.
    """
    folder = Path(folder)
    pieces = "".join(f"{piece}\n" for piece in tokenizer.vocabulary)
    (folder / VOCABULARY_FILE).write_bytes(pieces.encode("utf-8"))
    _write_json(folder / SETTINGS_FILE, _settings(tokenizer))
    _write_json(folder / TOKENIZER_FILE, _description(tokenizer))


def _settings(tokenizer):
    normalizer, tokens = tokenizer.normalizer, tokenizer.tokens
    return {
        **{given: getattr(normalizer, name) for name, (given, _) in _NORMALIZER.items()},
        **{f"{role}_token": token for role, token in tokens.roles.items()},
        "additional_special_tokens": list(tokens.more),
        "added_tokens_decoder": {
            str(entry.pop("id")): entry for entry in _added_entries(tokenizer)
        },
        "clean_up_tokenization_spaces": tokenizer.clean_up,
        "tokenizer_class": "BertTokenizer",
    }


def _added_entries(tokenizer):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    ids = sorted(tokenizer.added_tokens.items(), key=lambda item: item[1])
    return [{"id": id_, "content": token, **flags, "special": True} for token, id_ in ids]


def _description(tokenizer):
    """What `tokenizer.json` holds."""
    normalizer, tokens = tokenizer.normalizer, tokenizer.tokens
    cls, sep = ({"SpecialToken": {"id": t, "type_id": 0}} for t in (tokens.cls, tokens.sep))
    first, second = ({"Sequence": {"id": name, "type_id": i}} for i, name in enumerate("AB"))
    last = {"SpecialToken": {"id": tokens.sep, "type_id": 1}}
    special = {
        token: {"id": token, "ids": [tokenizer.added_tokens[token]], "tokens": [token]}
        for token in (tokens.cls, tokens.sep)
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_entries(tokenizer),
        "normalizer": {
            "type": "BertNormalizer",
            **{given: getattr(normalizer, name) for name, (_, given) in _NORMALIZER.items()},
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [cls, first, sep],
            "pair": [cls, first, sep, second, last],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            **_MODEL,
            "unk_token": tokens.unk,
            "vocab": {piece: number for number, piece in enumerate(tokenizer.vocabulary)},
        },
    }


def _write_json(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(file):
    """The object in a JSON file; {} where there is no such file."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} must hold a JSON object")
    return value
