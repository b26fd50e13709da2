"""Labelled data for fine-tuning: one function reads every kind of file.

    kind            formats                    what a row is
    classification  csv, tsv, jsonl, trec      a text and its class
    pair            csv, tsv, jsonl            two texts and their class
    multilabel      csv, tsv, jsonl            a text (or two) and any number of labels
    regression      csv, tsv, jsonl            a text (or two) and a number
    tagging         conll, conllu, jsonl       the words of a sentence and their tags
    qa              squad                      a question, a context and the answers in it

The format is told by the file's suffix (labelled_files.FORMATS), with or without `.gz`.
Files are UTF-8, with or without byte-order mark; lines end at "\\n" only. Empty lines of tables are
skipped.
"""

from recipes.data.label_names import label_ids, label_names
from recipes.data.labelled_files import format_of
from recipes.data.labelled_questions import read_questions
from recipes.data.labelled_rows import Examples, Questions, TaggedWords, split
from recipes.data.labelled_tables import Columns, read_examples_table
from recipes.data.labelled_words import read_tagged_words

__all__ = [
    "KINDS",
    "Columns",
    "Examples",
    "Questions",
    "TaggedWords",
    "label_ids",
    "label_names",
    "read_examples",
    "split",
]

KINDS = {
    "classification": ("csv", "tsv", "jsonl", "trec"),
    "pair": ("csv", "tsv", "jsonl"),
    "multilabel": ("csv", "tsv", "jsonl"),
    "regression": ("csv", "tsv", "jsonl"),
    "tagging": ("conll", "conllu", "jsonl"),
    "qa": ("squad",),
}


def read_examples(file, kind, columns=None, format=None):
    """Read the labelled rows of a file.

    Args:
        file: path, plain or `.gz`.
        kind: key of KINDS.
        columns: Columns, which columns hold what; None: the well-known ones.
        format: one of KINDS[kind]; None: what the suffix says.

    Returns: TaggedWords for tagging, Questions for qa, else Examples. Labels are str for
        classification and pair, tuples of str for multilabel and float for regression.
    Raises: ValueError naming file, line, what was found and the way out: for a kind, format or
        column that is not there; a file that is empty, damaged or not UTF-8; rows of unequal
        length; invalid JSON; an empty text, word, tag or class; a score that is no finite number;
        words and tags of unequal number; an answer that does not occur in its context.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    columns = Columns() if columns is None else columns
    found = format_of(file) if format is None else format
    if found not in KINDS[kind]:
        raise ValueError(
            f"{file} is read as {found}, but {kind} is read from {', '.join(KINDS[kind])}: "
            "give the format or another kind"
        )
    if kind == "tagging":
        return read_tagged_words(file, columns, found)
    if kind == "qa":
        return read_questions(file)
    return read_examples_table(file, kind, columns, found)
