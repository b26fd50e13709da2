"""Tables of labelled texts: CSV, TSV, JSON lines and TREC's question lines."""

import csv
import dataclasses
import io
import math

from recipes.data.labelled_files import numbered_lines, parse_json, read_text, short
from recipes.data.labelled_rows import Examples

TEXT_NAMES = ("text", "sentence", "review", "comment", "tweet", "content", "body", "question")
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("#1 string", "#2 string"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("text", "text_pair"),
    ("text_a", "text_b"),
    ("text1", "text2"),
)
LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "score", "quality", "target")
LABEL_NAMES += ("similarity", "gold_label", "is_duplicate")
KNOWN_NAMES = {*TEXT_NAMES, *LABEL_NAMES, *(name for pair in PAIR_NAMES for name in pair)}


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a file hold what: a name (of the header, a JSON key), or a number from 1.

    Attributes:
        text: str; the words' column for tagging.
        pair: str; the second texts.
        label: str; the tags' column for tagging.
        header: True or False; None: the first line is a header if it holds one of the names given
            here or a well-known one (TEXT_NAMES, PAIR_NAMES, LABEL_NAMES, in any case).
        separator: what stands between the labels of a multilabel cell.

    A column that is not given is the first well-known name that the header has. Without a header
    the text is the first column, the pair the second and the label the last.
    """

    text: str | None = None
    pair: str | None = None
    label: str | None = None
    header: bool | None = None
    separator: str = "|"

    def names(self):
        """The columns given by name."""
        given = (self.text, self.pair, self.label)
        return [name for name in given if name is not None and not name.isdecimal()]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of equally many cells.

    Attributes:
        names: list of str or None, the header.
        rows: list of (line, cells).
    """

    names: list | None
    rows: list

    def width(self):
        return len(self.names or self.rows[0][1])


def read_examples_table(file, kind, columns, format):
    """Read Examples of a table; arguments, results and errors as `labelled.read_examples`."""
    table = READERS[format](file, columns)
    if not table.rows:
        raise ValueError(f"{file} is empty: it has a header, but no rows")
    text, pair = _text_columns(file, table, kind, columns)
    label = _find(file, table, "label", columns.label)
    label = _guess_label(file, table, 1 if pair is None else 2) if label is None else label
    if len({text, pair, label}) < 3:
        raise ValueError(
            f"{file}: text, pair and label must be different columns, got {columns}; "
            f"{_columns_there(table)}"
        )
    read_label = LABELS[kind]
    texts, pairs, labels = [], [], []
    for line, cells in table.rows:
        where = f"{file}, line {line}"
        texts.append(_text(cells[text], f"{where}: the text"))
        if pair is not None:
            pairs.append(_text(cells[pair], f"{where}: the second text"))
        labels.append(read_label(cells[label], where, columns))
    return Examples(texts, None if pair is None else pairs, labels)


def _csv_table(file, columns):
    """RFC 4180: a cell in quotes may hold commas, line breaks and doubled quotes."""
    reader = csv.reader(io.StringIO(read_text(file), newline="\n"), strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            if cells:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {line}: not CSV: {error}. Quotes inside a quoted cell are doubled; a "
            "file with tabs and no quoting is TSV"
        ) from error
    return _with_header(file, rows, columns)


def _tsv_table(file, columns):
    """Cells between tabs; a quote is a character like any other."""
    lines = numbered_lines(file)
    return _with_header(file, [(line, text.split("\t")) for line, text in lines if text], columns)


def _jsonl_table(file, columns):
    """An object a line; the header is all keys in order of appearance."""
    objects = []
    for line, text in numbered_lines(file):
        if text.strip():
            value = parse_json(file, text, line)
            if not isinstance(value, dict):
                raise ValueError(f"{file}, line {line}: must be a JSON object, got {short(value)}")
            objects.append((line, value))
    names = list(dict.fromkeys(name for _, value in objects for name in value))
    return Table(names, [(line, [value.get(name) for name in names]) for line, value in objects])


def _trec_table(file, columns):
    """`COARSE:fine question words`: columns label (COARSE), fine (COARSE:fine) and text."""
    rows = []
    for line, content in numbered_lines(file):
        if content:
            fine, _, text = content.partition(" ")
            coarse, colon, _ = fine.partition(":")
            if not colon:
                raise ValueError(
                    f"{file}, line {line}: must be `COARSE:fine question`, got {short(content)}"
                )
            rows.append((line, [coarse, fine, text]))
    return Table(["label", "fine", "text"], rows)


