import math

import numpy as np
import pytest
from keras import ops

from tests.backends import randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import LearnedPositions, RotaryPositions, SinusoidalPositions

POSITIONS = np.array([[0, 1, 2, 3, 4], [11, 5, 5, 64, 63], [997, 511, 128, 0, 2003]])


def test_table_of_the_paper_by_hand():
    # D = 4: wavelengths 2 pi and 2 pi * 100.
    table = to_numpy(SinusoidalPositions(4)(np.array([[0, 1, 2]])))[0]
    expected = [
        [0.0, 1.0, 0.0, 1.0],
        [0.841471, 0.540302, 0.0099998, 0.99995],
        [0.909297, -0.416147, 0.0199987, 0.9998],
    ]
    np.testing.assert_allclose(table, expected, atol=1e-6)
    half = to_numpy(SinusoidalPositions(4, layout="half")(np.array([[1]])))[0, 0]
    np.testing.assert_allclose(half, [0.841471, 0.0099998, 0.540302, 0.99995], atol=1e-6)


@pytest.mark.parametrize("layout", ["interleaved", "half"])
@pytest.mark.parametrize("base", [10000.0, 17.0])
def test_any_positions_equal_the_reference(layout, base):
    table = to_numpy(SinusoidalPositions(26, layout, base)(POSITIONS))
    assert table.shape == (3, 5, 26)
    np.testing.assert_allclose(table, reference.sinusoids(POSITIONS, 26, layout, base), atol=2e-5)


def test_near_positions_to_1e_5():
    positions = np.arange(300)[None]
    table = to_numpy(SinusoidalPositions(38)(positions))
    np.testing.assert_allclose(table, reference.sinusoids(positions, 38), atol=1e-5)


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_integers_of_any_dtype(dtype):
    positions = np.array([[3, 0, 7]])
    table = to_numpy(SinusoidalPositions(6)(positions.astype(dtype)))
    np.testing.assert_allclose(table, reference.sinusoids(positions, 6), atol=1e-5)


@pytest.mark.parametrize("hidden_dim", [7, 0])
def test_sinusoids_come_in_pairs(hidden_dim):
    with pytest.raises(ValueError, match=f"hidden_dim must be even and positive; got {hidden_dim}"):
        SinusoidalPositions(hidden_dim)


@pytest.mark.parametrize("positions", [SinusoidalPositions, RotaryPositions])
def test_unknown_layout(positions):
    arguments = (8,) if positions is SinusoidalPositions else ()
    with pytest.raises(ValueError, match="layout must be one of .*interleaved.*; got 'halves'"):
        positions(*arguments, layout="halves")


def test_learned_positions_are_rows_of_the_table():
    layer = LearnedPositions(13, 3)
    layer.build((None, None))
    randomize(layer)
    positions = np.array([[0, 12, 5], [5, 5, 1]])
    np.testing.assert_allclose(
        run(layer, positions), to_numpy(layer.table.embeddings)[positions], atol=0
    )


@pytest.mark.parametrize("positions", [np.zeros((1, 14), int), np.array([[13]])])
def test_learned_positions_end(positions):
    layer = LearnedPositions(13, 3, name="places")
    with pytest.raises(ValueError, match="places: sequences may be at most 13 long; got 14"):
        layer(positions)


