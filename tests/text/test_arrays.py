import json

import numpy as np
import pytest

from zoo.text import IdArrays, arrays, open_ids, read_lines, train_sentencepiece, write_ids


def test_round_trip_through_files(corpus, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_CHUNK", 13)  # many chunks
    texts = list(read_lines(corpus))
    written = write_ids(tmp_path / "ids", iter(texts), tokenizer)
    opened = open_ids(tmp_path / "ids", tokenizer)
    for ids in (written, opened):
        assert [row.tolist() for row in ids] == tokenizer.encode(texts)
        assert len(ids) == len(texts)
        assert ids.ids.dtype == "uint16"
        assert ids.lengths.tolist() == [len(row) for row in ids]
    assert opened[-1].tolist() == tokenizer.encode(texts[-1:])[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids"]
    with pytest.raises(ValueError, match="read-only"):
        opened.ids[0] = 1  # mapped, not loaded


def test_from_rows():
    ids = IdArrays.from_rows([[4, 70_000], [], [5]], 70_001, "x")
    assert ids.ids.tolist() == [4, 70_000, 5]
    assert ids.ids.dtype == "int32"
    assert ids.offsets.tolist() == [0, 2, 2, 3]
    assert [row.tolist() for row in ids] == [[4, 70_000], [], [5]]


class Constant:
    """A tokenizer that gives every text the same ids."""

    vocabulary_size, fingerprint = 11, "constant"

    def __init__(self, ids):
        self._ids = ids

    def encode(self, texts):
        return [self._ids for _ in texts]


@pytest.mark.parametrize("wrong", [-1, 11, 70_000])
def test_ids_outside_the_vocabulary(tmp_path, wrong):
    culprit = f"the id {wrong} is outside the vocabulary of 11 ids"
    with pytest.raises(ValueError, match=culprit):
        write_ids(tmp_path / "ids", ["a"], Constant([5, wrong]))
    with pytest.raises(ValueError, match=culprit):
        IdArrays.from_rows([[5, wrong]], 11, "x")
    assert not list(tmp_path.iterdir())


def test_nothing_to_write(tmp_path):
    for texts, ids in ([], [5]), (["a"], []):
        with pytest.raises(ValueError, match="no ids to write"):
            write_ids(tmp_path / "ids", texts, Constant(ids))
    assert not list(tmp_path.iterdir())


def test_existing_folder(tmp_path):
    with pytest.raises(FileExistsError, match="exists; remove it"):
        write_ids(tmp_path, ["a"], Constant([5]))


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write_ids(tmp_path / "ids", ["a"], Constant([5]))
    assert not list(tmp_path.iterdir())


def test_another_tokenizer(corpus, tokenizer, tmp_path):
    write_ids(tmp_path / "ids", ["Die Katze"], tokenizer)
    other = train_sentencepiece(corpus, 149)
    with pytest.raises(ValueError, match="written with another tokenizer"):
        open_ids(tmp_path / "ids", other)


def test_damaged_folder(tokenizer, tmp_path):
    folder = tmp_path / "ids"
    with pytest.raises(ValueError, match="holds no whole id arrays"):
        open_ids(folder, tokenizer)
    write_ids(folder, ["Die Katze", "Hunde"], tokenizer)
    for name, damage in [
        ("ids.npy", lambda whole: whole[:-2]),
        ("ids.npy", lambda whole: whole[:128] + b"\xff\xff" * ((len(whole) - 128) // 2)),
        ("offsets.npy", lambda whole: whole[:-8] + b"\x01" + bytes(7)),
        ("arrays.json", lambda whole: whole[:-9]),
        ("arrays.json", lambda whole: json.dumps({**json.loads(whole), "ids": 1}).encode()),
        ("arrays.json", lambda whole: b"[]"),
    ]:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(damage(whole))
        with pytest.raises(ValueError, match="ids holds no whole id arrays"):
            open_ids(folder, tokenizer)
        (folder / name).write_bytes(whole)
    assert len(open_ids(folder, tokenizer)) == 2


@pytest.mark.parametrize("offsets", [[0], [1, 3], [0, 2], [0, 3, 2, 3]])
def test_offsets_that_do_not_fit(offsets):
    with pytest.raises(ValueError, match="offsets must"):
        IdArrays(np.array([5, 6, 7]), np.array(offsets), 11, "x")
