"""The folders that a server reads: MODELS/NAME/VERSION, VERSION a whole number."""

import pathlib
import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LARGEST = 2**63 - 1


def version_number(name):
    """The version that a folder of this name holds, or None if it is no version's name."""
    if not (name.isascii() and name.isdecimal()) or int(name) > _LARGEST:
        return None
    return int(name)


def versions(folder):
    """{version: path} of a model's folder, rising; other names are ignored, as servers do."""
    found = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        number = version_number(path.name)
        if number is not None and path.is_dir():
            found.setdefault(number, path)
    return dict(sorted(found.items()))


def models(folder):
    """{model name: path} of the folders in `folder` that hold a version.

    Raises:
        NotADirectoryError: there is no such folder.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"folder: {str(folder)!r} is no folder of models")
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if _NAME.fullmatch(path.name) and path.is_dir() and versions(path)
    }


def next_version(folder):
    """NAME/VERSION with the next whole number; `folder` is NAME and need not exist."""
    folder = pathlib.Path(folder)
    found = versions(folder) if folder.is_dir() else {}
    return folder / str(max(found, default=0) + 1)
