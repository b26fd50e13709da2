"""Tagged words: CoNLL columns, CoNLL-U and JSON lines."""

import re

from recipes.data.labelled_files import numbered_lines, parse_json, short
from recipes.data.labelled_rows import TaggedWords

CONLLU_NAMES = ["ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"]
WORDS_NAMES = ("words", "tokens")
TAGS_NAMES = ("tags", "ner_tags", "pos_tags", "labels")


def read_tagged_words(file, columns, format):
    """Read TaggedWords; arguments, results and errors as `labelled.read_examples`."""
    words, tags = READERS[format](file, columns)
    if not words:
        raise ValueError(f"{file} is empty: it has no tagged words")
    return TaggedWords(words, tags)


def _conll(file, columns):
    """A word a line with its columns, between tabs or else spaces; an empty line ends a sentence.
    -DOCSTART- lines are skipped; there is no header, and # is a word like any other."""
    rows = []
    for line, text in numbered_lines(file):
        if not text.strip(" \t"):
            rows.append(None)
        elif not text.startswith("-DOCSTART-"):
            cells = text.split("\t") if "\t" in text else re.split(" +", text.strip(" "))
            rows.append((line, cells))
    first = next((row for row in rows if row), (1, ["", ""]))
    width = len(first[1])
    if width < 2:
        raise ValueError(
            f"{file}, line {first[0]}: must hold a word and its tag with a tab or space between, "
            f"got {short(first[1][0])}"
        )
    for line, cells in filter(None, rows):
        if len(cells) != width:
            raise ValueError(
                f"{file}, line {line}: has {len(cells)} columns, but line {first[0]} has {width}"
            )
    names = [str(number) for number in range(1, width + 1)]
    return _sentences(file, rows, _find(file, names, columns, "1", names[-1]))


def _conllu(file, columns):
    """CoNLL-U (universaldependencies.org/format): ranges (4-5), empty nodes (4.1) and comments
    are skipped; the columns are FORM and UPOS unless named or numbered otherwise."""
    rows = []
    for line, text in numbered_lines(file):
        cells = text.split("\t")
        if not text.strip():
            rows.append(None)
        elif not text.startswith("#"):
            if len(cells) != len(CONLLU_NAMES):
                raise ValueError(
                    f"{file}, line {line}: has {len(cells)} columns, but CoNLL-U has "
                    f"{len(CONLLU_NAMES)} between tabs"
                )
            if cells[0].isdecimal():
                rows.append((line, cells))
            elif not re.fullmatch(r"\d+[-.]\d+", cells[0]):
                raise ValueError(
                    f"{file}, line {line}: the id must be like 4, 4-5 or 4.1, got {short(cells[0])}"
                )
    return _sentences(file, rows, _find(file, CONLLU_NAMES, columns, "FORM", "UPOS"))


def _find(file, names, columns, word, tag):
    """The positions of the words and of the tags among the names."""
    positions = []
    for asked in (columns.text or word, columns.label or tag):
        numbers = [str(number) for number in range(1, len(names) + 1)]
        if asked in names:
            positions.append(names.index(asked))
        elif asked in numbers:
            positions.append(numbers.index(asked))
        else:
            there = ", ".join(names) if names != numbers else f"1 to {len(names)}"
            raise ValueError(f"{file} has no column {asked!r}: it has the columns {there}")
    return positions


def _sentences(file, rows, positions):
    """The words and tags of sentences, from rows with None between sentences."""
    words, tags = [[]], [[]]
    for row in rows:
        if row is None:
            if words[-1]:
                words.append([])
                tags.append([])
            continue
        line, cells = row
        word, tag = (cells[position].strip(" ") for position in positions)
        if not word or not tag:
            raise ValueError(f"{file}, line {line}: the {'tag' if word else 'word'} is empty")
        words[-1].append(word)
        tags[-1].append(tag)
    return ([column for column in columns if column] for columns in (words, tags))


def _jsonl(file, columns):
    """An object a line with two lists of equal length, such as {"words": [...], "tags": [...]}."""
    words, tags = [], []
    for line, text in numbered_lines(file):
        if not text.strip():
            continue
        value = parse_json(file, text, line)
        where = f"{file}, line {line}"
        row_words = _texts(value, columns.text, WORDS_NAMES, where)
        row_tags = _texts(value, columns.label, TAGS_NAMES, where)
        if len(row_words) != len(row_tags):
            raise ValueError(f"{where}: has {len(row_words)} words, but {len(row_tags)} tags")
        words.append(row_words)
        tags.append(row_tags)
    return words, tags


def _texts(value, asked, known, where):
    """The list of non-empty texts under the asked key, or else the first known one."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: must be a JSON object, got {short(value)}")
    names = [asked] if asked else known
    name = next((name for name in names if name in value), None)
    if name is None:
        raise ValueError(
            f"{where}: has no {' or '.join(names)}; its keys are {', '.join(value)}: give the keys "
            "of the words and the tags"
        )
    texts = value[name]
    if not isinstance(texts, list) or not texts:
        raise ValueError(f"{where}: {name} must be a list of texts, got {short(texts)}")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{where}: {name} must be texts that are not empty, got {short(text)}")
    return texts


READERS = {"conll": _conll, "conllu": _conllu, "jsonl": _jsonl}
