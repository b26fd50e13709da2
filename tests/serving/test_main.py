import json
import os
import shutil
import subprocess
import sys

import pytest

import zoo
from zoo.serving.__main__ import main


def test_check_passes_a_good_export(toy_export, capsys):
    assert main(["check", str(toy_export)]) == 0
    said = capsys.readouterr().out
    assert "known to TF Serving 2.19.1 and 2.20.0" in said
    assert "6 requests answered" in said
    assert main(["check", str(toy_export), "--release", "2.20.0"]) == 0
    assert "known to TF Serving 2.20.0" in capsys.readouterr().out


def test_check_names_what_is_missing(toy_export, tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "holds no SavedModel" in capsys.readouterr().err
    shutil.copytree(toy_export, tmp_path / "1")
    shutil.rmtree(tmp_path / "1" / "assets.extra")
    assert main(["check", str(tmp_path / "1")]) == 1
    assert "no warm-up requests" in capsys.readouterr().err


def test_export_writes_the_next_version(tmp_path, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(zoo, "load", lambda folder: f"task of {folder}")
    monkeypatch.setattr(zoo.serving, "export", lambda *arguments: written.append(arguments))
    (tmp_path / "run" / "task").mkdir(parents=True)
    (tmp_path / "name" / "7").mkdir(parents=True)
    run, name = tmp_path / "run", tmp_path / "name"
    assert main(["export", str(run), str(name)]) == 0
    assert main(["export", str(run / "task"), str(name / "4"), "--settings", '{"k": 1}']) == 0
    assert written == [
        (f"task of {run / 'task'}", name / "8", None),
        (f"task of {run / 'task'}", name / "4", {"k": 1}),
    ]
    assert f"exported to {name / '8'}" in capsys.readouterr().out


def test_config_writes_its_files(small_models, capsys):
    assert main(["config", str(small_models), "--label", "small:stable=3"]) == 0
    assert "models.config" in capsys.readouterr().out
    assert main(["config", str(small_models), "--label", "small:stable=4"]) == 1
    assert "names a version that is not served" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["config", str(small_models), "--newest", "0"])


def test_says_how_to_get_what_is_missing(small_models, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ports = ["--rest-port", "0", "--grpc-port", "0"]
    assert main(["serve", str(small_models), *ports]) == 1
    said = capsys.readouterr().err
    assert "uvicorn" in said
    assert "keras-transformer-zoo[serving]" in said


def test_export_names_a_folder_that_is_no_task(tmp_path, capsys):
    assert main(["export", str(tmp_path), str(tmp_path / "1")]) == 1
    assert "no saved task" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_export_wants_settings_in_json(capsys):
    with pytest.raises(SystemExit):
        main(["export", "task", "folder", "--settings", "beam_size=4"])
    assert "--settings" in capsys.readouterr().err


def test_importing_the_package_loads_neither_keras_nor_tensorflow():
    script = """if True:
        import json, sys
        import zoo.serving, zoo.serving.__main__
        print(json.dumps([name for name in ("keras", "tensorflow") if name in sys.modules]))
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert json.loads(result.stdout) == []
