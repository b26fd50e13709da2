"""A Hugging Face folder: `config.json` beside safetensors, in one file or in shards."""

import json
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes  # noqa: F401 (gives numpy the bfloat16 that safetensors may ask it for)
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


class TensorFiles(Mapping):
    """The tensors of a folder: {name: numpy array}, each read from disk when asked for.

    float16 and bfloat16 tensors are given as float32.

    Args:
        folder: holds `model.safetensors`, or `model.safetensors.index.json` and its shards.

    Raises:
        FileNotFoundError: there are no safetensors, or a shard is missing.
        ValueError: a file is damaged; the message names it.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._files = {}  # name -> open file
        for file in _weight_files(self.folder):
            opened = _open(file)
            self._files.update(dict.fromkeys(opened.keys(), opened))

    def __getitem__(self, name):
        array = self._files[name].get_tensor(name)
        return array.astype("float32") if array.dtype.itemsize == 2 else array

    def __iter__(self):
        return iter(self._files)

    def __len__(self):
        return len(self._files)

    def shape(self, name):
        """Shape of a tensor, without reading it."""
        return tuple(self._files[name].get_slice(name).get_shape())


def read_json(folder, name):
    """The JSON object in the file `name` of `folder`.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it holds no JSON object.
    """
    file = Path(folder) / name
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{folder} has no {name}: it is no Hugging Face folder") from error
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} is damaged: it must hold a JSON object")
    return value


def write_folder_files(folder, config, tensors, generation_config=None):
    """Write `config.json`, `model.safetensors` and, where given, `generation_config.json`.

    Args:
        folder: an existing folder, best a temporary one that is renamed when it is whole.
        config: dict of JSON values.
        tensors: {name: numpy array}.
        generation_config: dict of JSON values, or None.
    """
    folder = Path(folder)
    _write_json(folder / CONFIG_FILE, config)
    if generation_config is not None:
        _write_json(folder / "generation_config.json", generation_config)
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    # The transformers library refuses files that do not say where they come from.
    save_file(tensors, str(folder / WEIGHTS_FILE), metadata={"format": "pt"})


def _write_json(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _weight_files(folder):
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    if (folder / INDEX_FILE).is_file():
        index = read_json(folder, INDEX_FILE)
        if not isinstance(index.get("weight_map"), dict):
            raise ValueError(f"{folder / INDEX_FILE} is damaged: it has no weight_map")
        # A shard is a file of this folder, whatever the index says.
        files = [folder / Path(name).name for name in sorted(set(index["weight_map"].values()))]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise FileNotFoundError(f"{folder} lacks {missing}, which {INDEX_FILE} names")
        return files
    pickles = sorted(file.name for pattern in _PICKLES for file in folder.glob(pattern))
    found = f"it has {', '.join(pickles)}, but " if pickles else ""
    raise FileNotFoundError(
        f"{folder} has no {WEIGHTS_FILE}: {found}only safetensors are read, because unpickling a "
        "file runs whatever code is in it. Convert it where you trust it (with the transformers "
        "library: from_pretrained, then save_pretrained), or name a revision that has safetensors"
    )


def _open(file):
    try:
        return safe_open(str(file), framework="numpy")
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged or no safetensors file: {error}") from error
