"""Text of any kind as ids to pretrain a language model on: tokenizer, split, files of a run.

A run folder gets `tokenizer` and `ids`, the latter whole or not at all: `ids/train` and `ids/dev`
as `zoo.text.write_ids` writes them, a document a row, `ids/counts.json` with what they hold, and
`ids/sources.json` with what they were made of.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from recipes.cli import option
from recipes.data.text_folders import (
    DOCUMENTS,
    SUFFIXES,
    cut_tail,
    find_files,
    held_out,
    read_documents,
    standard_library,
)
from recipes.runs import read_settings, write_json

PATHS = {"nargs": "+", "metavar": "PATH", "type": str}


@dataclasses.dataclass(frozen=True)
class Text:
    """Options of what is read and how it is split and cut into tokens."""

    train: tuple = option(
        (), "text files and folders; without any the source of Python's standard library", **PATHS
    )
    dev: tuple = option((), "files and folders to evaluate on; else a part of --train", **PATHS)
    suffixes: tuple = option(
        SUFFIXES, "which files of folders are read, plain or .gz; others are left out", nargs="+",
        metavar="SUFFIX", type=str,
    )  # fmt: skip
    documents: str = option(
        "files", "what a document is: a file, a paragraph, or an article of WikiText",
        choices=tuple(DOCUMENTS),
    )  # fmt: skip
    separator: str = option("", "text between the documents of a file, such as <|endoftext|>")
    dev_share: float = option(0.02, "part of --train to evaluate on, where there is no --dev")
    dev_split: str = option(
        "documents", "which part: whole documents at random, or the tail of each",
        choices=("documents", "tails"),
    )  # fmt: skip
    split_seed: int = option(0, "draws the documents to evaluate on")
    tokenizer: str = option(
        "bpe",
        "bpe and characters are made from the text; or a folder with GPT-2's or Llama's files",
    )
    vocab_size: int = option(2048, "pieces of a bpe")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What `prepared` gives.

    Args:
        tokenizer: of the run.
        streams: {"train": `zoo.text.TokenStream`, "dev": ...}.
        counts: {"train": {"documents", "characters", "bytes", "words"}, "dev": ...}.
    """

    tokenizer: Any
    streams: dict
    counts: dict


def prepared(settings, folder):
    """Tokenizer and ids of a run, made on the first call; afterwards the text may be gone.

    Args:
        settings: a `Text`.
        folder: of the run.

    Raises:
        ValueError: there is no text, it cannot be split, it is there but not the text that the
            run's ids were made of, or the ids are of another tokenizer.
    """
    ids = folder / "ids"
    if ids.exists():
        _check_sources(ids, settings)
        return open_prepared(folder)
    _sweep(folder)
    files = source_files(settings)
    for reason in (reason for each in files.values() for reason in each.left_out()):
        print(f"left out: {reason}")
    readers = text_readers(settings, files)
    if not (folder / "tokenizer").exists():
        make_tokenizer(settings, readers).save(folder / "tokenizer")
    _write(ids, readers, files, load_tokenizer(folder))
    return open_prepared(folder)


