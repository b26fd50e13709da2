import numpy as np
import pytest

from tests.gpt_checkpoints import (
    V,
    assert_close,
    assert_equal_greedy_ids,
    assert_equal_models,
    assert_equal_weights,
    batch,
    read_back,
    reference_logits,
    reference_model,
    rewrite,
    there_and_back,
    transformers,
)
from tests.models_on_ids import forward
from zoo.models import GPT
from zoo.models.gpt_config import PRESENT_DAY

CONFIG = {
    "vocab_size": V,
    "hidden_size": 28,
    "num_hidden_layers": 3,
    "num_attention_heads": 7,
    "intermediate_size": 19,
    "max_position_embeddings": 17,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}
GROUPED = {**CONFIG, "hidden_size": 30, "num_attention_heads": 6, "num_key_value_heads": 2}
CONFIGS = {
    "llama": CONFIG,
    "grouped": {**GROUPED, "head_dim": 4},
    "one_key": {**GROUPED, "num_key_value_heads": 1, "head_dim": 8, "rms_norm_eps": 1e-3},
    "biases": {**CONFIG, "attention_bias": True, "mlp_bias": True, "hidden_act": "gelu"},
    "tied": {**CONFIG, "tie_word_embeddings": True, "eos_token_id": [2, 5], "pad_token_id": 3},
    "linear": {
        **CONFIG,
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0},
    },
    "llama3": {**GROUPED, "head_dim": 4, "rope_parameters": {**LLAMA3, "rope_theta": 1000.0}},
}


def reference_of(name, **spread):
    config = transformers.LlamaConfig(**CONFIGS[name])
    return reference_model(transformers.LlamaForCausalLM, config, **spread)


@pytest.fixture(scope="module")
def reference():
    return reference_of("llama3")


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    reference.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_there_and_back(name, tmp_path):
    config, expected = there_and_back(reference_of(name), tmp_path)
    if name == "tied":
        assert (config.pop("eos_token_id"), expected.pop("eos_token_id")) == (2, [2, 5])
    for field in ("rope_theta", "rope_scaling"):  # for versions before 5
        config.pop(field, None)
    assert config == expected


@pytest.mark.parametrize("name", ["llama", "grouped"])
def test_greedy_ids_equal_generate(name, tmp_path):
    reference = reference_of(name, biases=0.2, kernels=20)
    reference.save_pretrained(tmp_path / "theirs")
    assert_equal_greedy_ids(GPT.from_pretrained(tmp_path / "theirs"), reference)


def test_fields(folder):
    config = GPT.from_pretrained(folder).config
    assert {name: getattr(config, name) for name in PRESENT_DAY} == PRESENT_DAY
    assert (config.hidden_dim, config.head_dim, config.num_key_value_heads) == (30, 4, 2)
    assert (config.rotary_base, config.rotary_scaling) == (1000.0, LLAMA3)
    assert (config.norm_epsilon, config.tied_logits) == (1e-6, False)
    assert (config.start_id, config.end_id, config.pad_id) == (1, 2, None)


def older(scaling):
    """config.json before version 5 of the library: two fields for one."""

    def change(config):
        parameters = config.pop("rope_parameters")
        return {**config, "rope_theta": parameters["rope_theta"], "rope_scaling": scaling}

    return change


def test_older_fields_of_rotary_positions(folder, tmp_path):
    expected = GPT.from_pretrained(folder)
    given = GPT.from_pretrained(rewrite(folder, tmp_path / "a", change_config=older(LLAMA3)))
    assert given.config == expected.config
    # The first name of the field that says the type.
    linear = {"type": "linear", "factor": 2.0}
    given = GPT.from_pretrained(rewrite(folder, tmp_path / "b", change_config=older(linear)))
    given.save_pretrained(tmp_path / "saved")
    for written in ("b", "saved"):
        reference = read_back(transformers.LlamaForCausalLM, tmp_path / written)
        assert_equal_models(given, reference)
    given = GPT.from_pretrained(rewrite(folder, tmp_path / "c", change_config=older(None)))
    assert (given.config.rotary_base, given.config.rotary_scaling) == (1000.0, None)
    silent = rewrite(
        folder,
        tmp_path / "d",
        change_config=lambda config: {k: v for k, v in config.items() if "rope" not in k},
    )
    assert GPT.from_pretrained(silent).config.rotary_base == 10000.0


