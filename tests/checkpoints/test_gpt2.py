import json

import numpy as np
import pytest

from tests.gpt_checkpoints import (
    V,
    assert_close,
    assert_equal_greedy_ids,
    assert_equal_weights,
    batch,
    read_back,
    reference_logits,
    reference_model,
    rewrite,
    there_and_back,
    torch,
    transformers,
)
from tests.models_on_ids import forward
from zoo import checkpoints
from zoo.models import GPT, GPTConfig
from zoo.models.gpt_config import PRESENT_DAY

CONFIG = {
    "vocab_size": V,
    "n_embd": 28,
    "n_layer": 3,
    "n_head": 7,
    "n_positions": 17,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "gpt2": CONFIG,
    "untied": {**CONFIG, "tie_word_embeddings": False, "n_inner": 19, "pad_token_id": 5},
    "exact_gelu": {**CONFIG, "activation_function": "gelu", "layer_norm_epsilon": 1e-3},
    "pytorch_tanh": {**CONFIG, "activation_function": "gelu_pytorch_tanh", "n_head": 2},
    "relu": {**CONFIG, "activation_function": "relu", "n_layer": 1},
}


def reference_of(name, **spread):
    config = transformers.GPT2Config(**CONFIGS[name])
    return reference_model(transformers.GPT2LMHeadModel, config, **spread)


@pytest.fixture(scope="module")
def reference():
    return reference_of("gpt2")


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    reference.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_there_and_back(name, tmp_path):
    config, expected = there_and_back(reference_of(name), tmp_path)
    if name != "untied":
        assert config.pop("n_inner") == 4 * 28
        assert expected.pop("n_inner") is None
    same = {"gelu_pytorch_tanh": "gelu_new"}
    expected["activation_function"] = same.get(
        expected["activation_function"], expected["activation_function"]
    )
    assert config.pop("n_ctx") == 17  # for early versions of the library
    assert config == expected


@pytest.mark.parametrize("name", ["gpt2", "untied"])
def test_greedy_ids_equal_generate(name, tmp_path):
    reference = reference_of(name, biases=0.2, kernels=20)
    reference.save_pretrained(tmp_path / "theirs")
    assert_equal_greedy_ids(GPT.from_pretrained(tmp_path / "theirs"), reference)


def test_fields(folder):
    config = GPT.from_pretrained(folder).config
    expected = GPTConfig(
        vocab_size=V,
        hidden_dim=28,
        feed_forward_dim=112,
        num_layers=3,
        num_heads=7,
        num_positions=17,
        dropout=0.1,
        embedding_dropout=0.1,
        attention_dropout=0.1,
        start_id=1,
        end_id=2,
    )
    assert config == expected


# Other folders with the same numbers.


def unprefixed(tensors):
    return {name.removeprefix("transformer."): array for name, array in tensors.items()}


def with_masks(tensors):
    """As versions of the library before 4.29 wrote, and as the hub's folder of GPT-2 is."""
    tensors = unprefixed(tensors)
    for i in range(3):
        tensors[f"h.{i}.attn.bias"] = np.tri(17, dtype="float32")[None, None]
        tensors[f"h.{i}.attn.masked_bias"] = np.array(-1e4, "float32")
    return tensors


def with_a_copy(tensors):
    return {**tensors, "lm_head.weight": tensors["transformer.wte.weight"]}


@pytest.mark.parametrize("change", [unprefixed, with_masks, with_a_copy])
def test_other_names_of_the_same_tensors(folder, tmp_path, change):
    given = GPT.from_pretrained(rewrite(folder, tmp_path / "changed", change))
    assert_equal_weights(given, GPT.from_pretrained(folder))


def test_a_model_without_a_head(reference, folder, tmp_path):
    reference.transformer.save_pretrained(tmp_path / "body")
    given = GPT.from_pretrained(tmp_path / "body")
    assert_equal_weights(given, GPT.from_pretrained(folder))


def test_half_precision_and_shards(reference, folder, tmp_path):
    ids, _ = batch()
    half = transformers.GPT2LMHeadModel.from_pretrained(folder).to(torch.bfloat16)
    half.save_pretrained(tmp_path / "half", max_shard_size="20KB")
    assert (tmp_path / "half" / "model.safetensors.index.json").exists()
    given = forward(GPT.from_pretrained(tmp_path / "half"), token_ids=ids)
    assert_close(given, reference_logits(half.float(), ids))


def test_old_and_silent_fields(folder, tmp_path):
    """config.json of the hub's GPT-2 says less and other things than today's."""

    def change(config):
        kept = {name: config[name] for name in CONFIG if name not in ("n_positions",)}
        return {**kept, "model_type": "gpt2", "n_ctx": 17, "n_positions": 17, "summary_type": "x"}

    given = GPT.from_pretrained(rewrite(folder, tmp_path / "old", change_config=change))
    assert_equal_weights(given, GPT.from_pretrained(folder))
    assert (given.config.activation, given.config.dropout) == ("gelu_tanh", 0.1)
    fields = checkpoints.gpt2.config_from_gpt2(
        {**CONFIG, "model_type": "gpt2", "bos_token_id": 50256, "eos_token_id": [2, 3]}
    )
    assert (fields["start_id"], fields["end_id"], fields["pad_id"]) == (None, 2, None)


