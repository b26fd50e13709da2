import xml.etree.ElementTree as ElementTree

import pytest

from tests.visual.ticks import tick_labels
from zoo.visual import draw_mask, save_figure
from zoo.visual.figures import MOST_LABELS, label_tokens, new_figure


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.PDF", b"%PDF")]
)
def test_one_call_writes_a_picture(tmp_path, name, start):
    file = tmp_path / name
    draw_mask(["a", "b"], file=file)
    first = file.read_bytes()
    assert first.startswith(start)
    draw_mask(["a", "b"], file=file)  # replaces it by the same
    assert file.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_whole_or_absent(tmp_path):
    figure = draw_mask(["a", "b"])
    with pytest.raises(ValueError, match=r"must end in one of .*\.svg.*; got .*a\.jpg"):
        save_figure(figure, tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        save_figure(figure, tmp_path / "nowhere" / "a.png")
    figure.savefig = lambda *_, **__: 1 / 0
    with pytest.raises(ZeroDivisionError):
        save_figure(figure, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_tokens_are_never_formulas_or_markup(tmp_path):
    odd = ["$\\frac{1}{2}$", "$", "<b>&amp;</b>", "\u202ex", "\n", "", "\u0301", "\U0001ffff"]
    figure = draw_mask(odd, file=tmp_path / "a.svg")
    (axes,) = figure.axes
    shown = [
        "$\\frac{1}{2}$",
        "$",
        "<b>&amp;</b>",
        "<U+202E>x",
        "\u23ce",
        "<empty>",
        "\u25cc\u0301",
    ]
    assert tick_labels(axes.yaxis) == [*shown, "<U+1FFFF>"]
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())
    ElementTree.parse(tmp_path / "a.svg")


def test_long_texts_name_every_so_many():
    axes = new_figure(3, 3).subplots()
    label_tokens(axes.xaxis, [str(i) for i in range(2 * MOST_LABELS + 1)])
    labels = tick_labels(axes.xaxis)
    assert labels[:3] == ["0", "3", "6"]
    assert len(labels) <= MOST_LABELS