# Other folders with the same numbers.


def with_frequencies(tensors):
    for i in range(3):
        name = f"model.layers.{i}.self_attn.rotary_emb.inv_freq"
        tensors[name] = np.ones(2, "float32")
    return tensors


def test_other_names_of_the_same_tensors(reference, folder, tmp_path):
    expected = GPT.from_pretrained(folder)
    given = GPT.from_pretrained(rewrite(folder, tmp_path / "changed", with_frequencies))
    assert_equal_weights(given, expected)


def test_a_tied_model_without_a_head_or_prefix(tmp_path):
    reference = reference_of("tied")
    reference.model.save_pretrained(tmp_path / "body")
    given = GPT.from_pretrained(tmp_path / "body")
    ids, _ = batch()
    assert_close(forward(given, token_ids=ids), reference_logits(reference, ids))


def test_a_model_made_here_can_be_saved(tmp_path):
    sizes = {"hidden_dim": 24, "num_heads": 6, "num_layers": 1, "feed_forward_dim": 19}
    model = GPT.from_size("llama-1b", vocab_size=V, **sizes, num_key_value_heads=2)
    model.save_pretrained(tmp_path / "saved")
    reference = read_back(transformers.LlamaForCausalLM, tmp_path / "saved")
    ids, _ = batch()
    assert_close(forward(model, token_ids=ids), reference_logits(reference, ids))
    assert reference.config.rope_parameters["factor"] == 32.0


# Folders that do not fit.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "must be of type .*'yarn'"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "rotary scaling must be of type"),
        ({"rope_parameters": {"rope_type": "linear"}}, r"'linear' lacks \['factor'\]"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor must be 1.0; got 0.5"),
        ({"mlp_bias": True}, "mlp_bias must be attention_bias = False; got True"),
        ({"pretraining_tp": 2}, "pretraining_tp must be 1; got 2"),
        ({"hidden_act": "mish"}, "hidden_act must be one of .*; got 'mish'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config must be None"),
        ({"intermediate_size": None}, "intermediate_size is missing"),
        ({"model_type": "mistral"}, r"model_type must be one of \('gpt2', 'llama'\)"),
        ({"num_key_value_heads": 4}, "num_key_value_heads must divide num_heads = 6; got 4"),
    ],
)
def test_unsupported_fields_are_named(folder, tmp_path, changes, message):
    to = rewrite(folder, tmp_path / "changed", change_config=lambda config: {**config, **changes})
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(to)


def test_all_mismatches_at_once(folder, tmp_path):
    def change(tensors):
        del tensors["model.layers.1.mlp.up_proj.weight"], tensors["lm_head.weight"]
        tensors["model.layers.0.self_attn.k_proj.weight"] = np.zeros((24, 30), "float32")
        return {**tensors, "model.layers.0.self_attn.k_proj.bias": np.zeros(8, "float32")}

    with pytest.raises(ValueError, match="does not fit the model") as caught:
        GPT.from_pretrained(rewrite(folder, tmp_path / "changed", change))
    assert sorted(str(caught.value).splitlines()[1:]) == [
        "  missing: lm_head.weight (37, 30)",
        "  missing: model.layers.1.mlp.up_proj.weight (19, 30)",
        "  unexpected: model.layers.0.self_attn.k_proj.bias",
        "  wrong shape: model.layers.0.self_attn.k_proj.weight is (24, 30), the model needs "
        "(8, 30)",
    ]
