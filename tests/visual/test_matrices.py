import numpy as np
import pytest

from tests.visual.ticks import tick_labels
from zoo.visual import draw_mask, draw_matrices, draw_positions


def test_the_causal_mask_lets_no_word_look_ahead():
    (axes,) = draw_mask(["a", "b", "c"]).axes
    np.testing.assert_array_equal(axes.images[0].get_array().mask, ~np.tri(3, dtype=bool))
    allowed = np.array([[True, False], [True, True]]).T
    (axes,) = draw_mask(["a", "b"], allowed).axes
    np.testing.assert_array_equal(axes.images[0].get_array().mask, ~allowed)


@pytest.mark.parametrize(
    "positions", [10, ["She", "turned", "on", "the", "light", ":", "the", "bag", "was", "light"]]
)
def test_the_positions_of_the_first_ten_words(positions, tmp_path):
    axes, _ = draw_positions(positions, 64, tmp_path / "positions.svg").axes
    table = axes.images[0].get_array()
    assert table.shape == (10, 64)
    np.testing.assert_allclose(table[0], np.tile([0.0, 1.0], 32), atol=1e-6)
    np.testing.assert_allclose(table[7, :2], [np.sin(7), np.cos(7)], atol=1e-6)
    np.testing.assert_allclose(table[9, 62], np.sin(9 / 10000 ** (62 / 64)), atol=1e-6)
    words = positions if isinstance(positions, list) else [str(i) for i in range(10)]
    assert tick_labels(axes.yaxis) == words


def test_matrices_stand_side_by_side(tmp_path):
    shares, signed = np.array([[0.25, 0.75]]), np.array([[-1.5], [0.5], [0.0]])
    panels = {"one": (shares, ["a"], ["b", "c"]), "two": (signed, (), ())}
    one, two = draw_matrices(panels, "both", tmp_path / "both.png").axes
    assert (one.get_title(), two.get_title()) == ("one", "two")
    assert [text.get_text() for text in one.texts] == [".25", ".75"]
    assert one.images[0].get_clim() == (0.0, 0.75)
    assert two.images[0].get_clim() == (-1.5, 1.5)
    assert tick_labels(one.xaxis) == ["b", "c"]
    assert tick_labels(two.yaxis) == []
