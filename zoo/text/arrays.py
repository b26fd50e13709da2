"""Text becomes ids once: flat, memory-mapped arrays on disk."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np

from zoo.folders import new_folder

# Texts and characters encoded at a time: bounds the memory whatever the size of the corpus.
_CHUNK, _CHUNK_CHARACTERS = 10_000, 4_000_000
_SETTINGS_FILE = "arrays.json"
_IDS_FILE = "ids.npy"
_OFFSETS_FILE = "offsets.npy"


@dataclasses.dataclass(frozen=True, eq=False)
class IdArrays:
    """N sequences of ids in one flat array: row i is `ids[offsets[i]:offsets[i + 1]]`.

    Rows hold text only, neither start nor end nor padding.

    Args:
        ids: int (total,), all rows one after the other; usually memory-mapped.
        offsets: int64 (N + 1,), from 0 to the length of `ids`, never falling.
        vocabulary_size: number of ids of the vocabulary.
        fingerprint: `tokenizer.fingerprint` of the tokenizer that made the ids.

    Raises:
        ValueError: the offsets do not fit, or an id is outside the vocabulary.
    """

    ids: np.ndarray
    offsets: np.ndarray
    vocabulary_size: int
    fingerprint: str

    def __post_init__(self):
        offsets = self.offsets
        if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(self.ids):
            raise ValueError(
                f"offsets must begin with 0 and end with the number of ids, {len(self.ids)}"
            )
        if np.any(np.diff(offsets) < 0):
            raise ValueError("offsets must never fall")
        _check_ids(self.ids, self.vocabulary_size)

    @classmethod
    def from_rows(cls, rows, vocabulary_size, fingerprint):
        """Put lists of ids into one array in memory.

        Args:
            rows: list of N lists of int.
            vocabulary_size, fingerprint: as for the class.
        """
        flat, lengths = _flatten(rows, vocabulary_size)
        return cls(flat, _offsets([lengths]), vocabulary_size, fingerprint)

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, row):
        """Ids of one row, a view (length,)."""
        row = range(len(self))[row]  # negative rows, and an IndexError past the end
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self):
        """Number of ids of each row, int64 (N,)."""
        return np.diff(self.offsets)


def write_ids(folder, texts, tokenizer):
    """Encode texts into a new folder that `open_ids` reads, all or nothing.

    Args:
        folder: path that must not exist yet.
        texts: iterable of str, such as `read_lines(file)`; taken a chunk at a time.
        tokenizer: object with `encode(list of str) -> lists of int`, `vocabulary_size` and
            `fingerprint`.

    Returns:
        The `IdArrays` of the folder.

    Raises:
        FileExistsError: `folder` exists.
        ValueError: there is no text, or the tokenizer gives ids outside its vocabulary.
        OSError: the disk is full. Nothing is left behind.
    """
    size = tokenizer.vocabulary_size
    lengths, total = [], 0
    with new_folder(folder) as temporary:
        with (temporary / _IDS_FILE).open("wb") as file:
            _write_header(file, 0, size)
            for chunk in _chunks(texts):
                flat, chunk_lengths = _flatten(tokenizer.encode(chunk), size)
                file.write(flat.tobytes())
                lengths.append(chunk_lengths)
                total += len(flat)
            if total == 0:
                raise ValueError(f"no ids to write to {folder}: the texts are missing or empty")
            # numpy leaves room in the header for the first axis to grow in place.
            file.seek(0)
            _write_header(file, total, size)
        offsets = _offsets(lengths)
        np.save(temporary / _OFFSETS_FILE, offsets)
        settings = {
            "sequences": len(offsets) - 1,
            "ids": total,
            "vocabulary_size": size,
            "tokenizer": tokenizer.fingerprint,
        }
        (temporary / _SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n")
    return open_ids(folder, tokenizer)


def open_ids(folder, tokenizer):
    """Map the arrays that `write_ids` wrote into memory.

    Args:
        folder: path.
        tokenizer: the tokenizer that the ids are used with.

    Returns:
        `IdArrays`.

    Raises:
        ValueError: the folder is damaged, or its ids were made by another tokenizer.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / _SETTINGS_FILE).read_text())
        written_by, size = settings["tokenizer"], settings["vocabulary_size"]
        ids = np.load(folder / _IDS_FILE, mmap_mode="r")
        offsets = np.load(folder / _OFFSETS_FILE, mmap_mode="r")
        if (len(offsets) - 1, len(ids)) != (settings["sequences"], settings["ids"]):
            raise ValueError(f"the arrays are not those that {_SETTINGS_FILE} describes")
        # A plain view of the map: numpy's memmap class is slow to index.
        arrays = IdArrays(np.asarray(ids), np.asarray(offsets), size, written_by)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} holds no whole id arrays: {error}") from error
    if written_by != tokenizer.fingerprint:
        raise ValueError(
            f"{folder} was written with another tokenizer ({written_by[:12]}, this one is "
            f"{tokenizer.fingerprint[:12]}): remove the folder and encode the text again"
        )
    return arrays


def _chunks(texts):
    """Texts in lists; one ends with the text that makes it long enough."""
    chunk, characters = [], 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) == _CHUNK or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _write_header(file, total, vocabulary_size):
    description = np.lib.format.dtype_to_descr(np.dtype(_dtype(vocabulary_size)))
    header = {"descr": description, "fortran_order": False, "shape": (total,)}
    np.lib.format.write_array_header_1_0(file, header)


def _dtype(vocabulary_size):
    return "<u2" if vocabulary_size <= 1 << 16 else "<i4"


def _flatten(rows, vocabulary_size):
    """Lists of ids -> (ids (total,), lengths (N,)), checked before they are narrowed."""
    lengths = np.fromiter(map(len, rows), "int64", len(rows))
    flat = np.fromiter(itertools.chain.from_iterable(rows), "int64", int(lengths.sum()))
    _check_ids(flat, vocabulary_size)
    return flat.astype(_dtype(vocabulary_size)), lengths


def _offsets(lengths):
    return np.concatenate([np.zeros(1, "int64"), np.cumsum(np.concatenate(lengths))])


def _check_ids(ids, vocabulary_size):
    if len(ids) and (ids.min() < 0 or ids.max() >= vocabulary_size):
        wrong = ids[(ids < 0) | (ids >= vocabulary_size)]
        raise ValueError(
            f"the id {wrong[0]} is outside the vocabulary of {vocabulary_size} ids "
            f"(0 to {vocabulary_size - 1})"
        )
