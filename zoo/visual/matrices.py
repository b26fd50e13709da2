"""Matrices with names along their sides: weights, masks, positions, vectors."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from zoo.visual.figures import finished, label_room, label_tokens, new_figure

# From paper white to a dark blue; shades that differ on paper, in grey, and to the colour-blind.
SHARES = LinearSegmentedColormap.from_list(
    "shares", ["#ffffff", "#d6e6f4", "#8fc2de", "#3787c0", "#0b559f", "#08306b"]
).with_extremes(bad="#e4e4e4")
SIGNED = "RdBu_r"
_WRITTEN = 14  # the most rows and columns whose numbers are written into the cells


def draw_matrix(axes, matrix, rows, columns, limits=None, written=None):
    """One matrix into matplotlib axes.

    Args:
        axes: matplotlib `Axes`.
        matrix: (T, S) array; NaN cells are grey.
        rows, columns: T and S str, or () for no names.
        limits: (least, most) of the colours; None: of the matrix. Where the least is below zero,
            the colours are those of numbers around zero.
        written: whether cells hold their numbers; None: where there are few.

    Returns:
        The image, for a colour bar.
    """
    matrix = np.asarray(matrix, "float64")
    size = float(np.nanmax(np.abs(matrix), initial=1e-9))
    signed = bool(np.nanmin(matrix, initial=0.0) < 0)
    least, most = limits or ((-size, size) if signed else (0.0, size))
    image = axes.imshow(
        matrix,
        cmap=SIGNED if signed else SHARES,
        vmin=least,
        vmax=most,
        aspect="equal",
        interpolation="nearest",
    )
    axes.xaxis.tick_top()
    _label(axes, rows, columns)
    for spine in axes.spines.values():
        spine.set_color("#999999")
    if max(matrix.shape) <= _WRITTEN if written is None else written:
        _write_numbers(axes, matrix, least, most, signed)
    return image


def draw_matrices(panels, title="", file=None, written=None):
    """Matrices side by side, such as the steps of a computation, each on its own scale.

    Args:
        panels: dict title -> (matrix (T, S), rows, columns), names or ().
        title: above all.
        file: where to write it, or None.
        written: as for `draw_matrix`.

    Returns:
        A matplotlib `Figure`.
    """
    sizes = [
        (
            max(1.9, _side(matrix, 1) + label_room(rows) + 0.3),
            _side(matrix, 0) + 0.9 * label_room(columns),
        )
        for matrix, rows, columns in panels.values()
    ]
    widths = [width for width, _ in sizes]
    figure = new_figure(min(sum(widths), 18), max(height for _, height in sizes) + 0.9)
    all_axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
    for axes, (name, (matrix, rows, columns)) in zip(all_axes, panels.items(), strict=True):
        draw_matrix(axes, matrix, rows, columns, written=written)
        axes.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return finished(figure, file)


def draw_mask(tokens, allowed=None, file=None):
    """Which word may attend to which.

    Args:
        tokens: list of T str.
        allowed: (T, T) bool; None: causal, each to itself and to what stands before it
            ("Attention is all you need", 3.2.3).
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`.
    """
    causal = allowed is None
    allowed = np.tri(len(tokens), dtype=bool) if causal else np.asarray(allowed, bool)
    side = cells(len(tokens)) + label_room(tokens)
    figure = new_figure(max(4.2, side + 0.4), side + 0.7)
    axes = figure.subplots()
    shown = np.where(allowed, 0.75, np.nan)
    draw_matrix(axes, shown, tokens, tokens, limits=(0, 1), written=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(0.5, len(tokens) - 1), minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white", linewidth=1 if len(tokens) <= 40 else 0)
    kind = "Causal mask" if causal else "Mask"
    figure.suptitle(f"{kind}: a row may attend to what is blue", fontsize=10)
    return finished(figure, file)


def draw_positions(positions=10, hidden_dim=64, file=None):
    """The table of sinusoidal position encodings, "Attention is all you need", 3.5.

    Args:
        positions: number of positions, from 0, or the words that stand there.
        hidden_dim: D, even.
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`.
    """
    from keras import ops

    from zoo.layers import SinusoidalPositions

    words = [str(i) for i in range(positions)] if isinstance(positions, int) else list(positions)
    numbers = np.arange(len(words), dtype="int32")[None]
    table = ops.convert_to_numpy(SinusoidalPositions(hidden_dim)(numbers))[0]  # (T, D)
    figure = new_figure(min(3.0 + hidden_dim / 8, 16), min(1.6 + 0.3 * len(words), 12))
    axes = figure.subplots()
    image = axes.imshow(table, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    label_tokens(axes.yaxis, words, fontsize=9)
    axes.set(xlabel="dimension: sines at even ones, cosines at odd ones", ylabel="position")
    axes.set_title(f"Sinusoidal positions, {len(words)} x {hidden_dim}", fontsize=11)
    figure.colorbar(image, ax=axes, shrink=0.9, ticks=[-1, 0, 1], pad=0.01)
    return finished(figure, file)


def cells(count):
    """Inches for so many cells along a side."""
    return float(np.clip(0.42 * count, 1.2, 11.0))


def _side(matrix, axis):
    """Inches of a panel: cells that can be written into, or a picture of about four inches."""
    most = max(np.shape(matrix))
    size = 0.42 if most <= _WRITTEN else float(np.clip(4 / most, 0.1, 0.3))
    return max(0.8, size * np.shape(matrix)[axis])


def _label(axes, rows, columns):
    for axis, names, more in (
        (axes.yaxis, rows, {}),
        (axes.xaxis, columns, {"rotation": 60, "ha": "left", "rotation_mode": "anchor"}),
    ):
        if len(names):
            size = 9 if len(names) <= 30 else 6
            label_tokens(axis, names, fontsize=size, **more)
        else:
            axis.set_ticks([])


def _write_numbers(axes, matrix, least, most, signed):
    for (row, column), value in np.ndenumerate(matrix):
        if np.isnan(value):
            continue
        share = (value - least) / max(most - least, 1e-9)
        dark = abs(share - 0.5) > 0.35 if signed else share > 0.55
        text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.1f}"
        color = "white" if dark else "#222222"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
