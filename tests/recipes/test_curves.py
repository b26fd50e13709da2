import json

import pytest

from recipes.curves import draw_curves

pytest.importorskip("matplotlib")


def test_a_picture_or_none(tmp_path):
    entries = [
        {"updates": 3, "loss": 2.0, "val_loss": None},
        {"updates": 6, "loss": 1.0, "val_loss": 1.5},
    ]
    log, picture = tmp_path / "log.jsonl", tmp_path / "curves.png"
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    draw_curves(log, picture, {"a loss": "loss"})
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(KeyError, match="accuracy"):
        draw_curves(log, tmp_path / "other.png", {"accuracy": "accuracy"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "log.jsonl"]
