"""Curves of a training, drawn from its log."""

import json
import os


def draw_run(folder, panels):
    """`draw_curves` of a run folder into its curves.png, where matplotlib is installed."""
    try:
        draw_curves(folder / "log.jsonl", folder / "curves.png", panels)
    except ImportError:
        print("no curves.png: pip install matplotlib; TensorBoard draws the same curves")


def draw_curves(log_file, picture, panels):
    """Draw metrics over the updates into a PNG, training beside dev.

    Args:
        log_file: what `zoo.training.JsonLinesLog` wrote.
        picture: the file to write, whole or not at all.
        panels: {title: metric}; the dev set's is "val_" + metric.

    Raises:
        ImportError: matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    updates = [entry["updates"] for entry in entries]
    figure = Figure(figsize=(4.2 * len(panels), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, metric) in zip(axes, panels.items(), strict=True):
        for name, label in ((metric, "train"), (f"val_{metric}", "dev")):
            values = [entry[name] for entry in entries]  # None, where not finite, leaves a gap
            values = [float("nan") if value is None else value for value in values]
            axis.plot(updates, values, marker=".", label=label)
        axis.set(title=title, xlabel="updates")
        axis.grid(alpha=0.3)
        axis.legend()
    temporary = picture.with_name(f".{picture.name}.writing")
    figure.savefig(temporary, format="png", dpi=120)
    os.replace(temporary, picture)