def _with_header(file, rows, columns):
    """The table of rows whose first may be a header: the rule of Columns.header."""
    first = [cell.strip() for cell in rows[0][1]]
    for line, cells in rows:
        if len(cells) != len(first):
            raise ValueError(
                f"{file}, line {line}: has {len(cells)} columns, but line {rows[0][0]} has "
                f"{len(first)}"
            )
    wanted = columns.names()
    header = columns.header
    if header is None:
        found = {name.lower() for name in first} & KNOWN_NAMES
        header = bool(found or set(first) & set(wanted))
    return Table(first, rows[1:]) if header else Table(None, rows)


def _columns_there(table):
    if table.names:
        return f"the file has the columns {', '.join(table.names)}"
    return f"the file has {table.width()} columns without a header"


def _find(file, table, what, asked):
    """The position of an asked column, None if it is not asked for."""
    if asked is None:
        return None
    if table.names and asked in table.names:
        return table.names.index(asked)
    if asked.isdecimal() and 1 <= int(asked) <= table.width():
        return int(asked) - 1
    raise ValueError(f"{file} has no {what} column {asked!r}: {_columns_there(table)}")


def _text_columns(file, table, kind, columns):
    """Positions of the texts and the second texts (None: single texts)."""
    text = _find(file, table, "text", columns.text)
    pair = _find(file, table, "pair", columns.pair)
    if kind == "classification" and pair is not None:
        raise ValueError("a pair column is for the kinds pair, multilabel and regression")
    if kind != "classification" and text is None and pair is None:
        text, pair = _guess_pair(table, kind)
    if text is None:
        text = _known(table, TEXT_NAMES) if table.names else 0
    if text is None:
        raise _unknown(file, table, "text", "text")
    if pair is None and kind == "pair":
        raise _unknown(file, table, "second text", "pair")
    return text, pair


def _guess_pair(table, kind):
    if not table.names:
        return (0, 1) if kind == "pair" and table.width() > 2 else (None, None)
    found = [(_known(table, [first]), _known(table, [second])) for first, second in PAIR_NAMES]
    return next((pair for pair in found if None not in pair), (None, None))


def _known(table, names):
    """The position of the first of these names that the header has, in any case; else None."""
    there = [name.lower() for name in table.names]
    return next((there.index(name) for name in names if name in there), None)


def _guess_label(file, table, texts):
    label = _known(table, LABEL_NAMES) if table.names else table.width() - 1
    if label is None or (not table.names and table.width() <= texts):
        raise _unknown(file, table, "label", "label")
    return label


def _unknown(file, table, what, field):
    return ValueError(
        f"{file}: cannot tell which column is the {what}; {_columns_there(table)}: give the name "
        f"or number of the {field} column"
    )


def _text(cell, where):
    if not isinstance(cell, str):
        raise ValueError(f"{where} must be a text, got {short(cell)}")
    if not cell.strip():
        raise ValueError(f"{where} is empty; fill or remove the row")
    return cell


def _class_label(cell, where, columns=None):
    """A class: a text without white space around it; numbers and booleans of JSON as JSON has
    them."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        return str(cell)
    if cell is not None and not isinstance(cell, str):
        raise ValueError(f"{where}: a label must be a text or a number, got {short(cell)}")
    if cell is None or not cell.strip():
        raise ValueError(f"{where}: the label is empty; fill or remove the row")
    return cell.strip()


def _label_set(cell, where, columns):
    """Several labels: a JSON list, or a text with separators; an empty one has no labels."""
    if isinstance(cell, str):
        cell = cell.split(columns.separator) if cell.strip() else []
    if not isinstance(cell, list):
        raise ValueError(f"{where}: labels must be a text or a list, got {short(cell)}")
    return tuple(dict.fromkeys(_class_label(label, where) for label in cell))


def _score(cell, where, columns):
    try:
        score = math.nan if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError):
        score = math.nan
    if not math.isfinite(score):
        raise ValueError(
            f"{where}: the label must be a finite number such as 3.5, got {short(cell)}; if it is "
            "a header, say so"
        )
    return score


READERS = {"csv": _csv_table, "tsv": _tsv_table, "jsonl": _jsonl_table, "trec": _trec_table}
LABELS = {
    "classification": _class_label,
    "pair": _class_label,
    "multilabel": _label_set,
    "regression": _score,
}
