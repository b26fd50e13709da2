import dataclasses
import math

import keras
import numpy as np
import pytest

from tests.models_on_ids import num_numbers, without_values
from tests.small_gpts import VARIANTS
from tests.small_transformers import MARIAN
from tests.small_transformers import SMALL as SMALL_TRANSFORMER
from zoo.models import (
    BERT,
    GPT,
    BERTClassifier,
    BERTConfig,
    BERTPretrainer,
    BERTTagger,
    GPTConfig,
    Transformer,
    TransformerConfig,
    footprint,
    sizes,
)
from zoo.training import enable_lora

SMALL_BERT = {
    "vocab_size": 37,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_layers": 3,
    "num_heads": 7,
    "num_positions": 13,
}
MODELS = {
    "GPT": (GPT, GPTConfig),
    "BERT": (BERT, BERTConfig),
    "Transformer": (Transformer, TransformerConfig),
}
CASES = [
    *(("GPT", fields) for fields in VARIANTS.values()),
    ("GPT", {**VARIANTS["gpt2"], "use_bias": False, "gated": True, "tied_logits": False}),
    ("GPT", {**VARIANTS["present_day"], "use_bias": True, "norm": "layer", "tied_logits": True}),
    ("BERT", SMALL_BERT),
    ("BERT", {**SMALL_BERT, "num_segments": 3}),
    ("Transformer", SMALL_TRANSFORMER),
    ("Transformer", {**SMALL_TRANSFORMER, **MARIAN, "norm_order": "pre"}),
]


def nbytes(tensors):
    sizes = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
    dtypes = [keras.backend.standardize_dtype(tensor.dtype) for tensor in tensors]
    return sum(math.prod(t.shape) * sizes[d] for t, d in zip(tensors, dtypes, strict=True))


def length_of(name):
    return 5 if name == "Transformer" else None


@pytest.mark.parametrize(("name", "fields"), CASES)
def test_configurations_and_models_agree(name, fields):
    model_class, config_class = MODELS[name]
    model = model_class(config_class(**fields))
    found = footprint(config_class(**fields), length=length_of(name))
    assert found.parameters == num_numbers(model.weights)
    assert footprint(model, length=length_of(name)) == found


SIZED = [(name, size) for name, names in sizes().items() for size in names]
QUICK = ("tiny", "mini", "base", "gpt2", "llama-15m", "gpt3-175b")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param(name, size, marks=() if size in QUICK else pytest.mark.slow)
        for name, size in SIZED
    ],
)
def test_exact_for_sizes(name, size):
    model_class, config_class = MODELS[name]
    fields = {"vocab_size": 37000} if name == "Transformer" else {}
    config = config_class.from_size(size, **fields)
    found = footprint(config, length=7)
    model = without_values(lambda: model_class(config))
    assert found.parameters == num_numbers(model.weights)


@pytest.mark.slow
@pytest.mark.parametrize("size", ["gpt2-xl", "gpt3-xl", "llama-1b"])
def test_exact_for_models_with_weights(size):
    model = GPT.from_size(size, dtype="bfloat16")
    found = footprint(GPTConfig.from_size(size), "bfloat16")
    assert footprint(model) == found
    assert nbytes(model.weights) == found.weight_bytes


def test_table_2_1_of_gpt3():
    # "Language models are few-shot learners", n_params.
    table = {
        "gpt3-small": 125e6,
        "gpt3-medium": 350e6,
        "gpt3-large": 760e6,
        "gpt3-xl": 1.3e9,
        "gpt3-2.7b": 2.7e9,
        "gpt3-6.7b": 6.7e9,
        "gpt3-13b": 13.0e9,
        "gpt3-175b": 175.0e9,
    }
    assert set(table) == {size for size in sizes()["GPT"] if size.startswith("gpt3")}
    for size, published in table.items():
        found = footprint(GPTConfig.from_size(size)).parameters
        assert found == pytest.approx(published, rel=0.02), size


def test_released_models():
    # openai-community/gpt2 and meta-llama/Llama-3.2-1B, as their pages count them.
    assert footprint(GPTConfig.from_size("gpt2")).parameters == 124_439_808
    assert footprint(GPTConfig.from_size("gpt2-xl")).parameters == 1_557_611_200
    assert footprint(GPTConfig.from_size("llama-1b")).parameters == 1_235_814_400


def test_flops_by_hand():
    # D = 2, one head, F = 3, V = 5, T = 7: Q, K, V, output 16, feed-forward 12, logits 10.
    config = GPTConfig(
        vocab_size=5, hidden_dim=2, feed_forward_dim=3, num_layers=1, num_heads=1, num_positions=7
    )
    found = footprint(config)
    assert found.flops_per_token == 2 * (16 + 12 + 10) + 2 * 2 * (2 * 7)
    assert found.training_flops_per_token == 3 * found.flops_per_token


