"""Curves of a training, drawn from its log."""


def draw_run(folder, panels):
    """The log.jsonl of a run folder as its curves.png, where matplotlib is installed.

    Args:
        folder: path of the run folder.
        panels: {title: metric}; the dev set's is "val_" + metric.
    """
    try:
        from zoo.visual import draw_log
    except ImportError:
        print("no curves.png: pip install matplotlib; TensorBoard draws the same curves")
    else:
        draw_log(folder / "log.jsonl", panels, folder / "curves.png")
