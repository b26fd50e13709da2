import pytest

from zoo.serving.versions import models, next_version, version_number, versions


def test_version_number():
    assert version_number("007") == 7
    assert version_number(str(2**63 - 1)) == 2**63 - 1
    for name in (str(2**63), "-1", "1.0", "", "v1", ".1.partial", "²", "١", " 1"):
        assert version_number(name) is None


def test_versions_rise_as_numbers(tmp_path):
    for name in ("9", "10", "2", "latest", ".11.partial"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").write_text("a file")
    assert list(versions(tmp_path)) == [2, 9, 10]
    assert next_version(tmp_path) == tmp_path / "11"
    assert next_version(tmp_path / "new") == tmp_path / "new" / "1"


def test_models(tmp_path):
    for name in ("b/1", "a/3", "no_version/x", ".hidden/1", "sp ace/1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README.md").write_text("a file")
    assert list(models(tmp_path)) == ["a", "b"]
    with pytest.raises(NotADirectoryError, match="is no folder of models"):
        models(tmp_path / "README.md")
