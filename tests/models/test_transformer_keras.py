"""What Keras does with the Transformer: files, fit, precisions, int8 and LoRA."""

import keras
import numpy as np
import pytest

from tests.backends import compile_and_fit, to_numpy
from tests.small_transformers import MARIAN, SHALLOW, V, forward, small
from zoo.layers import record_attention
from zoo.models import Transformer


@pytest.mark.parametrize("overrides", [{}, {**MARIAN, "norm_order": "pre"}])
def test_keras_files_round_trip(tmp_path, source, target, overrides):
    model = small(**overrides)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    assert loaded.name == model.name
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(to_numpy(after.value), to_numpy(before.value), atol=0)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = Transformer.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    logits = to_numpy(fresh({"source_ids": source[:1], "target_ids": target[:1]}))
    expected = forward(model, source[:1], target[:1])
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_fit_in_every_precision(source, target, dtype):
    model = Transformer.from_size("tiny", **SHALLOW, dtype=dtype)
    assert model.get_config()["dtype"]["config"]["name"] == dtype
    inputs = {"source_ids": source, "target_ids": target}
    labels = np.concatenate([target[:, 1:], np.full((3, 1), 3)], axis=1)
    weight = np.ones((3, 5), "float32")
    before = [to_numpy(v.value) for v in model.trainable_variables]
    losses = [compile_and_fit(model, inputs, labels, sample_weight=weight, epochs=2, batch_size=3)]
    assert np.isfinite(losses).all()
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert variable.dtype == "float32"
        assert np.isfinite(to_numpy(variable.value)).all()
        if "query_key_value/bias" not in variable.path:  # keys' biases have no effect
            assert np.abs(to_numpy(variable.value) - old).max() > 0, variable.path
    logits = model(inputs)
    expected = "float32" if dtype.startswith("mixed_") else dtype
    assert keras.backend.standardize_dtype(logits.dtype) == expected


def test_functional_model_around_it(source, target):
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("source_ids", "target_ids")
    }
    outputs = keras.layers.Softmax()(small()(inputs))
    assert tuple(outputs.shape) == (None, None, V)
    model = keras.Model(inputs, outputs)
    found = to_numpy(model({"source_ids": source, "target_ids": target}))
    logits = forward(small(), source, target)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
@pytest.mark.usefixtures("quick_collection")
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors:UserWarning")
def test_quantize_the_whole_model(tmp_path, source, target):
    model = Transformer.from_size("tiny", **SHALLOW)
    inputs = {"source_ids": source, "target_ids": target}
    before = to_numpy(model(inputs))
    model.quantize("int8")
    after = to_numpy(model(inputs))
    assert 0 < np.abs(after - before).mean() < 0.1 * np.abs(before).mean()
    assert sum(v.dtype == "int8" for v in model.weights) == 1 + 4 + 7
    model.save_weights(tmp_path / "model.weights.h5")
    other = Transformer.from_size("tiny", **SHALLOW)
    other.quantize("int8")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(to_numpy(other(inputs)), after, atol=1e-5)


def test_lora_on_the_projections(source, target):
    model = Transformer.from_size("tiny", **SHALLOW)
    inputs = {"source_ids": source, "target_ids": target}
    before = to_numpy(model(inputs))
    for block in model.decoder.blocks:
        block.self_attention.query_key_value.enable_lora(2)
        block.cross_attention.key_value.enable_lora(2)
    np.testing.assert_allclose(to_numpy(model(inputs)), before, atol=1e-5)
    assert sum("lora" in v.name for v in model.trainable_variables) == 2 * 2


def test_attention_is_recorded_under_paths(source, target):
    with record_attention() as maps:
        small()({"source_ids": source, "target_ids": target})
    name = small().name
    assert set(maps) == {
        f"{name}/{stack}/block_{i}/{part}_attention"
        for stack, part, count in (
            ("encoder", "self", 1),
            ("decoder", "self", 2),
            ("decoder", "cross", 2),
        )
        for i in range(count)
    }
    (weights,) = maps[f"{name}/decoder/block_1/cross_attention"]
    assert weights.shape == (3, 7, 5, 7)
    assert (weights[1, :, :, 4:] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
