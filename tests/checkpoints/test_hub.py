import fnmatch
import sys

import pytest

from zoo.checkpoints.hub import pretrained_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_folder_is_itself(tmp_path):
    assert pretrained_folder(tmp_path) == pretrained_folder(str(tmp_path)) == tmp_path
    with pytest.raises(ValueError, match="revision: .* is a folder, which has none; got 'main'"):
        pretrained_folder(tmp_path, revision="main")


def test_a_path_that_is_not_there_is_no_hub_name(tmp_path):
    for name in (tmp_path / "absent", str(tmp_path / "absent"), "./absent", "a/b/c"):
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            pretrained_folder(name)


def test_a_hub_name_needs_the_optional_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match="pip install huggingface_hub"):
        pretrained_folder("someone/opus-mt-xx-yy")


def test_only_the_needed_files_are_asked_for(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def fake(name, revision, allow_patterns):
        asked.append((name, revision))
        repository = ["config.json", "model.safetensors", "source.spm", "vocab.json", "README.md"]
        repository += ["pytorch_model.bin", "rust_model.ot", "tf_model.h5"]
        for file in repository:
            if any(fnmatch.fnmatch(file, pattern) for pattern in allow_patterns):
                (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", fake)
    assert pretrained_folder("someone/opus-mt-xx-yy", "v1.0") == tmp_path
    assert asked == [("someone/opus-mt-xx-yy", "v1.0")]
    found = {file.name for file in tmp_path.iterdir()}
    assert found == {"config.json", "model.safetensors", "source.spm", "vocab.json"}


def test_the_real_download_code_on_a_filled_cache(monkeypatch, tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    repository = tmp_path / "models--someone--opus-mt-xx-yy"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "v1.0").write_text(COMMIT)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert pretrained_folder("someone/opus-mt-xx-yy", revision="v1.0") == snapshot
