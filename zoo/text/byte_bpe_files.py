"""Files of byte-level BPE tokenizers, as OpenAI and the Hugging Face libraries write them."""

from pathlib import Path

from zoo.text.byte_bpe_description import END_OF_TEXT, gpt2_description
from zoo.text.tokenizer_json import (
    TOKENIZER_FILE,
    add_tokens,
    begins_with,
    read_json,
    read_settings,
    role_ids,
    write_json,
    write_tokenizer_json,
)

# Vocabulary and merges: by transformers, and by OpenAI's code of GPT-2.
_PAIRS_OF_FILES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))


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
    vocabulary = read_json(vocabulary_file)
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
    settings = read_settings(folder)
    try:
        description = _description(folder)
        add_tokens(description, settings, folder)
        if "add_prefix_space" in settings and "add_prefix_space" in description["pre_tokenizer"]:
            description["pre_tokenizer"]["add_prefix_space"] = bool(settings["add_prefix_space"])
        # Where nothing is said of tokens, GPT-2's.
        default = {"start_id": END_OF_TEXT, "end_id": END_OF_TEXT}
        roles = role_ids(description, settings, default)
        add_start = settings.get("add_bos_token")
        if add_start is None:
            add_start = begins_with(description, roles["start_id"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} holds no byte-level BPE tokenizer: {error!r}") from error
    return {"description": description, **roles, "add_start": bool(add_start)}


def _description(folder):
    if (folder / TOKENIZER_FILE).is_file():
        return {"added_tokens": [], "pre_tokenizer": {}} | read_json(folder / TOKENIZER_FILE)
    for pair in _PAIRS_OF_FILES:
        files = [folder / name for name in pair]
        if any(file.is_file() for file in files):
            return gpt2_description(*read_vocabulary_and_merges(*files))
    raise FileNotFoundError(
        f"{folder} is no folder of a byte-level BPE tokenizer: it has neither {TOKENIZER_FILE} nor "
        "vocab.json with merges.txt, nor encoder.json with vocab.bpe"
    )


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
    write_json(folder / vocabulary_file, description["model"]["vocab"])
    write_tokenizer_json(folder, tokenizer, description)
