"""Figures without a window, and files that are whole or absent."""

import os
import uuid
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo.visual import fonts
from zoo.visual.tokens import shortened, visible

FORMATS = (".png", ".svg", ".pdf")
MOST_LABELS = 72  # tokens along one side; of longer texts every so many is named
_DPI = 150
# Equal figures give equal files; letters are outlines that need no font where they are looked at.
_STYLE = {"svg.hashsalt": "zoo", "svg.fonttype": "path", "pdf.fonttype": 42}


def new_figure(width, height):
    """An empty figure of so many inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, file):
    """Write a figure as a PNG, SVG or PDF, whatever the end of the name says.

    Args:
        figure: a matplotlib `Figure`.
        file: path; what is there is replaced; the folder must exist.

    Raises:
        ValueError: the name ends otherwise.
        FileNotFoundError: there is no such folder.
    """
    file = Path(file)
    kind = file.suffix.lower()
    if kind not in FORMATS:
        raise ValueError(f"file must end in one of {FORMATS}; got {str(file)!r}")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"file: there is no folder {str(file.parent)!r}")
    temporary = file.with_name(f".{file.name}.writing-{uuid.uuid4().hex[:8]}")
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(kind)
    try:
        with matplotlib.rc_context(_STYLE):
            figure.savefig(temporary, format=kind[1:], dpi=_DPI, metadata=metadata)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def finished(figure, file):
    """The figure, written where `file` is not None."""
    if file is not None:
        save_figure(figure, file)
    return figure


def plain_text(artist, families=None):
    """Show a matplotlib `Text` as it stands: "$" begins no formula."""
    artist.set_parse_math(False)
    if families is not None:
        artist.set_fontfamily(families)
    return artist


def label_tokens(axis, tokens, **how):
    """Tokens as the labels of ticks, all of them or, where they would not fit, every so many.

    Args:
        axis: `axes.xaxis` or `axes.yaxis`.
        tokens: list of str, one at each whole number.
        **how: properties of the labels.
    """
    labels, families = labels_of(tokens)
    step = -(-len(labels) // MOST_LABELS)
    axis.set_ticks(range(0, len(labels), step), labels[::step])
    for label in axis.get_ticklabels():
        plain_text(label, families).set(**how)
    axis.set_tick_params(length=0 if step == 1 else 2)


def label_room(tokens, size=9):
    """Inches that the longest of tokens takes as a label of so many points."""
    return max((len(label) for label in labels_of(tokens)[0]), default=0) * size * 0.65 / 72


def labels_of(tokens):
    """Tokens as labels, and the font families that draw them."""
    shown = [visible(token) for token in tokens]
    families, missing = fonts.fitting(shown)
    return [shortened(fonts.spelled(text, missing)) for text in shown], families
