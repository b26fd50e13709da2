"""Files of a run folder are whole or absent."""

import os

import pytest

from recipes.runs import write_text


def test_text_replaces_a_file_or_leaves_it_as_it_was(tmp_path):
    file = tmp_path / "scores"
    write_text(file, "first\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "second\ud800\n")
    assert file.read_text() == "first\n"
    write_text(file, "über\n")
    assert file.read_text("utf-8") == "über\n"


def test_links_devices_and_pipes_stay_what_they_are(tmp_path):
    file, to_file, to_device = (tmp_path / name for name in ("file", "to_file", "to_device"))
    file.write_text("before")
    to_file.symlink_to(file)
    to_device.symlink_to(os.devnull)
    for link in (to_file, to_device):
        write_text(link, "after")
        assert link.is_symlink()
    assert file.read_text() == "after"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "to_device", "to_file"]
