"""Reading lines that training can rely on."""

import gzip
import zlib
from pathlib import Path


def read_lines(file):
    """Yield the lines of a text file as `decoded_lines` does, none of which may be empty.

    Args:
        file: path; a name ending in `.gz` is read through gzip.

    Raises:
        ValueError: as `decoded_lines`; or a line is empty (nothing but white space).
    """
    for number, text in enumerate(decoded_lines(file), start=1):
        if not text.strip():
            raise ValueError(
                f"{file}, line {number}: empty line; remove it (in both files of a pair)"
            )
        yield text


def decoded_lines(file):
    """Yield the lines of a UTF-8 text file, plain or `.gz`, split on "\\n" only.

    Other separators (U+2028, "\\r", form feed) stay inside their line: they would shift the lines
    of one file of a parallel pair against the other.

    Args:
        file: path; a name ending in `.gz` is read through gzip.

    Raises:
        ValueError: there is no line, a line is not UTF-8, or the gzip stream is damaged; the
            message names file and line.
    """
    file = Path(file)
    number = 0
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as handle:
        try:
            for number, line in enumerate(handle, start=1):
                yield _text(line.removesuffix(b"\n"), file, number)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{file} is damaged after line {number}: {error}") from error
    if number == 0:
        raise ValueError(f"{file} is empty: it must hold a text a line")


def _text(line, file, number):
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at position "
            f"{error.start} of the line); convert the file to UTF-8"
        ) from error


def read_parallel(source_file, target_file):
    """Read two line-parallel files, plain or `.gz`: line i of one translates line i of the other.

    Args:
        source_file, target_file: paths, see `read_lines`.

    Returns:
        (sources, targets): two lists of str of equal length.

    Raises:
        ValueError: the files have unequal line counts, or a line is empty or not UTF-8.
    """
    sources, targets = list(read_lines(source_file)), list(read_lines(target_file))
    if len(sources) != len(targets):
        raise ValueError(
            f"{source_file} has {len(sources)} lines, {target_file} has {len(targets)}: "
            "parallel files need line i of one to translate line i of the other"
        )
    return sources, targets
