"""A tokenizer in a folder: its files, and settings with the fingerprint of what was saved."""

import json
from pathlib import Path

from zoo.folders import new_folder


def write_tokenizer(folder, tokenizer, settings_file, settings, write_files):
    """Write a tokenizer into a new folder, all or nothing.

    Args:
        folder: path that must not exist yet.
        tokenizer: has a `fingerprint`; its class name is kept too.
        settings_file: name of the JSON file for the settings.
        settings: dict of JSON values.
        write_files: function that writes what else there is into the folder it is given.

    Raises:
        FileExistsError: `folder` exists.
    """
    kept = {"class": type(tokenizer).__name__, **settings, "fingerprint": tokenizer.fingerprint}
    with new_folder(folder) as temporary:
        write_files(temporary)
        (temporary / settings_file).write_text(json.dumps(kept, indent=2) + "\n")


def read_tokenizer(folder, cls, settings_file, build):
    """Read what `write_tokenizer` wrote.

    Args:
        folder: path.
        cls: the class that the folder must hold.
        settings_file: as for `write_tokenizer`.
        build: function (folder, settings) -> tokenizer.

    Raises:
        ValueError: the folder is damaged, holds another class, or its files are not those that
            were saved.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / settings_file).read_text())
        if settings["class"] != cls.__name__:
            raise ValueError(f"it holds a {settings['class']}")
        tokenizer = build(folder, settings)
        if tokenizer.fingerprint != settings["fingerprint"]:
            raise ValueError("its files are not those that were saved")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} holds no whole {cls.__name__}: {error}") from error
    return tokenizer
