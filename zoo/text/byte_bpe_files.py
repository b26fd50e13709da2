"""Files of byte-level BPE tokenizers, as OpenAI and the Hugging Face libraries write them."""

import json
from pathlib import Path

from zoo.text.byte_bpe_description import END_OF_TEXT, gpt2_description, special_token

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"
_SPECIAL_TOKENS_FILE = "special_tokens_map.json"
_ADDED_TOKENS_FILE = "added_tokens.json"
# Vocabulary and merges: by transformers, and by OpenAI's code of GPT-2.
_PAIRS_OF_FILES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
_ROLES = {"start_id": "bos_token", "end_id": "eos_token", "pad_id": "pad_token"}


def read_vocabulary_and_merges(vocabulary_file, merges_file):
    """Read `vocab.json` and `merges.txt`, or OpenAI's `encoder.json` and `vocab.bpe`.

    Args:
        vocabulary_file: path of a JSON object, piece -> id.
        merges_file: path of a text file, two pieces a line, the first line is merged first.

    Returns:
        (dict piece -> id, list of pairs of str).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is damaged, or they do not belong together; the message names file and
            line.
    """
    vocabulary_file, merges_file = Path(vocabulary_file), Path(merges_file)
    for file in (vocabulary_file, merges_file):
        if not file.is_file():
            raise FileNotFoundError(f"{file}: there is no such file")
    vocabulary = _read_json(vocabulary_file)
    wrong = [piece for piece, number in vocabulary.items() if type(number) is not int]
    if wrong:
        raise ValueError(f"{vocabulary_file}: the id of {wrong[0]!r} is no integer")
    try:
        lines = merges_file.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{merges_file}, line {line}: not UTF-8") from error
    merges = []
    for number, line in enumerate(lines, start=1):
        pair = line.removesuffix("\r").split(" ")
        if line.startswith("#version") or pair == [""]:
            continue
        if len(pair) != 2:
            raise ValueError(f"{merges_file}, line {number}: two pieces expected, got {line!r}")
        for piece in (*pair, "".join(pair)):
            if piece not in vocabulary:
                raise ValueError(
                    f"{merges_file}, line {number}: {piece!r} is not in {vocabulary_file.name}"
                )
        merges.append(tuple(pair))
    return vocabulary, merges


def read_folder(folder):
    """Read a folder with `tokenizer.json`, or a vocabulary and merges, and maybe their settings.

    Read as well are `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`.
    Special tokens that have no id yet get the next ones, as in the transformers library.

    Returns:
        dict of arguments of `ByteBPETokenizer`.

    Raises:
        FileNotFoundError: the folder has no such files.
        ValueError: a file is damaged; the message names it.
    """
    folder = Path(folder)
    settings = _json_if_there(folder / _SPECIAL_TOKENS_FILE)
    settings |= _json_if_there(folder / SETTINGS_FILE)
    try:
        description = _description(folder)
        _add_tokens(description, settings, _json_if_there(folder / _ADDED_TOKENS_FILE))
        if "add_prefix_space" in settings and "add_prefix_space" in description["pre_tokenizer"]:
            description["pre_tokenizer"]["add_prefix_space"] = bool(settings["add_prefix_space"])
        ids = description["model"]["vocab"] | {
            entry["content"]: entry["id"] for entry in description["added_tokens"]
        }
        roles = _roles(settings, ids)
        add_start = settings.get("add_bos_token")
        if add_start is None:
            add_start = _post_processor_begins(description, ids, roles["start_id"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} holds no byte-level BPE tokenizer: {error!r}") from error
    return {"description": description, **roles, "add_start": bool(add_start)}


def _description(folder):
    if (folder / TOKENIZER_FILE).is_file():
        return {"added_tokens": [], "pre_tokenizer": {}} | _read_json(folder / TOKENIZER_FILE)
    for pair in _PAIRS_OF_FILES:
        files = [folder / name for name in pair]
        if any(file.is_file() for file in files):
            return gpt2_description(*read_vocabulary_and_merges(*files))
    raise FileNotFoundError(
        f"{folder} is no folder of a byte-level BPE tokenizer: it has neither {TOKENIZER_FILE} nor "
        "vocab.json with merges.txt, nor encoder.json with vocab.bpe"
    )


def _add_tokens(description, settings, plain):
    """Add to the description the tokens that only the files beside it name."""
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


def _roles(settings, ids):
    """Ids of start, end and padding; where nothing is said, those of GPT-2."""
    contents = {role: _content(settings.get(name)) for role, name in _ROLES.items()}
    if not any(name in settings for name in _ROLES.values()) and END_OF_TEXT in ids:
        contents |= {"start_id": END_OF_TEXT, "end_id": END_OF_TEXT}
    return {role: None if token is None else ids[token] for role, token in contents.items()}


def _post_processor_begins(description, ids, start_id):
    """Whether the post-processor puts the start token before a text."""
    processor = description.get("post_processor") or {}
    for part in processor.get("processors", [processor]):
        if part.get("type") == "TemplateProcessing":
            first = part["single"][0].get("SpecialToken")
            return first is not None and ids.get(first["id"]) == start_id
    return False


def _content(token):
    return token["content"] if isinstance(token, dict) else token


def write_folder(folder, tokenizer):
    """Write `tokenizer.json`, `tokenizer_config.json`, `vocab.json` and `merges.txt`.

    `AutoTokenizer` of the transformers library reads the folder.

    Args:
        folder: path of a folder that exists.
        tokenizer: a `ByteBPETokenizer`.
    """
    folder = Path(folder)
    description = tokenizer.description
    vocabulary_file, merges_file = _PAIRS_OF_FILES[0]
    merges = (" ".join(pair) for pair in description["model"]["merges"])
    (folder / merges_file).write_bytes("\n".join(["#version: 0.2", *merges, ""]).encode("utf-8"))
    _write_json(folder / vocabulary_file, description["model"]["vocab"])
    _write_json(folder / TOKENIZER_FILE, description)
    contents = {entry["id"]: entry["content"] for entry in description["added_tokens"]}
    ids = {"start_id": tokenizer.start_id, "end_id": tokenizer.end_id, "pad_id": tokenizer.pad_id}
    settings = {
        **{_ROLES[role]: contents.get(number) for role, number in ids.items()},
        "add_bos_token": tokenizer.add_start,
        "clean_up_tokenization_spaces": False,
        # Reads tokenizer.json as it stands; GPT2Tokenizer would cut words its own way.
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    _write_json(folder / SETTINGS_FILE, settings)


def _write_json(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _json_if_there(file):
    return _read_json(file) if file.is_file() else {}


def _read_json(file):
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} must hold a JSON object")
    return value
