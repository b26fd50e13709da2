import dataclasses
import functools

import keras
import numpy as np
import pytest

from tests.backends import randomize, to_numpy
from tests.models_on_ids import forward, num_numbers, without_values
from zoo.layers import record_attention
from zoo.models import BERT, BERTConfig

V = 37
SMALL = {
    "vocab_size": V,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_layers": 2,
    "num_heads": 7,
    "num_positions": 13,
}


@functools.cache
def small(**overrides):
    """A model with random weights in every variable."""
    return randomize(BERT(BERTConfig(**{**SMALL, **overrides})), scale=0.4)


@pytest.fixture
def ids(rng):
    """Three rows of 7, 4 and 2 tokens."""
    ids = rng.integers(4, V, (3, 7)).astype("int32")
    ids[1, 4:] = ids[2, 2:] = 0
    return ids


@pytest.fixture
def segments(ids):
    return np.where((np.arange(7) > 2) & (ids != 0), 1, 0).astype("int32")


# One forward pass. Its numbers are those of the transformers library: tests/checkpoints.


def test_shapes_and_the_pooler(ids):
    model = small()
    outputs = forward(model, token_ids=ids)
    assert set(outputs) == {"sequence_output", "pooled_output"}
    sequence, pooled = outputs["sequence_output"], outputs["pooled_output"]
    assert (sequence.shape, pooled.shape) == ((3, 7, 14), (3, 14))
    kernel, bias = (to_numpy(v.value) for v in (model.pooler.kernel, model.pooler.bias))
    np.testing.assert_allclose(pooled, np.tanh(sequence[:, 0] @ kernel + bias), atol=1e-5)


def test_tokens_see_both_ways(rng, ids):
    before = forward(small(), token_ids=ids)["sequence_output"]
    for position in (0, 6):
        changed = ids.copy()
        changed[0, position] = 3
        after = forward(small(), token_ids=changed)["sequence_output"]
        assert (np.abs(after - before)[0].max(-1) > 1e-3).all()
        np.testing.assert_allclose(after[1:], before[1:], atol=1e-5)


@pytest.mark.parametrize("pad_id", [0, 3])
def test_padding_changes_nothing(rng, ids, segments, pad_id):
    model = small(pad_id=pad_id)
    ids = np.where(ids == 0, pad_id, ids)
    real = ids != pad_id
    outputs = forward(model, token_ids=ids, segment_ids=segments)
    wide = [
        np.pad(x, ((0, 0), (0, 5)), constant_values=c) for x, c in ((ids, pad_id), (segments, 0))
    ]
    wider = forward(model, token_ids=wide[0], segment_ids=wide[1])
    given, expected = wider["sequence_output"][:, :7], outputs["sequence_output"]
    np.testing.assert_allclose(given[real], expected[real], atol=1e-5)
    np.testing.assert_allclose(wider["pooled_output"], outputs["pooled_output"], atol=1e-5)
    # With a mask the ids of padding, and their segments, are of no account.
    other = np.where(real, ids, rng.integers(4, V, ids.shape)).astype("int32")
    masked = forward(
        model, token_ids=other, segment_ids=np.where(real, segments, 1), padding_mask=real
    )
    np.testing.assert_allclose(masked["sequence_output"][real], expected[real], atol=1e-5)
    np.testing.assert_allclose(masked["pooled_output"], outputs["pooled_output"], atol=1e-5)


def test_a_mask_may_keep_the_pad_id(ids):
    everywhere = np.ones_like(ids, dtype="bool")
    given = forward(small(), token_ids=ids, padding_mask=everywhere)["sequence_output"]
    expected = forward(small(), token_ids=ids)["sequence_output"]
    np.testing.assert_allclose(given[0], expected[0], atol=1e-5)
    assert np.abs(given[1:] - expected[1:]).max() > 1e-2


def test_batch_mates_change_nothing(ids, segments):
    together = forward(small(), token_ids=ids, segment_ids=segments)
    for row, length in enumerate((7, 4, 2)):
        own = slice(row, row + 1), slice(0, length)
        alone = forward(small(), token_ids=ids[own], segment_ids=segments[own])
        for name, given in (
            ("sequence_output", together["sequence_output"][own]),
            ("pooled_output", together["pooled_output"][row : row + 1]),
        ):
            np.testing.assert_allclose(given, alone[name], atol=1e-5, rtol=1e-5)


