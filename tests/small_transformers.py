"""Small Transformers with random weights, for tests of the model."""

import functools

import numpy as np

from tests import models_on_ids
from tests.backends import randomize
from zoo.models import Transformer, TransformerConfig

V = 37
SMALL = {
    "vocab_size": V,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "num_heads": 7,
    "dropout": 0.1,
}
SHALLOW = {**SMALL, "num_decoder_layers": 1}
MARIAN = {
    "source_vocab_size": 41,
    "decoder_num_heads": 2,
    "decoder_feed_forward_dim": 13,
    "activation": "swish",
    "positions": "half",
    "logits_bias": True,
    "norm_epsilon": 1e-5,
    "pad_id": 36,
    "start_id": 36,
}


@functools.cache
def small(**overrides):
    """A model with random weights in every variable."""
    model = Transformer(TransformerConfig(**{**SMALL, **overrides}))
    return randomize(model, scale=0.4)


def forward(model, source, target):
    ids = {"source_ids": np.asarray(source, "int32"), "target_ids": np.asarray(target, "int32")}
    return models_on_ids.forward(model, **ids)
