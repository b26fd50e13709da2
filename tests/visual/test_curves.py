import json

import numpy as np
import pytest

from zoo.training import WarmupCosine
from zoo.visual import draw_curves, draw_log, draw_schedule


def test_a_log_becomes_curves_of_training_and_dev(tmp_path):
    entries = [
        {"updates": 3, "loss": 2.0, "val_loss": None},
        {"updates": 6, "loss": 1.0, "val_loss": 1.5},
    ]
    log, picture = tmp_path / "log.jsonl", tmp_path / "curves.png"
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (axes,) = draw_log(log, {"a $loss": "loss"}, picture).axes
    train, dev = axes.lines
    np.testing.assert_array_equal(train.get_xydata(), [[3, 2], [6, 1]])
    np.testing.assert_array_equal(dev.get_ydata(), [np.nan, 1.5])
    assert (train.get_label(), dev.get_label()) == ("train", "dev")
    assert axes.get_title() == "a $loss"
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(KeyError, match="accuracy"):
        draw_log(log, {"accuracy": "accuracy"}, tmp_path / "other.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "log.jsonl"]


def test_schedules_over_their_updates():
    schedule = WarmupCosine(0.5, 10, 100)
    (axes,) = draw_schedule(schedule, 100).axes
    (line,) = axes.lines
    rates = line.get_ydata()
    assert rates.argmax() in (9, 10)
    np.testing.assert_allclose(rates.max(), 0.5, rtol=0.11)
    assert axes.get_legend() is None
    (axes,) = draw_schedule({"one": schedule, "other": schedule}, 1000).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "other"]


def test_panels_stand_side_by_side(tmp_path):
    panels = {"a": {"x": ([1, 2], [3.0, 4.0])}, "b": {"": ([1], [None])}}
    first, second = draw_curves(panels, tmp_path / "a.svg", "tokens").axes
    assert first.get_xlabel() == second.get_xlabel() == "tokens"
    assert second.get_legend() is None
