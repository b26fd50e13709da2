"""Small GPTs with random weights, for tests of the model."""

import functools

import numpy as np

from tests import models_on_ids
from tests.backends import randomize
from zoo.models import GPT, GPTConfig
from zoo.models.gpt_config import PRESENT_DAY

V = 37
SMALL = {
    "vocab_size": V,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_layers": 2,
    "num_heads": 7,
    "num_positions": 19,
}
VARIANTS = {
    "gpt2": SMALL,
    "present_day": {
        **SMALL,
        **PRESENT_DAY,
        "hidden_dim": 18,
        "num_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 4,
        "tied_logits": False,
        "rotary_base": 100.0,
        "rotary_scaling": {"rope_type": "linear", "factor": 1.5},
    },
}


@functools.cache
def small(variant="gpt2", **overrides):
    """A model with random weights in every variable."""
    return randomize(GPT(GPTConfig(**{**VARIANTS[variant], **overrides})), scale=0.4)


def forward(model, ids, **inputs):
    return models_on_ids.forward(model, token_ids=np.asarray(ids, "int32"), **inputs)


def real_from(lengths, width, left=True):
    """Which tokens of rows of `width` are real, padding on one side: (B, width) bool."""
    columns, lengths = np.arange(width), np.array(lengths)[:, None]
    return columns >= width - lengths if left else columns < lengths
