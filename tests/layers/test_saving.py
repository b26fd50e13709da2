"""Every layer inside a small functional model: config, `.keras` files and dtype policies."""

import functools

import keras
import numpy as np
import pytest

from tests.backends import randomize, run, to_numpy
from zoo.layers import (
    AddAndNorm,
    DecoderBlock,
    DecoderStack,
    EncoderBlock,
    EncoderStack,
    FeedForward,
    GatedFeedForward,
    LearnedPositions,
    MultiHeadAttention,
    RotaryPositions,
    SinusoidalPositions,
    TokenEmbedding,
)

B, T, D = 3, 5, 10


def attention(dtype, **arguments):
    return MultiHeadAttention(2, dropout=0.1, dtype=dtype, **arguments)


def block_parts(dtype):
    add_norm = AddAndNorm("pre", "rms", 0.1, dtype=dtype)
    return attention(dtype), FeedForward(11, "gelu", 0.1, dtype=dtype), add_norm


def encoder_block(dtype):
    return EncoderBlock(*block_parts(dtype), dtype=dtype)


def decoder_block(dtype):
    return DecoderBlock(*block_parts(dtype), attention(dtype, cross=True), dtype=dtype)


VECTORS = {
    "self_attention": lambda x, mask, dtype: attention(
        dtype,
        head_dim=6,
        num_key_value_heads=1,
        use_bias=False,
        scale=0.3,
        rotary=RotaryPositions(17.0, "interleaved"),
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.3),
    )(x, attention_mask=mask),
    "cross_attention": lambda x, mask, dtype: attention(dtype, cross=True)(x, x),
    "post_norm": lambda x, mask, dtype: AddAndNorm(dtype=dtype)(x, x),
    "feed_forward": lambda x, mask, dtype: FeedForward(11, "swish", dtype=dtype)(x),
    "gated": lambda x, mask, dtype: GatedFeedForward(11, "gelu", dtype=dtype)(x),
    "encoder_block": lambda x, mask, dtype: encoder_block(dtype)(x, attention_mask=mask),
    "decoder_block": lambda x, mask, dtype: decoder_block(dtype)(x, x, attention_mask=mask),
    "encoder": lambda x, mask, dtype: EncoderStack(
        [encoder_block(dtype), encoder_block(dtype)], "rms", dtype=dtype
    )(x, attention_mask=mask),
    "decoder": lambda x, mask, dtype: DecoderStack([decoder_block(dtype)], dtype=dtype)(x, x),
}
IDS = {
    "sinusoids": lambda ids, dtype: SinusoidalPositions(D, "half", 17.0, dtype=dtype)(ids),
    "learned": lambda ids, dtype: LearnedPositions(23, D, "ones", dtype=dtype)(ids),
    "embedding": lambda ids, dtype: TokenEmbedding(23, D, True, True, dtype=dtype)(ids),
}
NAMES = [*VECTORS, *IDS, "pre_norm"]
INSIDE_OTHERS = ("cross_attention", "feed_forward", "pre_norm", "encoder_block", "decoder_block")


def functional(name, dtype="float32"):
    """A functional model around one layer, with random weights."""
    if name in IDS:
        inputs = keras.Input((None,), dtype="int32")
        outputs = IDS[name](inputs, dtype)
    else:
        x = keras.Input((None, D))
        mask = keras.Input((None, None), dtype="bool")
        inputs = [x, mask]
        if name == "pre_norm":
            layer = AddAndNorm("pre", dtype=dtype)
            outputs = layer(x, layer.before(x))
        else:
            outputs = VECTORS[name](x, mask, dtype)
    return randomize(keras.Model(inputs, outputs), scale=0.3)


def inputs_of(name, rng):
    if name in IDS:
        return rng.integers(0, 23, (B, T))
    mask = np.tri(T, dtype=bool)[None].repeat(B, axis=0)
    mask[1, 2] = False
    return [rng.normal(size=(B, T, D)).astype("float32"), mask]


@pytest.mark.parametrize("name", NAMES)
def test_keras_files_and_configs_round_trip(rng, tmp_path, name):
    model, inputs = functional(name), inputs_of(name, rng)
    expected = run(model, inputs)
    assert expected.shape == (B, T, D)
    assert tuple(model.output.shape) == (None, None, D)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(loaded, inputs), expected, atol=1e-6)
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    for layer in model.layers:
        config = layer.get_config()
        assert layer.__class__.from_config(config).get_config() == config


@functools.cache
def in_float32(name):
    """Weights and output of the model, and its inputs."""
    inputs = inputs_of(name, np.random.default_rng(7))
    model = functional(name)
    return to_numpy([v.value for v in model.weights]), run(model, inputs), inputs


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in INSIDE_OTHERS])
def test_half_precision(name, dtype):
    weights, expected, inputs = in_float32(name)
    model = functional(name, dtype)
    model.set_weights(weights)
    output = run(model, inputs)
    assert output.dtype == dtype.removeprefix("mixed_")
    tolerance = 0.15 if "bfloat16" in dtype else 0.02
    np.testing.assert_allclose(output.astype("float32"), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_variables_of_half_precision(dtype):
    test_half_precision("decoder", dtype)
    test_half_precision("embedding", dtype)
