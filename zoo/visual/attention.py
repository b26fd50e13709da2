"""Attention weights with their tokens: one head, all heads of a layer, an alignment."""

import math

import numpy as np

from zoo.visual.figures import finished, label_room, new_figure
from zoo.visual.matrices import cells, draw_matrix

_KINDS = {
    "encoder": "encoder self-attention",
    "decoder": "decoder self-attention",
    "cross": "cross-attention",
}


def draw_head(attention, layer, head, file=None):
    """One head's map: each row is a token that looks, each column a token that it looks at.

    Args:
        attention: a `zoo.tasks.Attention`.
        layer, head: count from 0.
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`; what may not be attended is grey.

    Raises:
        ValueError: there is no such layer or head, or the file's name ends in no picture's suffix.
    """
    attention.check(layer, head)
    weights = np.where(attention.allowed[layer], attention.weights[layer, head], np.nan)
    title = f"{_title(attention)}, layer {layer}, head {head}"
    return _draw_map(attention, weights, attention.queries, title, file)


def draw_heads(attention, layer, file=None):
    """All heads of a layer side by side, on one scale of colours.

    Args, returns and raises as for `draw_head`.
    """
    attention.check(layer)
    weights = np.where(attention.allowed[layer], attention.weights[layer], np.nan)  # (N, T, S)
    count, length, keys = weights.shape
    few = max(length, keys) <= 24
    names = (attention.queries, attention.keys) if few else ((), ())
    columns = _columns(count)
    rows = math.ceil(count / columns)
    width = float(np.clip(0.22 * keys, 1.6, 3.6)) + label_room(names[0], 8)
    height = float(np.clip(0.22 * length, 1.6, 3.6)) + 0.9 * label_room(names[1], 8) + 0.3
    figure = new_figure(columns * width + 0.8, rows * height + 0.4)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    limits = (0.0, float(np.nanmax(weights)))
    for head, axes in enumerate(all_axes):
        if head >= count:
            axes.set_axis_off()
            continue
        image = draw_matrix(axes, weights[head], *names, limits=limits, written=False)
        axes.set_title(f"head {head}", fontsize=9)
        axes.tick_params(labelsize=7)
    figure.colorbar(image, ax=list(all_axes), shrink=0.6, label="weight", pad=0.01)
    figure.suptitle(f"{_title(attention)}, layer {layer}", fontsize=11)
    return finished(figure, file)


def draw_alignment(attention, layer=None, head=None, file=None):
    """Cross-attention as an alignment: each row is a word that is written, and where it came from.

    "Neural machine translation by jointly learning to align and translate" (Bahdanau et al. 2015,
    arXiv:1409.0473), figure 3.

    Args:
        attention: a `zoo.tasks.Attention` of the kind "cross".
        layer: counts from 0; None: the last.
        head: counts from 0; None: the mean of all heads.
        file: where to write it, or None.

    Returns:
        A matplotlib `Figure`.

    Raises:
        ValueError: the attention is of another kind, or there is no such layer or head.
    """
    if attention.kind != "cross":
        raise ValueError(f"attention must be of the kind 'cross'; got {attention.kind!r}")
    layer = attention.num_layers - 1 if layer is None else layer
    attention.check(layer, head or 0)
    weights = attention.weights[layer]
    weights = weights.mean(axis=0) if head is None else weights[head]
    which = "mean of the heads" if head is None else f"head {head}"
    title = f"What each written word looks at: layer {layer}, {which}"
    return _draw_map(attention, weights, attention.following, title, file)


def _columns(count):
    """Columns for so many maps: at most 4, and no row half empty where that can be."""
    least = min(4, math.ceil(math.sqrt(count)))
    return next((columns for columns in range(least, 5) if count % columns == 0), least)


def _draw_map(attention, weights, rows, title, file):
    length, keys = weights.shape
    width = cells(keys) + label_room(rows) + 1.6
    height = cells(length) + 0.9 * label_room(attention.keys) + 0.9
    figure = new_figure(max(5.0, width), height)
    axes = figure.subplots()
    image = draw_matrix(axes, weights, rows, attention.keys)
    axes.set_ylabel("queries" if rows == attention.queries else "written", color="#666666")
    axes.set_xlabel("keys" if rows == attention.queries else "read", color="#666666")
    figure.colorbar(image, ax=axes, shrink=0.8, label="weight", pad=0.02)
    figure.suptitle(title, fontsize=11)
    return finished(figure, file)


def _title(attention):
    return _KINDS.get(attention.kind, attention.kind).capitalize()
