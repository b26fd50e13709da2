"""Translation data sets by name, downloaded once and checked.

`python -m recipes.data.downloads multi30k --out FOLDER` does what `fetch` does.
"""

import argparse
import hashlib
import http
import http.client
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

from recipes.data.catalogue import DATASETS

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30
ATTEMPTS = 4


class DownloadError(OSError):
    """A file could not be downloaded, or what came is not the file."""


def fetch(name, folder, catalogue=DATASETS, report=None):
    """Downloads a data set; what is in the folder already is checked and kept.

    Each file is written under a temporary name beside it (*.part, resumed by a later call),
    checked, and renamed: a file under its own name is whole.

    Args:
        name: key of the catalogue, such as "multi30k".
        folder: path; made if need be.
        catalogue: {name: catalogue.Dataset}.
        report: function (file name, bytes there, bytes in all or None) called for each chunk;
            by default a line on standard error.

    Returns: {"train": (source path, target path), "dev": ..., "test": ...}, plain or gzip files.
    Raises: ValueError for an unknown name; FileExistsError if the folder has a file of that name
        with other content; DownloadError without network or with damaged content.
    """
    if name not in catalogue:
        raise ValueError(f"name must be one of {', '.join(sorted(catalogue))}, got {name!r}")
    dataset, folder = catalogue[name], Path(folder)
    paths = {}
    for file in dataset.files:
        path = folder / file.name
        if not path.exists():
            _download(dataset.base + file.path, path, file.sha256, report or _print_progress)
        elif _sha256(path) != file.sha256:
            raise FileExistsError(
                f"{path} exists, but is not the file of data set {name!r} (its SHA-256 is not "
                f"{file.sha256}): remove it or name another folder"
            )
        split, language = file.name.split(".")[:2]
        paths[split, language] = path
    return {
        split: tuple(paths[split, language] for language in dataset.languages)
        for split in dict.fromkeys(split for split, _ in paths)
    }


def _download(url, path, sha256, report):
    """Downloads, checks and renames one file; a broken transfer goes on where it stopped."""
    part = path.with_name(path.name + ".part")
    for _ in range(ATTEMPTS):
        try:
            problem = _transfer(url, part, report)
        except urllib.error.URLError as error:  # no connection, or the server refuses
            raise _failure(url, path, sha256, str(error)) from error
        except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
            problem = f"the transfer broke: {error!r}"
        if problem:
            continue
        found = _sha256(part)
        if found == sha256:
            os.replace(part, path)
            return
        part.unlink()
        problem = f"the content is damaged or has changed: its SHA-256 is {found}"
    raise _failure(url, path, sha256, problem)


def _transfer(url, part, report):
    """Appends what `part` lacks of the file, or writes it anew where the server cannot resume.

    Returns: what went wrong as text, or None.
    """
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return None  # nothing is lacking; the checksum decides
    with response:
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = there if resumed else 0
        length = response.headers["Content-Length"]
        total = done + int(length) if length else None
        with open(part, "ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                report(part.stem, done, total)
    return f"the transfer ended at byte {done} of {total}" if total and done < total else None


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failure(url, path, sha256, problem):
    return DownloadError(
        f"cannot download {url}: {problem}. Without network, put the file with SHA-256 {sha256} "
        f"at {path}, or pass your own line-parallel files for train, dev and test instead of a name"
    )


def _print_progress(name, done, total):
    """One line that counts up on a terminal, one line a file elsewhere."""
    finished = done == total
    if sys.stderr.isatty() or finished:
        share = f" of {total / 1e6:.2f}" if total else ""
        start, end = ("\r", "") if sys.stderr.isatty() else ("", "\n")
        end = "\n" if finished else end
        print(f"{start}{name}: {done / 1e6:.2f}{share} MB", end=end, file=sys.stderr, flush=True)


def main(arguments=None):
    """The command line: downloads a data set and prints its paths."""
    names = "\n".join(
        f"  {name}: {dataset.description} (license: {dataset.license})"
        for name, dataset in DATASETS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m recipes.data.downloads",
        description=f"Downloads a data set by name and checks it.\n\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=sorted(DATASETS))
    parser.add_argument("--out", required=True, type=Path, help="folder for the files")
    options = parser.parse_args(arguments)
    try:
        paths = fetch(options.name, options.out, DATASETS)
    except OSError as error:
        parser.exit(1, f"{error}\n")
    for source, target in paths.values():
        print(source, target, sep="\n")


if __name__ == "__main__":
    main()
