"""Random BERT models of the transformers library, and what they answer."""

import numpy as np
import pytest

from tests.backends import to_numpy

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

CONFIG = {
    "vocab_size": 37,
    "hidden_size": 28,
    "num_hidden_layers": 3,
    "num_attention_heads": 7,
    "intermediate_size": 19,
    "max_position_embeddings": 17,
    "type_vocab_size": 2,
    "initializer_range": 0.3,
}
OTHER = {
    **CONFIG,
    "type_vocab_size": 3,
    "hidden_act": "relu",
    "pad_token_id": 5,
    "layer_norm_eps": 1e-3,
}
LABELS = {
    "id2label": {0: "B-LOC", 1: "I-LOC", 2: "O"},
    "label2id": {"B-LOC": 0, "I-LOC": 1, "O": 2},
}


def reference_model(name, **config):
    """A model of the transformers library with random weights everywhere."""
    torch.manual_seed(2)
    model = getattr(transformers, name)(transformers.BertConfig(**config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases and norms begin as zeros and ones: errors would hide
                parameter.add_(0.5 * torch.randn(parameter.shape))
    return model


def saved(folder, name, **config):
    model = reference_model(name, **config)
    model.save_pretrained(folder)
    return model


def batch(pad_id=0, num_segments=2, length=11):
    """Three rows of `length`, 5 and 2 tokens, in segments."""
    rng = np.random.default_rng(3)
    ids = rng.integers(6, 37, (3, length)).astype("int32")
    segments = np.sort(rng.integers(0, num_segments, (3, length)), axis=1).astype("int32")
    for row, real in enumerate((length, 5, 2)):
        ids[row, real:] = pad_id
        segments[row, real:] = 0
    return {"token_ids": ids, "segment_ids": segments, "padding_mask": ids != pad_id}


def reference_outputs(model, inputs):
    with torch.no_grad():
        outputs = model(
            input_ids=torch.tensor(inputs["token_ids"]).long(),
            token_type_ids=torch.tensor(inputs["segment_ids"]).long(),
            attention_mask=torch.tensor(inputs["padding_mask"]).long(),
        )
    return {name: value.numpy() for name, value in outputs.items() if torch.is_tensor(value)}


def assert_close(given, expected, real=None):
    """Equal to 1e-5 of the largest value, where `real`."""
    given, expected = to_numpy(given), np.asarray(expected)
    assert given.shape == expected.shape
    if real is not None:
        given, expected = given[real], expected[real]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
