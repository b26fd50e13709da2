"""Steps of the tour: positions, add & norm, the encoder, and the decoder's masks."""

import keras
import numpy as np
from keras import ops

from recipes.tour.attention import SENTENCE, vectors
from zoo.layers import (
    AddAndNorm,
    DecoderBlock,
    EncoderBlock,
    FeedForward,
    MultiHeadAttention,
    SinusoidalPositions,
    causal_mask,
)
from zoo.visual import draw_mask, draw_matrices, draw_positions

HIDDEN = 512


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def positions(guide):
    """Positional encoding: which word stands where."""
    layer = MultiHeadAttention(8, name="order")
    order = np.array([4, 2, 0, 3, 1])
    x = vectors(SENTENCE)
    table = numpy(SinusoidalPositions(HIDDEN)(np.arange(5)[None]))
    without = np.abs(numpy(layer(x))[:, order] - numpy(layer(x[:, order]))).max()
    moved = np.abs(numpy(layer(x + table))[:, order] - numpy(layer(x[:, order] + table))).max()
    guide.say("""Attention has no order: shuffle the words, and each gets just the result that it
        got before. So a vector is added to each word's that says where it stands: sines and
        cosines of wavelengths from 2 pi to 10,000 x 2 pi.""")
    guide.show(
        f"shuffled words, results change without positions by at most {without:.0e}",
        f"                              with positions by up to      {moved:.2f}",
    )
    draw_positions(10, 64, guide.picture("first-10-words"))
    long = numpy(SinusoidalPositions(64)(np.arange(30)[None]))[0]
    panels = {"position . position": (long @ long.T / 32, (), ())}
    draw_matrices(panels, "Dot products of 30 positions", guide.picture("distances"), written=False)
    guide.notice("""fast waves at the left tell neighbours apart, slow ones at the right far
        places; and the product of two positions depends on their distance alone (stripes along
        the diagonal).""")


def add_norm(guide):
    """Addition and normalization: batch norm looks down, layer norm along."""
    rng = np.random.default_rng(0)
    x = rng.normal([[0, 2, -1, 4, 0, 1]], [[1, 3, 1, 2, 1, 1]], size=(4, 6)).astype("float32")
    batch = (x - x.mean(0)) / x.std(0)
    layer = numpy(keras.layers.LayerNormalization()(x))
    guide.say("""Each sublayer's result is added to what went in, so that gradients have a way
        past it, and normalized to mean 0 and variance 1. Batch normalization takes mean and
        variance of each feature over the batch; layer normalization those of each word over its
        own features.""")
    names = [f"word {i}" for i in range(1, 5)], [f"f{i}" for i in range(1, 7)]
    panels = {
        "x": (x, *names),
        "batch norm: columns": (batch, *names),
        "layer norm: rows": (layer, *names),
    }
    draw_matrices(panels, "Two normalizations of the same numbers", guide.picture("norms"))
    alone = np.abs(numpy(keras.layers.LayerNormalization()(x[:1])) - layer[:1]).max()
    block = AddAndNorm("post")
    y = rng.normal(size=(1, 4, 6)).astype("float32")
    after = numpy(block(x[None], y))
    guide.show(
        f"layer norm of word 1, alone and among others, differs by {alone:.0e}",
        "batch norm of word 1 alone: 0 / 0",
        f"zoo.layers.AddAndNorm: means {np.abs(after.mean(-1)).max():.0e}, variances "
        f"{after.var(-1).min():.3f} to {after.var(-1).max():.3f}",
    )
    guide.notice("""a word's layer norm does not depend on its batch mates, nor on how many there
        are: sentences of any length can share a batch, and one at a time works as in training.""")


def encoder(guide):
    """The encoder: the same block again and again, in and out of one shape."""
    keras.utils.set_random_seed(2)
    blocks = [
        EncoderBlock(MultiHeadAttention(8), FeedForward(2048), AddAndNorm("post")) for _ in range(6)
    ]
    table = numpy(SinusoidalPositions(HIDDEN)(np.arange(5)[None]))
    sentences = SENTENCE, ["The", "bag", "was", "very", "light"]
    states = [x + table for x in np.split(vectors(sum(sentences, [])), 2, axis=1)]
    alike = [_cosine(states)]
    for block in blocks:
        states = [numpy(block(state)) for state in states]
        alike.append(_cosine(states))
    size = sum(block.count_params() for block in blocks)
    guide.say(f"""Self-attention, add & norm, feed-forward, add & norm: a block. Six of them make
        the paper's encoder, {size:,} numbers to learn. Each takes (words, {HIDDEN}) and gives
        (words, {HIDDEN}). On the way the two kinds of "light" take in the words around them, and
        are two words in the end.""")
    guide.show("cosine of the two 'light', before and after each block (random weights):")
    guide.show("  " + "  ".join(f"{value:.2f}" for value in alike))
    panels = {
        f'"{" ".join(words)}"': (state[0][:, :12], words, ())
        for words, state in zip(sentences, states, strict=True)
    }
    title = f"Out of the encoder: 12 of {HIDDEN} numbers of each word"
    draw_matrices(panels, title, guide.picture("outputs"), written=False)
    guide.notice("the first cosine is 1: the same word at the same place. Context does the rest.")


def masks(guide):
    """The decoder: causal attention, then cross-attention."""
    block = DecoderBlock(
        MultiHeadAttention(8),
        FeedForward(2048),
        AddAndNorm("post"),
        MultiHeadAttention(8, cross=True),
    )
    source = vectors(SENTENCE)
    written = ["Sie", "machte", "das", "Licht", "an"]
    target = vectors(written, seed=5)
    mask = causal_mask(len(written))
    first = numpy(block(target, source, mask))
    target[:, 3] += 1.0  # another word in the fourth place
    changed = np.abs(numpy(block(target, source, mask)) - first).max(axis=(0, 2))
    guide.say("""The decoder writes word after word, so a word may look at itself and at what
        stands before it: what comes later is masked, its scores never enter the softmax. Then
        comes cross-attention: queries from the words written so far, keys and values from the
        encoder's output, which is the same for all of them.""")
    guide.show("fourth word exchanged, results change at the five places by at most")
    guide.show("  " + "  ".join(f"{value:.2f}" for value in changed))
    draw_mask(written, file=guide.picture("causal-mask"))
    guide.notice("""the first three places do not change at all. So all words of a known
        translation can be trained at once, as if each had been written after the other.""")


def _cosine(states):
    """Of the last words of two sentences (1, T, D)."""
    a, b = (state[0, -1] for state in states)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
