import dataclasses

import pytest

from tests.models_on_ids import num_numbers, without_values
from tests.small_gpts import SMALL, V
from zoo.models import GPT, GPTConfig
from zoo.models.gpt_config import PRESENT_DAY, SIZES


def test_defaults_are_gpt2s():
    config = GPTConfig()
    assert (config.num_layers, config.hidden_dim, config.num_heads) == (12, 768, 12)
    assert (config.activation, config.norm_epsilon, config.tied_logits) == ("gelu_tanh", 1e-5, True)
    assert (config.heads_of_keys, config.size_of_heads) == (12, 64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.pad_id = 1


def test_heads_of_keys_and_their_size():
    config = GPTConfig(num_key_value_heads=3, head_dim=5)
    assert (config.heads_of_keys, config.size_of_heads) == (3, 5)


@pytest.mark.parametrize(
    ("size", "num_layers", "hidden", "heads", "head_dim"),
    [
        # Radford et al. 2019, table 2.
        ("gpt2", 12, 768, 12, 64),
        ("gpt2-medium", 24, 1024, 16, 64),
        ("gpt2-large", 36, 1280, 20, 64),
        ("gpt2-xl", 48, 1600, 25, 64),
        # Brown et al. 2020, table 2.1; XL with 16 heads for 24, 13B with 5120 dimensions for 5140.
        ("gpt3-small", 12, 768, 12, 64),
        ("gpt3-medium", 24, 1024, 16, 64),
        ("gpt3-large", 24, 1536, 16, 96),
        ("gpt3-xl", 24, 2048, 16, 128),
        ("gpt3-2.7b", 32, 2560, 32, 80),
        ("gpt3-6.7b", 32, 4096, 32, 128),
        ("gpt3-13b", 40, 5120, 40, 128),
        ("gpt3-175b", 96, 12288, 96, 128),
    ],
)
def test_published_sizes(size, num_layers, hidden, heads, head_dim):
    config = GPTConfig.from_size(size)
    assert (config.num_layers, config.hidden_dim, config.num_heads) == (num_layers, hidden, heads)
    assert config.size_of_heads == head_dim
    assert config.feed_forward_dim == 4 * hidden
    assert config.num_positions == (1024 if "gpt2" in size else 2048)
    assert (config.vocab_size, config.start_id, config.end_id) == (50257, 50256, 50256)


def test_printed_rows_that_cannot_be_built():
    with pytest.raises(ValueError, match="num_heads must divide hidden_dim = 2048"):
        GPTConfig.from_size("gpt3-xl", num_heads=24)
    with pytest.raises(ValueError, match="num_heads must divide hidden_dim = 5140"):
        GPTConfig.from_size("gpt3-13b", hidden_dim=5140)


@pytest.mark.parametrize("size", [size for size in SIZES if size.startswith("llama")])
def test_llama_like_sizes(size):
    config = GPTConfig.from_size(size)
    assert {name: getattr(config, name) for name in PRESENT_DAY} == PRESENT_DAY
    assert config.size_of_heads * config.num_heads == config.hidden_dim


def test_a_size_with_another_vocabulary():
    config = GPTConfig.from_size("gpt2", vocab_size=V, end_id=5)
    assert (config.start_id, config.end_id, config.pad_id) == (None, 5, None)
    assert GPTConfig.from_size("gpt2", end_id=7).start_id == 50256


def test_models_of_a_size():
    model = GPT.from_size("llama-15m", **SMALL, dropout=0.2, name="writer", dtype="mixed_bfloat16")
    assert (model.config.hidden_dim, model.config.dropout) == (14, 0.2)
    assert (model.config.norm, model.config.start_id) == ("rms", None)
    assert (model.name, model.dtype_policy.name) == ("writer", "mixed_bfloat16")
    with pytest.raises(ValueError, match=r"size must be one of \('gpt2', 'gpt2-medium'.*'huge'"):
        GPT.from_size("huge")
    with pytest.raises(ValueError, match="num_layer"):
        GPT.from_size("gpt2", num_layer=3)


def test_96_decoder_blocks():
    """What GPT-3 is, in its width's smallest shape."""
    model = without_values(lambda: GPT.from_size("gpt3-175b", **{**SMALL, "num_layers": 96}))
    assert len(model.decoder.blocks) == 96
    per_block = num_numbers(model.decoder.blocks[95].weights)
    assert per_block == 4 * (14 * 14 + 14) + 2 * 14 * 11 + 11 + 14 + 2 * 2 * 14


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be a positive whole number; got 0"),
        ({"num_layers": 1.5}, "num_layers must be a positive whole number; got 1.5"),
        ({"num_positions": 0}, "num_positions must be a positive whole number"),
        ({"num_key_value_heads": 0}, "num_key_value_heads must be a positive whole number"),
        ({"head_dim": -1}, "head_dim must be a positive whole number; got -1"),
        ({"num_heads": 7}, "num_heads must divide hidden_dim = 768, or head_dim .* = 7"),
        ({"num_key_value_heads": 5}, "must divide num_heads = 12; got 5"),
        ({"positions": "sinusoids"}, r"positions must be one of \('learned', 'rotary'\); got 'sin"),
        ({"positions": "rotary", "head_dim": 5}, "rotary positions need an even head_dim; got 5"),
        ({"norm": "batch"}, r"norm must be one of \('layer', 'rms'\); got 'batch'"),
        ({"rotary_scaling": {"rope_type": "yarn"}}, "rotary scaling must be of type .*'yarn'"),
        ({"rotary_scaling": {"rope_type": "linear"}}, r"'linear' lacks \['factor'\]"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        ({"embedding_dropout": -0.1}, "embedding_dropout must be at least 0"),
        ({"attention_dropout": 2}, "attention_dropout must be at least 0"),
        ({"rematerialize": True, "dropout": 0.1}, "rematerialize must be False .* dropout = 0.1"),
        (
            {"rematerialize": True, "attention_dropout": 0.1},
            "rematerialize must be False .* attention_dropout = 0.1",
        ),
        ({"start_id": 50257}, "start_id must be None or an id of .* below 50257; got 50257"),
        ({"end_id": -1}, "end_id must be None or an id of the vocabulary"),
        ({"pad_id": 60000}, "pad_id must be None or an id of the vocabulary"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**fields)


def test_an_activation_that_is_none():
    with pytest.raises(ValueError, match="geglu"):
        GPT(GPTConfig(**SMALL, activation="geglu"))
