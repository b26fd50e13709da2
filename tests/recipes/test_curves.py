import json
import sys

from recipes.curves import draw_run


def test_a_run_folder_gets_its_curves(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps({"updates": 3, "loss": 2.0, "val_loss": 1.0}))
    draw_run(tmp_path, {"a loss": "loss"})
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_does_not_end_for_want_of_matplotlib(tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("zoo.visual")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    draw_run(tmp_path, {"a loss": "loss"})
    assert "pip install matplotlib" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