def open_prepared(folder):
    """Tokenizer and ids of a run that has them.

    Raises:
        ValueError: a part is missing or damaged, or the ids are of another tokenizer.
    """
    tokenizer, ids = load_tokenizer(folder), folder / "ids"
    streams = {split: open_stream(ids / split, tokenizer) for split in ("train", "dev")}
    try:
        counts = json.loads((ids / "counts.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{ids} is damaged: {error}") from error
    return Prepared(tokenizer, streams, counts)


def open_stream(folder, tokenizer):
    """The `zoo.text.TokenStream` of a split."""
    import zoo

    return zoo.text.TokenStream(zoo.text.open_ids(folder, tokenizer), tokenizer.end_id)


def source_files(settings):
    """{"train": `TextFiles`} and, where there are some of its own, "dev"."""
    suffixes = tuple(settings.suffixes)
    files = {
        "train": find_files(settings.train, suffixes) if settings.train else standard_library()
    }
    if settings.dev:
        files["dev"] = find_files(settings.dev, suffixes)
    return files


def text_readers(settings, files):
    """{"train": function that yields documents, "dev": ...} of `source_files`."""
    split = splitter(settings)
    readers = {
        part: lambda found=found: read_documents(found, split) for part, found in files.items()
    }
    read, share = readers["train"], settings.dev_share
    if "dev" in readers:
        return readers
    if settings.dev_split == "tails":
        return {
            "train": lambda: (cut_tail(document, share)[0] for document in read()),
            "dev": lambda: (cut_tail(document, share)[1] for document in read()),
        }
    chosen = held_out(read(), share, settings.split_seed)
    return {
        "train": lambda: (document for document in read() if not chosen(document)),
        "dev": lambda: (document for document in read() if chosen(document)),
    }


def splitter(settings):
    """Function of a file's text that gives its documents.

    Args:
        settings: has `documents` and `separator`.
    """
    split = DOCUMENTS[settings.documents]
    if not settings.separator:
        return split
    return lambda text: [d for part in text.split(settings.separator) for d in split(part)]


def make_tokenizer(settings, readers):
    """The tokenizer that the settings ask for."""
    import zoo

    if settings.tokenizer == "bpe":
        return zoo.text.train_byte_bpe([], settings.vocab_size, texts=readers["train"]())
    if settings.tokenizer != "characters":
        return zoo.text.pretrained_tokenizer(settings.tokenizer)
    characters, documents = set(), 0
    for split, read in readers.items():
        for document in read():
            characters.update(document)
            documents += split == "train"
    # A single text, such as a book, has no ends.
    return zoo.text.CharacterTokenizer(sorted(characters), with_end=documents > 1)


def load_tokenizer(folder):
    """The tokenizer of a run.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    import zoo

    if read_settings(folder)["tokenizer"] == "characters":
        return zoo.text.CharacterTokenizer.load(folder / "tokenizer")
    return zoo.text.pretrained_tokenizer_class(folder / "tokenizer").load(folder / "tokenizer")


def write_split(folder, documents, tokenizer):
    """Encode documents into a new folder; counts what they hold.

    Args:
        folder: path that must not exist yet.
        documents: iterable of str.
        tokenizer: of the run. What spells a special token in a document is ordinary text.
    """
    import zoo

    counts = {"documents": 0, "characters": 0, "bytes": 0, "words": 0}

    def counted():
        for document in documents:
            counts["documents"] += 1
            counts["characters"] += len(document)
            counts["bytes"] += len(document.encode("utf-8"))
            # The end of a line is a word, as is the custom for WikiText.
            counts["words"] += len(document.split()) + document.count("\n")
            yield document

    zoo.text.write_ids(folder, counted(), _PlainText(tokenizer))
    return counts


class _PlainText:
    """A tokenizer for text in which nothing is a special token."""

    def __init__(self, tokenizer):
        self.vocabulary_size = tokenizer.vocabulary_size
        self.fingerprint = tokenizer.fingerprint
        self._tokenizer = tokenizer

    def encode(self, texts):
        import zoo

        if isinstance(self._tokenizer, (zoo.text.ByteBPETokenizer, zoo.text.LlamaTokenizer)):
            return self._tokenizer.encode(texts, split_special_tokens=True)
        return self._tokenizer.encode(texts)


def _write(ids, readers, files, tokenizer):
    from zoo.folders import new_folder

    with new_folder(ids) as temporary:
        counts = {
            split: write_split(temporary / split, read(), tokenizer)
            for split, read in readers.items()
        }
        write_json(temporary / "counts.json", counts)
        write_json(temporary / "sources.json", _digests(files))


def _digests(files):
    return {path: digest for each in files.values() for path, digest in each.digests().items()}


def _check_sources(ids, settings):
    """Raise ValueError if the text that the ids were made of is there and has changed."""
    file = ids / "sources.json"
    if not file.exists():
        return
    before = json.loads(file.read_text())
    if not any(Path(path).exists() for path in before):
        return
    now = _digests(source_files(settings))
    changed = sorted(p for p in before.keys() | now.keys() if before.get(p) != now.get(p))
    if changed:
        raise ValueError(
            f"{ids} was made of other text: {len(changed)} files have changed, come or gone, such "
            f"as {changed[0]}. Give another folder by --run, or remove {file} to go on with the "
            "ids as they are"
        )


def _sweep(folder):
    """Remove what a killed preparation left behind."""
    for name in ("ids", "tokenizer"):
        for partial in folder.glob(f".{name}.partial-*"):
            shutil.rmtree(partial, ignore_errors=True)
