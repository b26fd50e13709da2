"""Documents of sentences: from text files to memory-mapped ids."""

import dataclasses
import itertools
import re
from pathlib import Path

import numpy as np

from zoo.folders import new_folder
from zoo.text.arrays import IdArrays, open_ids, write_ids
from zoo.text.files import decoded_lines

_SENTENCES_FOLDER = "sentences"
_DOCUMENTS_FILE = "documents.npy"
_ARTICLE = re.compile(r"= [^=](.*[^=])? =")
_HEADING = re.compile(r"(= ){2,}.*( =){2,}")
_JOINED = re.compile(r" @([-,.])@ ")
_SENTENCE_ENDS = (".", "?", "!")


@dataclasses.dataclass(frozen=True, eq=False)
class Documents:
    """D documents: document d is the sentences `offsets[d]` up to, not with, `offsets[d + 1]`.

    Args:
        sentences: `IdArrays` of all N sentences, a row each, in the order of the text.
        offsets: int64 (D + 1,), from 0 to N, always rising.

    Raises:
        ValueError: the offsets do not fit.
    """

    sentences: IdArrays
    offsets: np.ndarray

    def __post_init__(self):
        offsets = self.offsets
        if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(self.sentences):
            raise ValueError(
                "offsets of documents must begin with 0 and end with the number of sentences, "
                f"{len(self.sentences)}"
            )
        if np.any(np.diff(offsets) < 1):
            raise ValueError("every document must hold a sentence at least")

    def __len__(self):
        return len(self.offsets) - 1


def write_documents(folder, documents, tokenizer):
    """Encode documents into a new folder that `open_documents` reads, all or nothing.

    Args:
        folder: path that must not exist yet.
        documents: iterable of lists of str, such as `read_documents(file)`; taken bit by bit, so
            that a text of any size fits into memory.
        tokenizer: as for `write_ids`.

    Returns:
        The `Documents` of the folder.

    Raises:
        FileExistsError: `folder` exists.
        ValueError: there is no text, or a document without sentences.
        OSError: the disk is full. Nothing is left behind.
    """
    counts = []

    def sentences():
        for document in documents:
            counts.append(len(document))
            yield from document

    with new_folder(folder) as temporary:
        ids = write_ids(temporary / _SENTENCES_FOLDER, sentences(), tokenizer)
        offsets = np.concatenate([np.zeros(1, "int64"), np.cumsum(counts, dtype="int64")])
        Documents(ids, offsets)
        np.save(temporary / _DOCUMENTS_FILE, offsets)
    return open_documents(folder, tokenizer)


def open_documents(folder, tokenizer):
    """Map the documents that `write_documents` wrote into memory.

    Args:
        folder: path.
        tokenizer: the tokenizer that the ids are used with.

    Returns:
        `Documents`.

    Raises:
        ValueError: the folder is damaged, or its ids were made by another tokenizer.
    """
    folder = Path(folder)
    sentences = open_ids(folder / _SENTENCES_FOLDER, tokenizer)
    try:
        offsets = np.load(folder / _DOCUMENTS_FILE, mmap_mode="r")
        return Documents(sentences, np.asarray(offsets))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} holds no whole documents: {error}") from error


def read_documents(file):
    """Yield the documents of a text file in the format of the original BERT.

    A sentence a line, an empty line between documents.

    Args:
        file: path, plain or `.gz`, UTF-8.

    Yields:
        Lists of str, at least a sentence each.

    Raises:
        ValueError: there is no sentence, or as `decoded_lines`.
    """
    lines = (line.strip() for line in decoded_lines(file))
    groups = itertools.groupby(lines, key=bool)
    yield from _some((list(group) for full, group in groups if full), file)


def read_wikitext(file, unknown="[UNK]"):
    """Yield the articles of a file in the format of WikiText (Merity et al. 2016), word by word.

    `= Title =` begins an article, which is a document; titles and headings are no sentences. A
    paragraph is a line, and a sentence of it ends after the word ".", "?" or "!", or after the
    quotation mark that follows it and closes one of the sentence; so it also ends after
    abbreviations, which stand apart from their period in this format. " @-@ ", " @,@ " and " @.@ "
    become "-", "," and ".".

    Args:
        file: path, plain or `.gz`, UTF-8.
        unknown: what `<unk>`, the format's rare word, becomes.

    Yields:
        Lists of str, at least a sentence each.

    Raises:
        ValueError: there is no sentence, or as `decoded_lines`.
    """
    yield from _some(_articles(file, unknown), file)


def _articles(file, unknown):
    sentences = []
    for line in decoded_lines(file):
        text = line.strip()
        if _ARTICLE.fullmatch(text):
            if sentences:
                yield sentences
            sentences = []
        elif text and not _HEADING.fullmatch(text):
            joined = _JOINED.sub(r"\1", text).replace("<unk>", unknown)
            sentences += _sentences(joined.split(" "))
    if sentences:
        yield sentences


def _sentences(words):
    """Words of a paragraph -> its sentences."""
    start = stop = 0
    while stop < len(words):
        stop += 1
        if words[stop - 1] in _SENTENCE_ENDS:
            closes = words[start:stop].count('"') % 2 == 1
            if closes and words[stop : stop + 1] == ['"']:
                stop += 1
            yield " ".join(words[start:stop])
            start = stop
    if start < stop:
        yield " ".join(words[start:])


def _some(documents, file):
    """The documents themselves, of which there must be one."""
    first = next(documents, None)
    if first is None:
        raise ValueError(f"{file} holds no sentence")
    return itertools.chain([first], documents)