def test_segments_matter_and_are_zeros_where_absent(ids, segments):
    absent = forward(small(), token_ids=ids)["sequence_output"]
    zeros = forward(small(), token_ids=ids, segment_ids=np.zeros_like(ids))["sequence_output"]
    np.testing.assert_allclose(absent, zeros, atol=1e-6)
    given = forward(small(), token_ids=ids, segment_ids=segments)["sequence_output"]
    assert np.abs(given - absent)[0].max() > 1e-2


def test_rows_of_padding_alone_give_numbers():
    outputs = forward(small(), token_ids=np.zeros((2, 5), "int32"))
    assert all(np.isfinite(output).all() for output in outputs.values())


# Sizes.


@pytest.mark.parametrize(
    ("size", "num_layers", "hidden", "heads", "millions"),
    [
        # Turc et al. 2019, table 1; Devlin et al. 2018, 3, whose 110 and 340 are rounded.
        ("tiny", 2, 128, 2, 4.4),
        ("mini", 4, 256, 4, 11.2),
        ("small", 4, 512, 8, 28.8),
        ("medium", 8, 512, 8, 41.4),
        ("base", 12, 768, 12, 109.5),
        ("large", 24, 1024, 16, 335.1),
    ],
)
def test_sizes(size, num_layers, hidden, heads, millions):
    # Variables without values: "large" would fill 1.3 GB.
    model = without_values(lambda: BERT.from_size(size, name="reader"))
    count = num_numbers(model.trainable_variables)
    config = model.config
    assert (config.num_layers, config.hidden_dim, config.num_heads) == (num_layers, hidden, heads)
    assert config.feed_forward_dim == 4 * hidden
    assert (config.vocab_size, config.num_positions, config.num_segments) == (30522, 512, 2)
    assert count / 1e6 == pytest.approx(millions, abs=0.06)
    assert model.name == "reader"


def test_overrides_and_unknown_sizes():
    model = BERT.from_size("tiny", **SMALL, dropout=0.2)
    assert (model.config.hidden_dim, model.config.dropout) == (14, 0.2)
    with pytest.raises(ValueError, match=r"size must be one of \('tiny', 'mini', .*; got 'huge'"):
        BERT.from_size("huge")
    with pytest.raises(ValueError, match="num_layer"):
        BERT.from_size("tiny", num_layer=3)


def test_fresh_weights_are_as_the_paper_draws_them():
    keras.utils.set_random_seed(3)
    model = BERT.from_size("tiny", vocab_size=101, num_layers=1)
    for variable in model.trainable_variables:
        value = to_numpy(variable.value)
        if variable.path.endswith(("kernel", "embeddings")):
            # A normal distribution cut at two standard deviations keeps 0.88 of its spread.
            assert 0.016 < value.std() < 0.019, variable.path
            assert np.abs(value).max() <= 0.04
        else:
            assert (value == (1 if variable.path.endswith("gamma") else 0)).all()