@pytest.mark.parametrize("layout", ["interleaved", "half"])
def test_rotary_by_hand(layout):
    # H = 2 is one pair that turns by the position in radians.
    heads = np.array([[[[3.0, 4.0], [3.0, 4.0]]]], "float32")
    turned = to_numpy(RotaryPositions(layout=layout)(ops.convert_to_tensor(heads), [[0, 1]]))
    sine, cosine = math.sin(1), math.cos(1)
    expected = [[3, 4], [3 * cosine - 4 * sine, 4 * cosine + 3 * sine]]
    np.testing.assert_allclose(turned[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("layout", ["interleaved", "half"])
@pytest.mark.parametrize("rows", [1, 3])
def test_rotary_equals_the_reference(rng, layout, rows):
    heads = rng.normal(size=(3, 2, 5, 14)).astype("float32")
    positions = POSITIONS[1 : 1 + rows] if rows == 1 else POSITIONS
    turned = RotaryPositions(layout=layout)(
        ops.convert_to_tensor(heads), ops.convert_to_tensor(positions)
    )
    expected = reference.rotate(heads.astype("float64"), positions, layout)
    np.testing.assert_allclose(to_numpy(turned), expected, atol=5e-5)


@pytest.mark.parametrize("layout", ["interleaved", "half"])
def test_rotary_scores_depend_on_the_distance_alone(rng, layout):
    query, key = (rng.normal(size=(1, 1, 1, 14)).astype("float32") for _ in range(2))
    rotary = RotaryPositions(layout=layout)

    def score(query_position, key_position):
        turned_query = rotary(ops.convert_to_tensor(query), [[query_position]])
        turned_key = rotary(ops.convert_to_tensor(key), [[key_position]])
        return float(to_numpy(ops.sum(turned_query * turned_key)))

    assert score(9, 4) == pytest.approx(score(5, 0), abs=1e-5)
    assert score(9, 4) == pytest.approx(score(73, 68), abs=1e-5)
    assert abs(score(9, 4) - score(4, 9)) > 1e-2
    assert abs(score(9, 4) - score(9, 5)) > 1e-2


def test_rotary_needs_pairs():
    with pytest.raises(ValueError, match="rotary positions need an even head_dim; got 5"):
        RotaryPositions()(ops.ones((1, 1, 1, 5)), [[0]])


# Scaled rotary positions.

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 31,
}


def turned_by(rotary, size, position=1):
    """The angles, modulo 2 pi, by which `rotary` turns the pairs of a head at a position."""
    heads = np.zeros((1, 1, 1, size), "float32")
    heads[..., : size // 2] = 1  # (1, 0) in each pair becomes (cos, sin)
    turned = to_numpy(rotary(ops.convert_to_tensor(heads), [[position]]))[0, 0, 0]
    return np.arctan2(turned[size // 2 :], turned[: size // 2])


def test_linear_scaling_squeezes_positions(rng):
    heads = ops.convert_to_tensor(rng.normal(size=(2, 3, 5, 14)).astype("float32"))
    positions = ops.convert_to_tensor(3 * np.arange(5)[None])
    scaled = RotaryPositions(scaling={"type": "linear", "factor": 3.0})(heads, positions)
    plain = RotaryPositions()(heads, ops.arange(5)[None])
    np.testing.assert_allclose(to_numpy(scaled), to_numpy(plain), atol=1e-5)


def test_llama3_scaling_by_hand():
    # Within 31 positions the first pair turns 31 / 2 pi = 4.93 times, more than 4: it is kept. With
    # base 8 the second turns 4.93 / sqrt(8) = 1.74 times: a mixture. With base 1e6 it turns less
    # than once: an eighth.
    angles = turned_by(RotaryPositions(8.0, scaling=LLAMA3), 4)
    kept = (31 / (2 * math.pi) / math.sqrt(8) - 1) / 3
    frequency = 1 / math.sqrt(8)
    expected = [1.0, kept * frequency + (1 - kept) * frequency / 8]
    np.testing.assert_allclose(angles, expected, atol=1e-6)
    angles = turned_by(RotaryPositions(1e6, scaling=LLAMA3), 4, position=4)
    np.testing.assert_allclose(angles[1], 4 * 1e-3 / 8, atol=1e-7)


@pytest.mark.parametrize("scaling", [{"rope_type": "linear", "factor": 2.5}, LLAMA3])
@pytest.mark.parametrize("base", [10000.0, 50.0])
def test_scaled_frequencies_are_those_of_transformers(scaling, base):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=26, num_attention_heads=1, rope_parameters={**scaling, "rope_theta": base}
    )
    function = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS[scaling["rope_type"]]
    expected, factor = function(config)
    assert factor == 1.0
    angles = turned_by(RotaryPositions(base, scaling=scaling), 26)
    np.testing.assert_allclose(angles, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "yarn", "factor": 2.0}, r"of type \('linear', 'llama3'\); got .*yarn"),
        ({}, "rotary scaling must be of type"),
        ({"type": "linear"}, r"of type 'linear' lacks \['factor'\]"),
        ({**LLAMA3, "factor": None}, r"of type 'llama3' lacks \['factor'\]"),
    ],
)
def test_bad_scalings(scaling, message):
    with pytest.raises(ValueError, match=message):
        RotaryPositions(scaling=scaling)


def test_scaling_is_in_the_configuration():
    rotary = RotaryPositions(17.0, "interleaved", LLAMA3)
    again = RotaryPositions.from_config(rotary.get_config())
    assert again.get_config() == rotary.get_config()
    assert again.get_config()["scaling"] == LLAMA3
