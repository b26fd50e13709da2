"""What is not computed for padding, and that nothing else is missing."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import gradient, natively_compiled, randomize, run, to_numpy
from zoo.compiled import rows_taken, shapes_are_dynamic, shapes_may_depend_on_values
from zoo.layers import (
    AddAndNorm,
    EncoderBlock,
    EncoderStack,
    FeedForward,
    MultiHeadAttention,
    RotaryPositions,
    key_mask,
)
from zoo.layers.packing import Packing

packs = pytest.mark.skipif(not shapes_are_dynamic(), reason="shapes are fixed")
REAL = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
# First tokens count as real.
COUNTED = REAL | (np.arange(5) == 0)
B, T, D = 3, 5, 12


def stack(rotary=None):
    attention = MultiHeadAttention(3, rotary=rotary)
    blocks = [EncoderBlock(attention, FeedForward(17), AddAndNorm(order="pre")) for _ in range(2)]
    made = EncoderStack(blocks, final_norm="layer")
    made.build((None, None, D))
    return randomize(made)


@packs
def test_real_tokens_stand_one_behind_the_other(rng):
    packing = Packing.of(ops.convert_to_tensor(REAL))
    x = rng.normal(size=(B * T, D)).astype("float32")
    packed = packing.pack(ops.convert_to_tensor(x))
    np.testing.assert_array_equal(to_numpy(packed), x[COUNTED.ravel()])
    expected = np.where(COUNTED.reshape(-1, 1), x, 0.0)
    np.testing.assert_array_equal(to_numpy(packing.spread(packed)), expected)
    assert not bool(packing.is_whole)


@packs
@pytest.mark.parametrize("shape", [(2, 3), (0, 4)])
def test_nothing_moves_without_padding(rng, shape):
    packing = Packing.of(ops.ones(shape, dtype="bool"))
    x = ops.convert_to_tensor(rng.normal(size=(shape[0] * shape[1], 7)).astype("float32"))
    assert bool(packing.is_whole)
    for moved in (packing.pack, packing.spread):
        np.testing.assert_array_equal(to_numpy(moved(x)), to_numpy(x))


@packs
def test_rows_are_taken_with_gradients(rng):
    slope, x = rng.normal(size=(5, 2)).astype("float32"), rng.normal(size=(3, 2)).astype("float32")
    numbers, back = (np.array(a, "int32") for a in ([2, 3, 0, 3, 1], [2, 4, 0]))

    def total(x):
        tensors = map(ops.convert_to_tensor, (numbers, back))
        return ops.sum(rows_taken(x, *tensors) * ops.convert_to_tensor(slope))

    taken = to_numpy(rows_taken(*map(ops.convert_to_tensor, (x, numbers, back))))
    np.testing.assert_array_equal(taken, np.concatenate([x, np.zeros((1, 2))])[numbers])
    np.testing.assert_allclose(gradient(total, x), slope[back], atol=1e-6)


@pytest.mark.parametrize("rotary", [False, True])
def test_vectors_of_real_tokens_are_the_same(rng, rotary):
    encoder = stack(RotaryPositions() if rotary else None)
    x = rng.normal(size=(B, T, D)).astype("float32")
    real = ops.convert_to_tensor(REAL)
    expected = run(lambda x: encoder(x, attention_mask=key_mask(real)), x)
    found = run(lambda x: encoder(x, attention_mask=key_mask(real), real=real), x)
    np.testing.assert_allclose(found[COUNTED], expected[COUNTED], atol=1e-5)
    if shapes_are_dynamic():
        assert (found[~COUNTED] == 0).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_the_same(rng, compiled):
    encoder, x = stack(), rng.normal(size=(B, T, D)).astype("float32")
    slope = ops.convert_to_tensor(rng.normal(size=(B, T, D)) * COUNTED[..., None], dtype="float32")
    real = ops.convert_to_tensor(REAL)

    def total(x, **arguments):
        return ops.sum(encoder(x, attention_mask=key_mask(real), **arguments) * slope)

    def packed(x):
        return total(x, real=real)

    expected = gradient(total, x)
    in_graph = natively_compiled(packed) if compiled else None  # None on torch, too
    found = gradient(in_graph or packed, x)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 0.1


@packs
def test_padding_is_not_computed(rng):
    encoder, x = stack(), rng.normal(size=(B, T, D)).astype("float32")
    real = ops.convert_to_tensor(REAL)
    expected = run(lambda x: encoder(x, attention_mask=key_mask(real), real=real), x)
    x[~COUNTED] = np.nan
    found = run(lambda x: encoder(x, attention_mask=key_mask(real), real=real), x)
    np.testing.assert_array_equal(found, expected)


def test_where_shapes_are_fixed_everything_is_computed():
    real = ops.convert_to_tensor(REAL)
    assert shapes_may_depend_on_values(real) == shapes_are_dynamic()
    assert not shapes_may_depend_on_values(keras.KerasTensor((B, T), dtype="bool"))
    seen = []

    def function(real):
        seen.append(Packing.of(real))
        return real

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.function(function, jit_compile=True, autograph=False)(real)
    elif keras.backend.backend() == "jax":
        natively_compiled(function)(real)
    else:
        return
    assert seen == [None]
