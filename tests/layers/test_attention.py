import math

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import gradient, randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import (
    MultiHeadAttention,
    RotaryPositions,
    masked_softmax,
    scaled_dot_product_attention,
)

B, T, S, D, E = 3, 5, 7, 22, 13


def normal(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def some_mask(rng, *shape):
    """Random, and at least one key for every query."""
    mask = rng.random(shape) < 0.5
    mask[..., 0] = True
    return mask


# The pure function.


def test_two_by_two_by_hand():
    # One head, H = 1, scale 1: scores are [[ln 3, 0], [0, 0]], weights [[3/4, 1/4], [1/2, 1/2]].
    query = np.array([[[[math.log(3)], [0.0]]]], "float32")
    key = np.array([[[[1.0], [0.0]]]], "float32")
    value = np.array([[[[8.0, 0.0], [0.0, 4.0]]]], "float32")
    output, weights = scaled_dot_product_attention(*map(ops.convert_to_tensor, (query, key, value)))
    np.testing.assert_allclose(to_numpy(weights)[0, 0], [[0.75, 0.25], [0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(to_numpy(output)[0, 0], [[6.0, 1.0], [4.0, 2.0]], atol=1e-5)


def test_default_scale_is_one_over_the_root_of_the_head_size():
    # q . k = 4 ln 3 over H = 16: the score is ln 3.
    query = np.full((1, 1, 1, 16), math.log(3) / 4, "float32")
    key = np.stack([np.ones((1, 1, 16)), np.zeros((1, 1, 16))], axis=2).astype("float32")
    _, weights = scaled_dot_product_attention(*map(ops.convert_to_tensor, (query, key, key)))
    np.testing.assert_allclose(to_numpy(weights)[0, 0, 0], [0.75, 0.25], atol=1e-6)


def test_softmax_under_a_mask_by_hand():
    scores = np.log([[[[1.0, 2.0, 5.0], [1.0, 1.0, 2.0], [7.0, 1.0, 1.0]]]]).astype("float32")
    mask = np.array([[[True, True, False], [True, True, True], [False, False, False]]])
    weights = to_numpy(masked_softmax(ops.convert_to_tensor(scores), ops.convert_to_tensor(mask)))
    expected = [[1 / 3, 2 / 3, 0], [1 / 4, 1 / 4, 1 / 2], [0, 0, 0]]
    np.testing.assert_allclose(weights[0, 0], expected, atol=1e-6)


def test_softmax_stands_any_scores():
    scores = np.array([[[[1e4, -1e4, 3e4], [3e4, 3e4, 1.0]]]], "float32")
    mask = np.array([[[True, True, False], [True, True, True]]])
    weights = to_numpy(masked_softmax(ops.convert_to_tensor(scores), ops.convert_to_tensor(mask)))
    np.testing.assert_allclose(weights[0, 0], [[1, 0, 0], [0.5, 0.5, 0]], atol=1e-6)


@pytest.mark.parametrize("num_shared", [6, 3, 2, 1])
@pytest.mark.parametrize("rows_of_mask", [1, B])
def test_function_equals_the_reference(rng, num_shared, rows_of_mask):
    query = normal(rng, B, 6, T, 11)
    key, value = (normal(rng, B, num_shared, S, 11) for _ in range(2))
    mask = some_mask(rng, rows_of_mask, T, S)
    tensors = map(ops.convert_to_tensor, (query, key, value, mask))
    output, weights = to_numpy(scaled_dot_product_attention(*tensors, scale=0.3))
    repeated = (np.repeat(x, 6 // num_shared, axis=1).astype("float64") for x in (key, value))
    expected = reference.attention(
        query.astype("float64"), *repeated, np.broadcast_to(mask, (B, T, S)), 0.3
    )
    np.testing.assert_allclose(output, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1], atol=1e-5)


@pytest.mark.parametrize("length", [1, T])
@pytest.mark.parametrize("num_shared", [6, 2])
@pytest.mark.parametrize("num_held", [0, 1, S - 1])
def test_keys_in_pieces_are_the_same_keys(rng, length, num_shared, num_held):
    query = normal(rng, B, 6, length, 11)
    key, value = (normal(rng, B, num_shared, S, 11) for _ in range(2))
    query, mask = ops.convert_to_tensor(query), ops.convert_to_tensor(some_mask(rng, B, length, S))
    whole = [ops.convert_to_tensor(x) for x in (key, value)]
    pieces = [(x[:, :, :num_held], x[:, :, num_held:]) for x in whole]
    expected = to_numpy(scaled_dot_product_attention(query, *whole, mask))
    found = to_numpy(scaled_dot_product_attention(query, *pieces, mask))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(("length", "num_shared"), [(3, 2), (1, 2), (1, 4)])
def test_no_rows_give_no_rows(length, num_shared):
    empty = [ops.zeros((0, n, t, 5)) for n, t in ((4, length), (num_shared, 7), (num_shared, 7))]
    output, weights = scaled_dot_product_attention(*empty, ops.ones((0, 1, 7), dtype="bool"))
    assert tuple(output.shape) == (0, 4, length, 5)
    assert tuple(weights.shape) == (0, 4, length, 7)


def test_a_single_query_gives_what_it_gives_among_others(rng):
    query, key, value = normal(rng, B, 6, T, 11), normal(rng, B, 6, S, 11), normal(rng, B, 6, S, 11)
    mask = some_mask(rng, B, T, S)
    mask[1, 0] = False  # the first query of the second row may attend to nothing
    tensors = [ops.convert_to_tensor(x) for x in (query, key, value, mask)]
    whole = to_numpy(scaled_dot_product_attention(*tensors))
    single = [tensors[0][:, :, :1], *tensors[1:3], tensors[3][:, :1]]
    for found, expected in zip(to_numpy(scaled_dot_product_attention(*single)), whole, strict=True):
        np.testing.assert_allclose(found, expected[:, :, :1], atol=1e-5)
        assert (found[1] == 0).all()


def test_a_query_that_may_attend_to_nothing_gives_zeros_also_in_gradients(rng):
    query, key, value = normal(rng, 1, 2, 3, 5), normal(rng, 1, 2, 4, 5), normal(rng, 1, 2, 4, 5)
    mask = np.ones((1, 3, 4), bool)
    mask[0, 1] = False

    def total(query):
        tensors = map(ops.convert_to_tensor, (key, value, mask))
        return ops.sum(scaled_dot_product_attention(query, *tensors)[0])

    output, _ = scaled_dot_product_attention(*map(ops.convert_to_tensor, (query, key, value, mask)))
    assert (to_numpy(output)[:, :, 1] == 0).all()
    assert (np.abs(to_numpy(output)[:, :, [0, 2]]) > 0).all()
    slope = gradient(total, query)
    assert np.isfinite(slope).all()
    assert (slope[:, :, 1] == 0).all()
    assert (np.abs(slope[:, :, [0, 2]]) > 0).any()


def test_dropout_comes_after_the_softmax(rng):
    query, key, value = (normal(rng, 1, 1, 3, 5) for _ in range(3))
    seen = []

    def halve(weights):
        seen.append(to_numpy(weights))
        return weights * 0.5

    tensors = [ops.convert_to_tensor(x) for x in (query, key, value)]
    plain, weights = scaled_dot_product_attention(*tensors)
    halved, unchanged = scaled_dot_product_attention(*tensors, dropout=halve)
    np.testing.assert_allclose(seen[0].sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(to_numpy(halved), to_numpy(plain) / 2, atol=1e-6)
    np.testing.assert_allclose(to_numpy(unchanged), to_numpy(weights), atol=0)


# The layer.


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_heads": 2},
        {"num_heads": 11, "use_bias": False},
        {"num_heads": 6, "head_dim": 5, "num_key_value_heads": 3},
        {"num_heads": 3, "head_dim": 7, "num_key_value_heads": 1, "scale": 0.21},
        {"num_heads": 2, "head_dim": 6, "rotary": RotaryPositions()},
        {"num_heads": 2, "head_dim": 6, "rotary": RotaryPositions(layout="interleaved")},
    ],
)
def test_self_attention_equals_the_reference(rng, arguments):
    layer = MultiHeadAttention(**arguments)
    layer.build((None, None, D))
    randomize(layer)
    x, mask = normal(rng, B, T, D), some_mask(rng, B, T, T)
    positions = np.array([[0, 1, 2, 3, 4], [3, 5, 6, 7, 9], [0, 0, 1, 2, 3]])
    y = run(layer, x, attention_mask=mask, positions=positions)
    expected = reference.multi_head_attention(layer, x, mask=mask, positions=positions)
    assert y.shape == (B, T, D)
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("shared", [None, 1])
def test_cross_attention_equals_the_reference(rng, shared):
    layer = MultiHeadAttention(2, num_key_value_heads=shared, cross=True)
    layer.build((None, None, D), (None, None, E))
    randomize(layer)
    x, context, mask = normal(rng, B, T, D), normal(rng, B, S, E), some_mask(rng, B, 1, S)
    y = run(layer, x, context, attention_mask=mask)
    full = np.repeat(mask, T, axis=1)
    np.testing.assert_allclose(
        y, reference.multi_head_attention(layer, x, context, full), atol=1e-5
    )
    unmasked = run(layer, x, context)
    np.testing.assert_allclose(
        unmasked, reference.multi_head_attention(layer, x, context), atol=1e-5
    )


def test_no_mask_is_a_mask_of_trues_and_rotary_positions_count_from_zero(rng):
    layer = randomize_built(MultiHeadAttention(2, head_dim=6, rotary=RotaryPositions()))
    x = normal(rng, B, T, D)
    y = run(layer, x)
    positions = np.tile(np.arange(T), (B, 1))
    masked = layer(x, attention_mask=np.ones((1, 1, T), bool), positions=positions)
    np.testing.assert_allclose(y, to_numpy(masked), atol=1e-6)


def test_fewer_key_value_heads_equal_repeated_ones(rng):
    shared = randomize_built(MultiHeadAttention(6, head_dim=5, num_key_value_heads=2))
    full = randomize_built(MultiHeadAttention(6, head_dim=5))
    for source, target in zip(
        shared.query_key_value.weights, full.query_key_value.weights, strict=True
    ):
        query, key, value = np.split(to_numpy(source), [30, 40], axis=-1)
        repeated = [
            np.concatenate([part[..., 5 * (n // 3) : 5 * (n // 3) + 5] for n in range(6)], axis=-1)
            for part in (key, value)
        ]
        target.assign(np.concatenate([query, *repeated], axis=-1))
    for source, target in zip(
        shared.output_projection.weights, full.output_projection.weights, strict=True
    ):
        target.assign(source)
    x = normal(rng, B, T, D)
    np.testing.assert_allclose(run(shared, x), run(full, x), atol=1e-5)


def randomize_built(layer, *shapes):
    layer.build(*(shapes or [(None, None, D)]))
    return randomize(layer)


def test_dropout_keeps_the_mean_and_is_off_by_default(rng):
    # With constant values every output is the sum of the kept weights, which dropout leaves at 1
    # on average: 2000 x 53 keys; the standard deviation of the mean is below 0.005.
    layer = MultiHeadAttention(1, dropout=0.4)
    layer.build((None, None, 3))
    for variable in layer.weights:
        variable.assign(np.zeros(variable.shape))
    layer.query_key_value.bias.assign([0, 0, 0, 0, 0, 0, 1, 1, 1])
    layer.output_projection.kernel.assign(np.eye(3))
    x = normal(rng, 2000, 53, 3)[:, :53]
    np.testing.assert_allclose(run(layer, x), 1, atol=1e-5)
    dropped = to_numpy(layer(x, training=True))[:, 0, 0]
    assert abs(dropped.mean() - 1) < 0.02
    expected = math.sqrt(0.4 / 0.6 / 53)  # of a sum of 53 independent weights 1/53
    assert abs(dropped.std() - expected) < 0.1 * expected


# Initialization.


def test_each_part_is_initialized_by_its_own_fan():
    layer = MultiHeadAttention(8, head_dim=32, num_key_value_heads=2)
    layer.build((None, None, 128))
    parts = np.split(to_numpy(layer.query_key_value.kernel), [256, 320], axis=-1)
    for part in parts:
        bound = math.sqrt(6 / (128 + part.shape[-1]))  # Glorot uniform
        assert abs(part.std() / (bound / math.sqrt(3)) - 1) < 0.03
        assert 0.97 * bound < np.abs(part).max() <= bound


def seeds():
    return [
        "glorot_uniform",
        keras.initializers.GlorotUniform(),
        keras.initializers.GlorotUniform(seed=7),
        keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(7)),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("cross", [False, True])
def test_parts_are_not_equal_however_they_are_seeded(which, cross):
    layer = MultiHeadAttention(2, cross=cross, kernel_initializer=seeds()[which])
    layer.build((None, None, D))
    if cross:
        parts = np.split(to_numpy(layer.key_value.kernel), 2, axis=-1)
    else:
        parts = np.split(to_numpy(layer.query_key_value.kernel), 3, axis=-1)
    for i, part in enumerate(parts):
        for other in parts[:i]:
            assert np.abs(part - other).max() > 1e-2


def test_a_seeded_initializer_gives_the_same_layer_twice():
    first, second = (
        MultiHeadAttention(2, kernel_initializer=keras.initializers.GlorotUniform(seed=7))
        for _ in range(2)
    )
    for layer in (first, second):
        layer.build((None, None, D))
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), atol=0)


@pytest.mark.parametrize("cross", [False, True])
def test_the_last_product_may_have_an_initializer_of_its_own(cross):
    half = keras.initializers.Constant(0.5)
    layer = MultiHeadAttention(2, cross=cross, kernel_initializer="ones", output_initializer=half)
    for each in (layer, MultiHeadAttention.from_config(layer.get_config())):
        each.build((None, None, D))
        assert (to_numpy(each.output_projection.kernel) == 0.5).all()
        others = [each.query, each.key_value] if cross else [each.query_key_value]
        assert all((to_numpy(dense.kernel) == 1).all() for dense in others)
    layer = MultiHeadAttention(2, cross=cross, kernel_initializer="ones")
    layer.build((None, None, D))
    assert (to_numpy(layer.output_projection.kernel) == 1).all()


# LoRA and int8 come from Dense.


@pytest.mark.parametrize("cross", [False, True])
def test_lora_starts_at_the_same_output_and_trains_few_weights(rng, cross):
    layer = randomize_built(MultiHeadAttention(2, cross=cross))
    x = normal(rng, B, T, D)
    inputs = (x, x) if cross else (x,)
    before = run(layer, *inputs)
    dense = layer.key_value if cross else layer.query_key_value
    dense.enable_lora(2)
    np.testing.assert_allclose(run(layer, *inputs), before, atol=1e-5)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    assert np.abs(run(layer, *inputs) - before).max() > 1e-2
    assert not any(variable is dense._kernel for variable in layer.trainable_variables)


@pytest.mark.usefixtures("quick_collection")
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors:UserWarning")
@pytest.mark.parametrize("cross", [False, True])
def test_int8_projections_stay_close(rng, cross):
    layer = randomize_built(MultiHeadAttention(2, cross=cross))
    x = normal(rng, B, T, D)
    inputs = (x, x) if cross else (x,)
    before = run(layer, *inputs)
    projections = [layer.output_projection]
    projections += [layer.query, layer.key_value] if cross else [layer.query_key_value]
    for dense in projections:
        dense.quantize("int8")
        assert dense.kernel.dtype == "int8" or "int8" in str(dense.dtype_policy.name)
    after = run(layer, *inputs)
    assert np.abs(after - before).max() > 0
    assert np.abs(after - before).mean() < 0.05 * np.abs(before).mean()


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, "num_heads must be a positive whole number; got 0"),
        ({"num_heads": 2.0}, "num_heads must be a positive whole number; got 2.0"),
        ({"num_heads": 2, "head_dim": -1}, "head_dim must be a positive whole number; got -1"),
        ({"num_heads": 2, "num_key_value_heads": 0}, "num_key_value_heads must be a positive"),
        ({"num_heads": 6, "num_key_value_heads": 4}, "must divide num_heads = 6; .*= 4"),
        ({"num_heads": 2, "cross": True, "rotary": RotaryPositions()}, "rotary=None"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(**arguments)


def test_heads_that_do_not_divide_the_hidden_size():
    with pytest.raises(ValueError, match="num_heads must divide the hidden size 22.*num_heads = 3"):
        MultiHeadAttention(3).build((None, None, D))


@pytest.mark.parametrize(
    ("mask", "culprit"),
    [
        (np.ones((B, T, T), "int32"), "int32"),
        (np.ones((T, T), bool), r"\(5, 5\)"),
        (np.ones((B, 1, T, T), bool), r"\(3, 1, 5, 5\)"),
        (np.ones((B, T, T + 1), bool), r"\(3, 5, 6\)"),
        (np.ones((B, T, 1), bool), r"\(3, 5, 1\)"),
        (np.ones((B, T + 1, T), bool), r"\(3, 6, 5\)"),
        (np.ones((B + 1, T, T), bool), r"\(4, 5, 5\)"),
    ],
)
def test_masks_have_strict_shapes(rng, mask, culprit):
    layer = MultiHeadAttention(2, name="heads")
    with pytest.raises(ValueError, match=f"heads: the attention mask must be .* got .*{culprit}"):
        layer(normal(rng, B, T, D), attention_mask=mask)


def test_a_mask_with_more_rows_than_queries_is_no_broadcast(rng):
    with pytest.raises(ValueError, match="B = 1"):
        MultiHeadAttention(2)(normal(rng, 1, T, D), attention_mask=np.ones((B, T, T), bool))


def test_context_exactly_for_cross_attention(rng):
    x = normal(rng, B, T, D)
    with pytest.raises(ValueError, match="cross=False and context=a tensor"):
        MultiHeadAttention(2)(x, x)
    with pytest.raises(ValueError, match="cross=True and context=None"):
        MultiHeadAttention(2, cross=True)(x)


def test_inputs_of_another_rank(rng):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        MultiHeadAttention(2)(normal(rng, B, D))
