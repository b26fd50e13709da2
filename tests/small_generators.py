"""Small generators with random weights over characters."""

import functools

import numpy as np

from tests.backends import randomize, to_numpy
from zoo.models import GPT, GPTConfig
from zoo.tasks import TextGenerator
from zoo.text import CharacterTokenizer

CHARACTERS = "abcdefghijklmnopqrstuvwxyz .é漢\U0001f600"
PROMPTS = ["hello there", "a", "", "one two three", "漢"]


@functools.cache
def small_gpt(seed=0, **overrides):
    fields = {
        "vocab_size": len(CHARACTERS) + 1,
        "hidden_dim": 28,
        "feed_forward_dim": 19,
        "num_layers": 2,
        "num_heads": 7,
        "num_positions": 61,
    }
    model = GPT(GPTConfig(**{**fields, **overrides}))
    return randomize(model, seed, scale=0.3)


@functools.cache
def near(model, distance=0.03):
    """A model whose weights are not far from those of `model`: it often guesses right."""
    rng = np.random.default_rng(1)
    other = GPT(model.config)
    weights = [to_numpy(variable.value) for variable in model.weights]
    other.set_weights([x + rng.normal(0, distance, x.shape).astype("float32") for x in weights])
    return other


def small_generator(with_end=True, **options):
    tokenizer = CharacterTokenizer(CHARACTERS, with_end)
    return TextGenerator(small_gpt(), tokenizer, {"max_new_tokens": 17, **options})
