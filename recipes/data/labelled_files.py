"""Labelled files as text, lines and JSON values; what cannot be read is named by file and line."""

import gzip
import json
import zlib
from pathlib import Path

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".trec": "trec",
    ".conll": "conll",
    ".iob": "conll",
    ".bio": "conll",
    ".conllu": "conllu",
    ".json": "squad",
}


def format_of(file):
    """The format of a file by its suffix, with or without `.gz` behind it.

    Raises: ValueError for a suffix that says nothing.
    """
    suffixes = Path(file).suffixes
    suffix = (suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes)[-1:]
    if not suffix or suffix[0].lower() not in FORMATS:
        raise ValueError(
            f"{file}: its name does not say its format; rename it to one of "
            f"{', '.join(FORMATS)} (also with .gz behind), or give the format: "
            f"{', '.join(dict.fromkeys(FORMATS.values()))}"
        )
    return FORMATS[suffix[0].lower()]


def read_text(file):
    """The whole text of a UTF-8 file, plain or `.gz`, without a byte-order mark.

    Raises: ValueError if it is empty, damaged or not UTF-8; OSError if it cannot be opened.
    """
    file = Path(file)
    content = file.read_bytes()
    if file.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{file} is not a whole gzip file: {error}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{file}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x}); "
            "convert the file to UTF-8"
        ) from error
    if not text.strip():
        raise ValueError(f"{file} is empty: it must hold labelled rows")
    return text


def numbered_lines(file):
    """The lines as a list of (number from 1, text), split on "\\n" only; "\\r\\n" ends a line too.

    Other separators (U+2028, form feed, a lone "\\r") are text.
    """
    lines = read_text(file).split("\n")
    return [(number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1)]


def parse_json(file, text, line=1):
    """The JSON value of a text that starts at a line of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{file}, line {line + error.lineno - 1}: invalid JSON: {error.msg} at character "
            f"{error.colno}"
        ) from error


def short(value):
    """A value as an error message shows it: its first 60 characters."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
