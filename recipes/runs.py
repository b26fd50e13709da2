"""A run folder: the settings of a training beside all that it made."""

import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

_SETTINGS_FILE = "settings.json"


@contextlib.contextmanager
def open_run(settings):
    """Make the run folder of a training, or open it again to go on with.

    Whoever prepares a training does it inside this block: if that fails in a folder that is new,
    the folder goes, so that the corrected command can be given again.

    Args:
        settings: a dataclass with a field `run`, the folder.

    Yields:
        The folder's path.

    Raises:
        ValueError: the folder holds a training with other settings, or something else.
    """
    folder = Path(settings.run)
    file = folder / _SETTINGS_FILE
    is_new = not file.exists()
    if is_new:
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"run: {folder} is no run folder and not empty: give another by --run")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(file, _as_json(settings))
    else:
        _check_same(settings, folder)
    try:
        yield folder
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_same(settings, folder):
    found, asked = read_settings(folder), _as_json(settings)
    differing = [
        f"{name}: {found.get(name)!r} there, {asked.get(name)!r} asked"
        for name in sorted(found.keys() | asked.keys())
        if name != "run" and found.get(name) != asked.get(name)
    ]
    if differing:
        raise ValueError(
            f"run: {folder} holds a training with other settings ({'; '.join(differing)}): "
            "give those, or another folder by --run"
        )


def _as_json(settings):
    return json.loads(json.dumps(dataclasses.asdict(settings)))


def read_settings(folder):
    """The settings of a run folder, a dict.

    Raises:
        ValueError: it is no run folder, or damaged.
    """
    file = Path(folder) / _SETTINGS_FILE
    if not file.is_file():
        raise ValueError(f"run: {folder} is no run folder ({_SETTINGS_FILE} is missing)")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"run: {file} is damaged: {error}") from error


def settings_as(settings_class, found):
    """A dataclass of those of its fields that are in a dict or another dataclass."""
    if dataclasses.is_dataclass(found):
        found = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    names = {field.name for field in dataclasses.fields(settings_class)} & found.keys()
    values = {name: found[name] for name in names}
    return settings_class(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})


def is_trained(folder, result):
    """Whether a run folder has its result, a folder, already; says so."""
    found = (folder / result).exists()
    if found:
        print(f"{folder} is trained already: evaluate it, or give another folder by --run")
    return found


def trained(run_folder, result):
    """Path of the result of a run folder, such as its "task".

    Raises:
        ValueError: it is no run folder, or its training has not ended.
    """
    folder = Path(run_folder)
    read_settings(folder)
    if not (folder / result).exists():
        raise ValueError(f"run: the training in {folder} has not ended: run the train command")
    return folder / result


def write_json(file, value):
    """Write JSON so that the file is whole or absent."""
    write_text(file, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(file, text):
    """Write UTF-8 text so that the file is whole or absent.

    What is no plain file, such as /dev/stdout or a link, is written to and not replaced.
    """
    if file.is_symlink() or (file.exists() and not file.is_file()):
        file.write_text(text, encoding="utf-8")
        return
    temporary = file.with_name(f".{file.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)
