import json
import os
import shutil
import subprocess
import sys

import pytest

from zoo.serving.__main__ import main


def test_check_passes_a_good_export(toy_export, capsys):
    assert main(["check", str(toy_export)]) == 0
    assert "passes" in capsys.readouterr().out


def test_check_names_what_is_missing(toy_export, tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "holds no SavedModel" in capsys.readouterr().err
    shutil.copytree(toy_export, tmp_path / "1")
    shutil.rmtree(tmp_path / "1" / "assets.extra")
    assert main(["check", str(tmp_path / "1")]) == 1
    assert "no warm-up requests" in capsys.readouterr().err


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