def counted_flops(model, inputs):
    """FLOPs of all matrix products, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(inputs)
    return counter.get_total_flops()


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch counts its products")
@pytest.mark.parametrize("variant", VARIANTS)
def test_flops_are_those_that_are_done(variant):
    model = GPT(GPTConfig(**VARIANTS[variant]))
    counted = counted_flops(model, {"token_ids": np.ones((3, 11), "int32")})
    assert counted == 3 * 11 * footprint(model, length=11).flops_per_token


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch counts its products")
def test_flops_of_the_others():
    ids = np.ones((3, 11), "int32")
    model = Transformer(TransformerConfig(**SMALL_TRANSFORMER))
    counted = counted_flops(model, {"source_ids": ids, "target_ids": ids})
    assert counted == 3 * 11 * footprint(model, length=11).flops_per_token
    tagger = BERTTagger(BERTConfig(**SMALL_BERT), num_labels=5)
    head = 2 * 14 * 5
    counted = counted_flops(tagger, {"token_ids": ids})
    assert counted == 3 * 11 * (footprint(tagger, length=11).flops_per_token + head)


@pytest.mark.parametrize(
    "precision", ["float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16"]
)
def test_bytes_are_those_of_the_variables(precision):
    config = GPTConfig(**VARIANTS["present_day"])
    found = footprint(config, precision, length=11)
    model = GPT(config, dtype=precision)
    assert dataclasses.replace(footprint(model, length=11)) == found
    assert nbytes(model.weights) == found.weight_bytes
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    moments = [v for v in optimizer.variables if len(v.shape)]  # without step and learning rate
    assert nbytes(moments) == found.optimizer_bytes
    assert found.gradient_bytes == nbytes(model.trainable_weights)
    slots = keras.tree.flatten(model.start(3, 11).row["slots"])
    assert nbytes(slots) == 3 * found.cache_bytes


def test_cache_of_a_transformer():
    model = Transformer(TransformerConfig(**SMALL_TRANSFORMER))
    row = model.start(np.ones((1, 11), "int32"), 11).row
    kept = keras.tree.flatten((row["slots"], row["memory"]))
    assert nbytes(kept) == footprint(model, length=11).cache_bytes
    assert footprint(BERTConfig()).cache_bytes == 0


def test_heads_are_counted():
    config = BERTConfig(**SMALL_BERT)
    for model in (BERTClassifier(config, num_labels=5), BERTPretrainer(config)):
        found = footprint(model)
        assert found.parameters == num_numbers(model.weights) > footprint(config).parameters
        assert found.flops_per_token == footprint(config).flops_per_token


def test_what_does_not_train_has_no_gradient():
    model = GPT(GPTConfig(**VARIANTS["gpt2"]))
    enable_lora(model, 2)
    found = footprint(model)
    assert found.weight_bytes == nbytes(model.weights)
    assert found.gradient_bytes == nbytes(model.trainable_weights) < found.weight_bytes / 2
    assert found.optimizer_bytes == 2 * found.gradient_bytes


def test_devices_share():
    config = GPTConfig.from_size("gpt3-175b")
    whole, found = footprint(config, "bfloat16"), footprint(config, "bfloat16", devices=1000)
    assert found.weight_bytes == whole.weight_bytes == 2 * whole.parameters
    assert found.weight_bytes_per_device == math.ceil(whole.weight_bytes / 1000)
    assert found.training_bytes == 8 * whole.parameters
    assert found.training_bytes_per_device == math.ceil(found.training_bytes / 1000)
    assert found.cache_bytes_per_device == math.ceil(whole.cache_bytes / 1000)


def test_as_text():
    text = str(footprint(GPTConfig.from_size("gpt2"), "mixed_bfloat16", devices=4))
    assert text.splitlines() == [
        "124,439,808 parameters, mixed_bfloat16",
        "285 MFLOPs a token forward, 854 MFLOPs in training, in rows of 1,024 tokens",
        "weights 498 MB, gradients 498 MB, Adam 996 MB: training 1.99 GB without activations",
        "keys and values 37.7 MB a row",
        "on each of 4 devices: weights 124 MB, training 498 MB, keys and values 9.44 MB a row",
    ]


def test_sizes_are_those_of_from_size():
    assert sizes()["BERT"] == ("tiny", "mini", "small", "medium", "base", "large")
    assert sizes()["Transformer"] == ("tiny", "small", "base", "big")
    assert sizes()["GPT"][0] == "gpt2"


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("gpt2", {}, "must be a GPT, a BERT or a Transformer .*; got str"),
        (keras.Sequential, {}, "must be a GPT, a BERT or a Transformer .*; got"),
        (GPTConfig(), {"precision": "int4"}, r"precision must be one of \('float32', .*'int4'"),
        (GPTConfig(), {"devices": 0}, "devices must be a positive whole number; got 0"),
        (GPTConfig(), {"length": -1}, "length must be a positive whole number; got -1"),
        (GPTConfig(), {"length": 1025}, "length must be at most num_positions = 1024; got 1025"),
        (BERTConfig(), {"length": 513}, "length must be at most num_positions = 512; got 513"),
        (TransformerConfig(vocab_size=7), {}, "length must be given for a Transformer"),
    ],
)
def test_bad_arguments(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        footprint(model, **arguments)


def test_rotary_positions_have_no_longest_row():
    config = GPTConfig.from_size("llama-15m")
    assert footprint(config, length=4096).cache_bytes == 4 * footprint(config).cache_bytes
