import dataclasses

import numpy as np
import pytest

from tests.visual.ticks import tick_labels
from zoo.tasks import Attention
from zoo.visual import draw_alignment, draw_head, draw_heads


def attention(kind="decoder", num_heads=3, length=5, keys=5):
    rng = np.random.default_rng(0)
    allowed = np.ones((2, length, keys), bool)
    if kind == "decoder":
        allowed &= np.tri(length, keys, dtype=bool)
    weights = rng.uniform(size=(2, num_heads, length, keys)) * allowed[:, None]
    weights /= weights.sum(-1, keepdims=True)
    vectors = (rng.normal(size=(2, num_heads, n, 4)) for n in (length, keys, keys))
    queries = [f"q{i}" for i in range(length)]
    names = queries if kind != "cross" else [f"k{i}" for i in range(keys)]
    following = [*queries[1:], "</s>"] if kind != "encoder" else ()
    arrays = (x.astype("float32") for x in (weights, *vectors))
    return Attention(kind, tuple(queries), tuple(names), tuple(following), *arrays, allowed, 0.5)


def image_of(axes):
    (image,) = axes.images
    return image.get_array()


def test_a_head_shows_its_weights_with_tokens(tmp_path):
    found = attention()
    figure = draw_head(found, 1, 2, tmp_path / "head.png")
    axes, _ = figure.axes
    shown = image_of(axes)
    np.testing.assert_allclose(shown.filled(0), found.weights[1, 2])
    np.testing.assert_array_equal(shown.mask, ~found.allowed[1])  # grey
    assert tick_labels(axes.xaxis) == tick_labels(axes.yaxis) == [f"q{i}" for i in range(5)]
    assert figure.get_suptitle() == "Decoder self-attention, layer 1, head 2"
    written = {text.get_text() for text in axes.texts}
    assert {f"{found.weights[1, 2, 4, 0]:.2f}"[1:], "1.0"} <= written
    assert len(axes.texts) == 15  # what may not be attended has no number
    assert (tmp_path / "head.png").is_file()


def test_the_heads_of_a_layer_share_one_scale():
    found = attention("encoder", num_heads=5)
    figure = draw_heads(found, 0)
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == [f"head {i}" for i in range(5)]
    for head, axes in enumerate(maps):
        np.testing.assert_allclose(image_of(axes), found.weights[0, head])
    limits = {axes.images[0].get_clim() for axes in maps}
    assert limits == {(0.0, float(found.weights[0].max()))}


def test_an_alignment_goes_from_what_is_written_to_what_is_read():
    found = attention("cross", length=3, keys=7)
    axes = draw_alignment(found).axes[0]
    np.testing.assert_allclose(image_of(axes), found.weights[1].mean(0), atol=1e-6)
    assert tick_labels(axes.yaxis) == ["q1", "q2", "</s>"]
    assert tick_labels(axes.xaxis) == [f"k{i}" for i in range(7)]
    one = draw_alignment(found, layer=0, head=2).axes[0]
    np.testing.assert_allclose(image_of(one), found.weights[0, 2])


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="head must be 0 to 2"):
        draw_head(attention(), 0, 3, tmp_path / "a.png")
    with pytest.raises(ValueError, match="layer must be 0 to 1"):
        draw_heads(attention(), 2)
    with pytest.raises(ValueError, match="of the kind 'cross'; got 'decoder'"):
        draw_alignment(attention())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [1, 13, 90])
def test_any_length_and_wide_letters(length, tmp_path):
    found = attention("encoder", length=length, keys=length)
    tokens = tuple("<U+202E>\u6f22\u5b57 a very long token of many letters" for _ in range(length))
    found = dataclasses.replace(found, queries=tokens, keys=tokens)
    draw_head(found, 0, 0, tmp_path / "head.png")
    draw_heads(found, 0, tmp_path / "heads.svg")
    assert len(list(tmp_path.iterdir())) == 2
