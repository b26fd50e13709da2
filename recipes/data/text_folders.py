"""Text files and folders as documents to pretrain a language model on."""

import dataclasses
import gzip
import hashlib
import os
import re
import sysconfig
import zlib
from pathlib import Path

SUFFIXES = (".txt", ".md", ".rst", ".py")
# Not in the standard library's own source, or of test data that is damaged on purpose.
_NOT_LIBRARY = ("site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3")
_PARAGRAPH = re.compile(r"\n(?:[^\S\n]*\n)+")
_ARTICLE = re.compile(r"^(?= = [^=\n](?:[^\n]*[^=\n])? = ?$)", re.MULTILINE)
# How the text of a file falls into documents.
DOCUMENTS = {
    "files": lambda text: [text],
    "paragraphs": _PARAGRAPH.split,
    "wikitext": _ARTICLE.split,
}


class NoTextError(ValueError):
    """A file that is no UTF-8 text."""


@dataclasses.dataclass(frozen=True)
class TextFiles:
    """UTF-8 text files, plain or `.gz`.

    Args:
        named: paths that were asked for by name. One that is no text is an error.
        found: paths that were found in folders. Those that are no text are left out.
    """

    named: tuple = ()
    found: tuple = ()

    def texts(self):
        """Yield (path, text) of all files with more than white space in them.

        Raises:
            NoTextError: a named file is binary, not UTF-8 or damaged.
            OSError: a file cannot be read.
        """
        for path in self.named:
            text = read_text(path)
            if text.strip():
                yield path, text
        for path in self.found:
            try:
                text = read_text(path)
            except NoTextError:
                continue
            if text.strip():
                yield path, text

    def left_out(self):
        """The found files that are no text, with the reason: list of str."""
        reasons = []
        for path in self.found:
            try:
                read_text(path)
            except NoTextError as error:
                reasons.append(str(error))
        return reasons

    def digests(self):
        """{path: BLAKE2b of its bytes} of all files, to know whether they are still the same.

        Of a file that is not there the digest is None.
        """
        return {str(path): _digest_of_file(path) for path in (*self.named, *self.found)}


def find_files(paths, suffixes=SUFFIXES):
    """Files by name, and those of folders and their folders by suffix, in the order of their names.

    Hidden files and folders are left out, and links to folders are not followed. `a.txt.gz` has the
    suffix `.txt`.

    Args:
        paths: files and folders.
        suffixes: what names in folders may end with.

    Returns:
        `TextFiles`.

    Raises:
        ValueError: a path does not exist, or a folder holds no such file.
    """
    named, found = [], []
    for path in map(Path, paths):
        if path.is_file():
            named.append(path)
        elif path.is_dir():
            inside = list(_files_below(path, suffixes, ()))
            if not inside:
                raise ValueError(f"{path} holds no file that ends with {', '.join(suffixes)}")
            found += inside
        else:
            raise ValueError(f"{path}: there is no such file or folder")
    return TextFiles(tuple(named), tuple(found))


def standard_library():
    """The source of Python's standard library on this machine, without its tests."""
    folder = Path(sysconfig.get_path("stdlib"))
    return TextFiles(found=tuple(_files_below(folder, (".py",), _NOT_LIBRARY)))


def read_text(path):
    """The text of a UTF-8 file, plain or `.gz`, line ends as they are, without byte-order mark.

    Raises:
        NoTextError: it holds a NUL, which no text does, or is not UTF-8, or its gzip stream is
            damaged; the message names the file.
        OSError: it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        if Path(path).suffix == ".gz":
            data = gzip.decompress(data)
        place = data.find(b"\0")
        if place >= 0:
            raise NoTextError(f"{path} is binary: it holds a NUL at byte {place}")
        return data.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NoTextError(f"{path} is damaged: {error}") from error
    except UnicodeDecodeError as error:
        raise NoTextError(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} at {error.start}"
        ) from error


def read_documents(files, split):
    """Yield the documents of text files, none of which is empty or white space only.

    Args:
        files: `TextFiles`.
        split: function of a text that gives its documents, such as one of `DOCUMENTS`.
    """
    for _, text in files.texts():
        yield from (document for document in split(text) if document.strip())


def held_out(documents, share, seed):
    """Choose documents to evaluate on: a function of their text, so copies stay together.

    Args:
        documents: iterable of str.
        share: of the different documents; at least one is held out.
        seed: integer.

    Returns:
        Function of a document that tells whether it is held out.

    Raises:
        ValueError: `share` is out of range, or leaves nothing to train on.
    """
    _check_share(share)
    digests = sorted({_digest(document, seed) for document in documents})
    count = max(round(share * len(digests)), 1)
    if count >= len(digests):
        raise ValueError(
            f"{len(digests)} different documents cannot be split into some to train on and "
            f"{share:g} of them to evaluate on: split their tails, smaller documents, or give the "
            "texts to evaluate on"
        )
    chosen = frozenset(digests[:count])
    return lambda document: _digest(document, seed) in chosen


def cut_tail(document, share):
    """A text without its last part, and that part: `share` of its characters."""
    _check_share(share)
    place = int(len(document) * (1 - share))
    return document[:place], document[place:]


def _check_share(share):
    if not 0 < share < 1:
        raise ValueError(f"the share to evaluate on must be above 0 and below 1, got {share}")


def _digest(document, seed):
    key = str(seed).encode()
    return hashlib.blake2b(document.encode("utf-8"), digest_size=16, key=key).digest()


def _digest_of_file(path):
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    except FileNotFoundError:
        return None


def _files_below(folder, suffixes, without):
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in without)
        for name in sorted(files):
            if not name.startswith(".") and name.removesuffix(".gz").endswith(suffixes):
                yield Path(parent) / name
