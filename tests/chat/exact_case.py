"""A task whose KL-regularized optimum is known: few answers, any rewards.

The best policy against `reward - beta * KL(policy || reference)` is pi* = ref * exp(reward / beta)
/ Z (Rafailov et al. 2023, equation 4). Answers are all texts of at most two of the characters "ab".
"""

import functools
import itertools

import numpy as np

from tests.backends import randomize
from zoo.models import GPT, GPTConfig
from zoo.tasks import TextGenerator
from zoo.text import CharacterTokenizer

PROMPT = "b"
BETA = 0.5
MOST = 2
ANSWERS = ["".join(each) for n in range(MOST + 1) for each in itertools.product("ab", repeat=n)]
REWARDS = dict(zip(ANSWERS, [0.3, -0.4, 0.6, 0.1, 0.9, -0.2, 0.5], strict=True))


@functools.cache
def tokenizer():
    return CharacterTokenizer("ab", with_end=True)


def policy(seed):
    """A small GPT whose answers are far from equally probable."""
    fields = {"hidden_dim": 12, "feed_forward_dim": 24, "num_layers": 1, "num_heads": 3}
    config = GPTConfig(vocab_size=3, num_positions=len(PROMPT) + MOST, **fields)
    return randomize(GPT(config), seed, scale=0.35)


def copied(model):
    other = GPT.from_config(model.get_config())
    other.set_weights(model.get_weights())
    return other


def probabilities(model):
    """What a policy gives each of the answers: float64 (7,), of sum 1."""
    generator = TextGenerator(model, tokenizer(), {"max_new_tokens": MOST})
    end = tokenizer().end_id
    (before,) = tokenizer().encode([PROMPT])
    ids = [row + [end] * (len(row) < MOST) for row in tokenizer().encode(ANSWERS)]
    found = generator._scores.log_probs([(before, row) for row in ids], len(ids))
    return np.exp([values.astype("float64").sum() for values in found])


def optimum(reference):
    """pi* of the reference's probabilities (7,)."""
    weights = reference * np.exp(np.array([REWARDS[text] for text in ANSWERS]) / BETA)
    return weights / weights.sum()


def total_variation(p, q):
    """Half of the sum of the absolute differences: the greatest difference of any event."""
    return 0.5 * np.abs(p - q).sum()