# Made here.


def test_a_model_made_here_can_be_saved(tmp_path):
    sizes = {"hidden_dim": 14, "num_heads": 7, "num_layers": 1, "num_positions": 17}
    model = GPT.from_size("gpt2", vocab_size=V, feed_forward_dim=19, **sizes, num_key_value_heads=7)
    model.save_pretrained(tmp_path / "saved")
    reference = read_back(transformers.GPT2LMHeadModel, tmp_path / "saved")
    ids, _ = batch()
    assert_close(forward(model, token_ids=ids), reference_logits(reference, ids))
    with pytest.raises(FileExistsError, match="saved. exists"):
        model.save_pretrained(tmp_path / "saved")


@pytest.mark.parametrize(
    "fields",
    [
        {"norm": "rms"},
        {"gated": True},
        {"use_bias": False},
        {"head_dim": 6},
        {"num_key_value_heads": 1},
        {"positions": "rotary"},
        {**PRESENT_DAY, "norm": "layer"},
        {**PRESENT_DAY, "dropout": 0.1},
        {**PRESENT_DAY, "embedding_dropout": 0.1},
        {**PRESENT_DAY, "num_heads": 3, "head_dim": 4},
    ],
)
def test_what_no_format_expresses(tmp_path, fields):
    sizes = {"vocab_size": V, "hidden_dim": 14, "feed_forward_dim": 11, "num_layers": 1}
    model = GPT(GPTConfig(**{**sizes, "num_heads": 7, **fields}))
    with pytest.raises(ValueError, match="the transformers library has no such GPT"):
        model.save_pretrained(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


def test_an_activation_that_transformers_lacks(tmp_path):
    sizes = {"vocab_size": V, "hidden_dim": 14, "feed_forward_dim": 11, "num_layers": 1}
    model = GPT(GPTConfig(**sizes, num_heads=7, activation="selu"))
    with pytest.raises(ValueError, match="activation must be one of .* GPT model; got 'selu'"):
        model.save_pretrained(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


# Folders that do not fit.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bart"}, r"model_type must be one of \('gpt2', 'llama'\); got 'bart'"),
        ({"model_type": None}, "model_type must be one of .*; got None"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx must be Fa"),
        ({"scale_attn_weights": False}, "scale_attn_weights must be True; got False"),
        ({"add_cross_attention": True}, "add_cross_attention must be False; got True"),
        ({"activation_function": "mish"}, "activation_function must be one of .*; got 'mish'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config must be None"),
        ({"n_embd": None}, "n_embd is missing"),
        ({"n_head": 5}, "num_heads must divide hidden_dim = 28"),
    ],
)
def test_unsupported_fields_are_named(folder, tmp_path, changes, message):
    to = rewrite(folder, tmp_path / "changed", change_config=lambda config: {**config, **changes})
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(to)


def test_all_mismatches_at_once(folder, tmp_path):
    def change(tensors):
        del tensors["transformer.h.1.mlp.c_fc.bias"], tensors["transformer.ln_f.weight"]
        tensors["transformer.h.0.attn.c_attn.weight"] = np.zeros((84, 28), "float32")
        tensors["transformer.wpe.weight"] = np.zeros((16, 28), "float32")
        return {**tensors, "transformer.h.3.ln_1.bias": np.zeros(28, "float32")}

    with pytest.raises(ValueError, match="does not fit the model") as caught:
        GPT.from_pretrained(rewrite(folder, tmp_path / "changed", change))
    assert sorted(str(caught.value).splitlines()[1:]) == [
        "  missing: transformer.h.1.mlp.c_fc.bias (112,)",
        "  missing: transformer.ln_f.weight (28,)",
        "  unexpected: transformer.h.3.ln_1.bias",
        "  wrong shape: transformer.h.0.attn.c_attn.weight is (84, 28), the model needs (28, 84)",
        "  wrong shape: transformer.wpe.weight is (16, 28), the model needs (17, 28)",
    ]


def test_a_head_that_is_not_tied(folder, tmp_path):
    def change(tensors):
        return {**tensors, "lm_head.weight": np.ones((V, 28), "float32")}

    with pytest.raises(ValueError, match="lm_head.weight differs from transformer.wte.weight"):
        GPT.from_pretrained(rewrite(folder, tmp_path / "changed", change))


def test_pickles_and_absent_files(folder, tmp_path):
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((folder / "config.json").read_text())
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(FileNotFoundError, match="it has pytorch_model.bin, but only safetensors"):
        GPT.from_pretrained(pickled)
    (pickled / "config.json").write_text(json.dumps([1]))
    with pytest.raises(ValueError, match="config.json is damaged"):
        GPT.from_pretrained(pickled)
    (pickled / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="has no config.json"):
        GPT.from_pretrained(pickled)
    with pytest.raises(FileNotFoundError):
        GPT.from_pretrained(tmp_path / "absent")
