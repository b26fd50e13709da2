import numpy as np
import pytest

from tests.backends import randomize, run, to_numpy
from tests.layers import reference
from zoo.layers import (
    AddAndNorm,
    DecoderBlock,
    DecoderStack,
    EncoderBlock,
    EncoderStack,
    FeedForward,
    MultiHeadAttention,
)

B, T, S, D, E = 3, 5, 7, 10, 13


def encoder_block(order="post", norm="layer"):
    return EncoderBlock(MultiHeadAttention(2), FeedForward(11), AddAndNorm(order, norm))


def decoder_block(order="post", norm="layer", cross=True):
    cross_attention = MultiHeadAttention(5, cross=True) if cross else None
    attention = MultiHeadAttention(2, num_key_value_heads=1)
    return DecoderBlock(attention, FeedForward(11), AddAndNorm(order, norm), cross_attention)


def built(layer, *shapes):
    layer.build(*(shapes or [(None, None, D)]))
    return randomize(layer)


@pytest.fixture
def x(rng):
    return rng.normal(size=(B, T, D)).astype("float32")


@pytest.fixture
def context(rng):
    return rng.normal(size=(B, S, E)).astype("float32")


@pytest.fixture
def mask(rng):
    return rng.random((B, T, T)) < 0.5


CAUSAL = np.tri(T, dtype=bool)[None]


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_encoder_block_equals_the_reference(x, mask, order, norm):
    block = built(encoder_block(order, norm))
    y = run(block, x, attention_mask=mask)
    np.testing.assert_allclose(y, reference.encoder_block(block, x, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_decoder_block_equals_the_reference(rng, x, context, order):
    block = built(decoder_block(order), (None, None, D), (None, None, E))
    context_mask = rng.random((B, 1, S)) < 0.5
    y = block(x, context, attention_mask=CAUSAL, cross_attention_mask=context_mask)
    full = np.repeat(context_mask, T, axis=1), np.repeat(CAUSAL, B, axis=0)
    expected = reference.decoder_block(block, x, context, full[1], full[0])
    np.testing.assert_allclose(to_numpy(y), expected, atol=1e-5, rtol=1e-5)


def test_decoder_block_without_context(x):
    block = built(decoder_block(cross=False))
    y = run(block, x, attention_mask=CAUSAL)
    expected = reference.decoder_block(block, x, None, np.repeat(CAUSAL, B, axis=0), None)
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5)


def test_stacks_are_their_blocks_one_after_the_other(rng, x, context, mask):
    encoder = built(EncoderStack([encoder_block("pre"), encoder_block("pre")], "rms"))
    expected = x
    for block in encoder.blocks:
        expected = reference.encoder_block(block, expected, mask)
    expected = reference.norm(encoder.final_norm, expected)
    y = run(encoder, x, attention_mask=mask)
    np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5)
    decoder = DecoderStack([decoder_block(), decoder_block()])
    built(decoder, (None, None, D), (None, None, E))
    y, expected = decoder(x, context, attention_mask=CAUSAL), x
    for block in decoder.blocks:
        full = np.repeat(CAUSAL, B, axis=0)
        expected = reference.decoder_block(block, expected, context, full, None)
    np.testing.assert_allclose(to_numpy(y), expected, atol=2e-5, rtol=1e-5)


def test_configurations_keep_what_is_computed_again(x):
    stack = DecoderStack([decoder_block("pre", cross=False)], "rms", 1e-4, rematerialize=True)
    config = stack.get_config()
    assert config["rematerialize"] is True
    again = DecoderStack.from_config(config)
    assert again.rematerialize
    assert again.get_config() == config
    assert not DecoderStack([decoder_block()]).rematerialize
    built(stack)
    built(again)
    y = run(stack, x, attention_mask=CAUSAL)
    np.testing.assert_allclose(run(again, x, attention_mask=CAUSAL), y, atol=1e-6)
    again.rematerialize = False
    np.testing.assert_allclose(run(again, x, attention_mask=CAUSAL), y, atol=1e-6)


def test_every_sublayer_has_an_add_and_norm_of_its_own():
    block = built(decoder_block(), (None, None, D), (None, None, E))
    norms = [variable for variable in block.weights if "add_norm" in variable.path]
    assert len({variable.path for variable in norms}) == len(norms) == 6


def test_bad_parts(x, context):
    cross = MultiHeadAttention(2, cross=True)
    parts = FeedForward(11), AddAndNorm()
    for cls in (EncoderBlock, DecoderBlock):
        with pytest.raises(ValueError, match="self_attention must be .* cross=False"):
            cls(cross, *parts)
    with pytest.raises(ValueError, match="cross_attention must be .* cross=True; got cross=False"):
        DecoderBlock(MultiHeadAttention(2), *parts, cross_attention=MultiHeadAttention(2))
    message = "context must be given exactly when the block has cross-attention"
    with pytest.raises(ValueError, match=message):
        decoder_block()(x)
    with pytest.raises(ValueError, match=message):
        decoder_block(cross=False)(x, context)
    with pytest.raises(ValueError, match=message):
        DecoderStack([decoder_block()])(x)
