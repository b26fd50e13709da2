"""Reward models in the transformers library's folders, there and back."""

import json

import numpy as np
import pytest

from tests.backends import randomize
from tests.gpt_checkpoints import (
    V,
    assert_close,
    assert_equal_tensors,
    assert_equal_weights,
    batch,
    read_back,
    reference_model,
    rewrite,
    torch,
    transformers,
)
from tests.models_on_ids import forward
from zoo.models import GPT, GPTReward, GPTValue

SHARED = {"vocab_size": V, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "num_labels": 1}
CONFIGS = {
    "gpt2": transformers.GPT2Config(n_embd=28, n_layer=2, n_head=7, n_positions=17, **SHARED),
    "llama": transformers.LlamaConfig(
        hidden_size=28,
        intermediate_size=44,
        num_hidden_layers=2,
        num_attention_heads=7,
        num_key_value_heads=1,
        max_position_embeddings=17,
        **SHARED,
    ),
}
CLASSES = {
    "gpt2": transformers.GPT2ForSequenceClassification,
    "llama": transformers.LlamaForSequenceClassification,
}


def reference_of(kind):
    return reference_model(CLASSES[kind], CONFIGS[kind])


def theirs(model):
    """Rewards of texts of 11, 5 and 2 tokens, padded on the right as reward trainers do."""
    ids, real = batch()
    ids, real = np.where(real, ids, 0)[:, ::-1].copy(), real[:, ::-1].copy()
    with torch.no_grad():
        given = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(real).long()}
        rewards = model(**given).logits.numpy()
    assert rewards.shape == (3, 1)
    return {"token_ids": ids, "padding_mask": real}, rewards[:, 0]


@pytest.mark.parametrize("kind", CONFIGS)
def test_there_and_back(kind, tmp_path):
    reference = reference_of(kind)
    reference.save_pretrained(tmp_path / "theirs")
    inputs, expected = theirs(reference)
    assert np.ptp(expected) > 0.3
    model = GPTReward.from_pretrained(tmp_path / "theirs")
    assert_close(forward(model, **inputs), expected)
    model.save_pretrained(tmp_path / "ours")
    assert_equal_tensors(tmp_path / "ours", tmp_path / "theirs")
    again = read_back(CLASSES[kind], tmp_path / "ours")
    assert again.config.num_labels == 1
    assert_close(theirs(again)[1], expected)
    assert_equal_weights(GPTReward.from_pretrained(tmp_path / "ours"), model)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_centred_model_keeps_its_centre(kind, tmp_path):
    reference_of(kind).save_pretrained(tmp_path / "theirs")
    model = GPTReward.from_pretrained(tmp_path / "theirs")
    model.centre(1.25)
    model.save_pretrained(tmp_path / "ours")
    inputs, expected = theirs(read_back(CLASSES[kind], tmp_path / "ours"))
    again = GPTReward.from_pretrained(tmp_path / "ours")
    assert_close(forward(again, **inputs), expected - 1.25)
    assert_equal_weights(again, model)


def test_one_that_began_on_untied_logits_is_written(tmp_path):
    config = {"vocab_size": V, "hidden_dim": 12, "num_layers": 1, "num_heads": 2}
    sizes = {"feed_forward_dim": 20, "num_positions": 16, "pad_id": 0}
    model = GPTReward.from_model(randomize(GPT({**config, **sizes, "tied_logits": False})))
    model.save_pretrained(tmp_path / "ours")
    reference = read_back(CLASSES["gpt2"], tmp_path / "ours")
    inputs, expected = theirs(reference)
    assert_close(forward(model, **inputs), expected)


def test_a_language_model_is_refused(tmp_path):
    reference_model(transformers.GPT2LMHeadModel, CONFIGS["gpt2"]).save_pretrained(tmp_path / "lm")
    with pytest.raises(ValueError, match=r"no head of rewards.*GPTReward.from_model"):
        GPTReward.from_pretrained(tmp_path / "lm")
    reward = GPTReward.from_model(GPT.from_pretrained(tmp_path / "lm"))
    assert reward.config.vocab_size == V


def test_a_head_of_classes_is_refused(tmp_path):
    reference_of("gpt2").save_pretrained(tmp_path / "theirs")

    def two_labels(tensors):
        return {**tensors, "score.weight": np.zeros((2, 28), "float32")}

    folder = rewrite(tmp_path / "theirs", tmp_path / "changed", two_labels)
    with pytest.raises(ValueError, match=r"score.weight is \(2, 28\), the model needs \(1, 28\)"):
        GPTReward.from_pretrained(folder)


def test_configuration_says_what_it_is(tmp_path):
    reference_of("llama").save_pretrained(tmp_path / "theirs")
    GPTReward.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert config["reward_offset"] == 0.0


def test_values_have_no_such_format(tmp_path):
    config = {"vocab_size": V, "hidden_dim": 12, "num_layers": 1, "num_heads": 2}
    model = GPTValue({**config, "feed_forward_dim": 20, "num_positions": 16})
    with pytest.raises(ValueError, match="no GPT with a value"):
        model.save_pretrained(tmp_path / "values")
    assert not (tmp_path / "values").exists()
