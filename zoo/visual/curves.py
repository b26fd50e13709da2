"""Numbers over updates: learning-rate schedules and the course of a training."""

import json
from pathlib import Path

import numpy as np

from zoo.visual.figures import finished, new_figure, plain_text

_NAN = float("nan")


def draw_curves(panels, file=None, xlabel="updates"):
    """Curves side by side, one panel a metric.

    Args:
        panels: dict title -> dict name of a curve -> (x, y), lists of numbers; a None or NaN
            leaves a gap.
        file: where to write it, or None.
        xlabel: what x counts.

    Returns:
        A matplotlib `Figure`.
    """
    figure = new_figure(4.2 * len(panels), 3.4)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(all_axes, panels.items(), strict=True):
        for name, (x, y) in curves.items():
            y = [_NAN if value is None else value for value in y]
            marker = "." if len(y) <= 50 else None
            axes.plot(x, y, marker=marker, label=name)
        axes.set_xlabel(xlabel)
        plain_text(axes.set_title(title, fontsize=11))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1 or "" not in curves:
            for text in axes.legend(frameon=False).get_texts():
                plain_text(text)
    return finished(figure, file)


def draw_log(log_file, panels, file=None):
    """The course of a training from its log, training beside dev.

    Args:
        log_file: what `zoo.training.JsonLinesLog` wrote.
        panels: dict title -> metric; the dev set's, where there is one, is "val_" + metric.
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`.

    Raises:
        KeyError: the log lacks a metric.
    """
    entries = [json.loads(line) for line in Path(log_file).read_text("utf-8").splitlines()]
    updates = [entry["updates"] for entry in entries]
    curves = {
        title: {
            label: (updates, [entry[name] for entry in entries])
            for name, label in ((metric, "train"), (f"val_{metric}", "dev"))
            if label == "train" or name in entries[0]  # without validation there is one curve
        }
        for title, metric in panels.items()
    }
    return draw_curves(curves, file)


def draw_schedule(schedules, updates, file=None):
    """Learning rates over the updates.

    Args:
        schedules: a Keras `LearningRateSchedule`, such as those of `zoo.training`, or dict name ->
            schedule.
        updates: how many.
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`.
    """
    from keras import ops

    if not isinstance(schedules, dict):
        schedules = {"": schedules}
    steps = np.unique(np.linspace(0, updates - 1, min(updates, 400)).astype("int64"))
    curves = {
        name: (steps, [float(ops.convert_to_numpy(schedule(int(step)))) for step in steps])
        for name, schedule in schedules.items()
    }
    return draw_curves({"learning rate": curves}, file)