def test_the_configuration_is_frozen():
    config = BERTConfig(vocab_size=V)
    assert (config.hidden_dim, config.activation, config.norm_epsilon) == (768, "gelu", 1e-12)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.pad_id = 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be a positive whole number; got 0"),
        ({"num_layers": 1.5}, "num_layers must be a positive whole number; got 1.5"),
        ({"num_positions": 0}, "num_positions must be a positive whole number"),
        ({"num_segments": -1}, "num_segments must be a positive whole number"),
        ({"num_heads": 7}, "num_heads must divide hidden_dim = 768; got 7"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        ({"attention_dropout": -0.1}, "attention_dropout must be at least 0"),
        ({"classifier_dropout": 2}, "classifier_dropout must be at least 0"),
        ({"pad_id": V}, "pad_id must be an id of the vocabulary, .* below 37; got 37"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        BERTConfig(**{"vocab_size": V, **fields})


# What Keras does with models.


def test_keras_files_round_trip(tmp_path, ids, segments):
    model = small()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.config, loaded.name) == (model.config, model.name)
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(after.value), to_numpy(before.value))
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = BERT.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    given = to_numpy(fresh({"token_ids": ids, "segment_ids": segments})["sequence_output"])
    expected = forward(model, token_ids=ids, segment_ids=segments)["sequence_output"]
    np.testing.assert_allclose(given, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_half_precision_gives_numbers(ids, dtype):
    model = BERT.from_size("tiny", **SMALL, dtype=dtype)
    outputs = model({"token_ids": ids, "padding_mask": ids != 0})
    expected = dtype.removeprefix("mixed_")
    for output in outputs.values():
        assert keras.backend.standardize_dtype(output.dtype) == expected
        assert np.isfinite(to_numpy(keras.ops.cast(output, "float32"))).all()


def test_functional_model_around_it(ids, segments):
    inputs = {
        "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
        "segment_ids": keras.Input((None,), dtype="int32", name="segment_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
    }
    # Keras tries lengths up to 89 on JAX and torch to find out what shapes come out.
    reader = small(num_positions=97, num_layers=1)
    pooled = reader(inputs)["pooled_output"]
    assert tuple(pooled.shape) == (None, 14)
    model = keras.Model(inputs, pooled)
    arrays = {"token_ids": ids, "segment_ids": segments, "padding_mask": ids != 0}
    np.testing.assert_allclose(
        forward(model, **arrays), forward(reader, **arrays)["pooled_output"], atol=1e-5
    )


def test_attention_is_recorded_under_paths(ids):
    with record_attention() as maps:
        small()({"token_ids": ids})
    assert set(maps) == {f"{small().name}/encoder/block_{i}/self_attention" for i in range(2)}
    (weights,) = maps[f"{small().name}/encoder/block_1/self_attention"]
    assert weights.shape == (3, 7, 7, 7)
    assert (weights[1, :, :, 4:] == 0).all()


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": None}, r"keys \('token_ids',\); got \('segment_ids', 'padding_mask'\)"),
        ({"token_ids": np.full((3, 7), V)}, "token_ids must be ids of .* below 37; got 37"),
        ({"token_ids": np.full((3, 7), -1)}, "token_ids must be ids .* at least 0 .*; got -1"),
        ({"token_ids": np.ones((3, 7))}, "token_ids must be whole numbers .* got float32"),
        ({"token_ids": np.ones(7, "int32")}, r"token_ids must be .*shape \(B, T\); got .*\(7,\)"),
        ({"token_ids": np.ones((3, 0), "int32")}, "token_ids must hold a token at least"),
        ({"segment_ids": np.full((3, 7), 2)}, "segment_ids must be kinds of .* below 2; got 2"),
        ({"segment_ids": np.zeros((3, 7))}, "segment_ids must be whole numbers .* got float32"),
        ({"segment_ids": np.zeros((3, 6), "int32")}, r"segment_ids must have .*\(3, 7\); got .*6"),
        ({"segment_ids": np.zeros((1, 7), "int32")}, r"segment_ids must have .*; got \(1, 7\)"),
        ({"padding_mask": np.ones((3, 7), "int32")}, "padding_mask must be boolean.* got int32"),
        ({"padding_mask": np.ones((3, 6), "bool")}, r"padding_mask must have the shape.*\(3, 6\)"),
        ({"padding_mask": np.ones((3, 1, 7), "bool")}, "padding_mask must have the shape"),
        ({"segments": np.zeros((3, 7))}, r"may have the keys .*; got \['segments'\] besides"),
    ],
)
def test_bad_inputs(ids, segments, change, message):
    inputs = {"token_ids": ids, "segment_ids": segments, "padding_mask": ids != 0, **change}
    with pytest.raises(ValueError, match=message):
        small()({name: value for name, value in inputs.items() if value is not None})


def test_inputs_that_are_no_dict(ids):
    with pytest.raises(ValueError, match="inputs must be a dict with the keys"):
        small()(ids)


def test_the_longest_sequence(rng):
    model = small()
    ids = rng.integers(4, V, (2, 14)).astype("int32")
    assert forward(model, token_ids=ids[:, :13])["sequence_output"].shape == (2, 13, 14)
    with pytest.raises(ValueError, match="may be at most 13 long; got 14"):
        model({"token_ids": ids})
