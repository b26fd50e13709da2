"""Folders that are whole or absent."""

import pytest

from zoo.folders import new_folder


def test_new_folder_is_whole_or_absent(tmp_path):
    with new_folder(tmp_path / "deep" / "one") as folder:
        (folder / "file").write_text("x")
        assert not (tmp_path / "deep" / "one").exists()
    assert (tmp_path / "deep" / "one" / "file").read_text() == "x"

    with pytest.raises(OSError, match="No such"), new_folder(tmp_path / "two") as folder:
        (folder / "file").rename(folder / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]

    with pytest.raises(FileExistsError, match="deep' exists"), new_folder(tmp_path / "deep"):
        pass


def test_parents_made_for_a_folder_go_with_it(tmp_path):
    def half():
        with new_folder(tmp_path / "a" / "b" / "c") as folder:
            (folder / "file").write_text("x")
            raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        half()
    assert list(tmp_path.iterdir()) == []
