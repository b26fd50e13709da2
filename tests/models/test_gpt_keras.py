"""What Keras does with a GPT: files, fit, precisions, int8 and LoRA."""

import keras
import numpy as np
import pytest

from tests.backends import compile_and_fit, run, to_numpy
from tests.models_on_ids import some_ids
from tests.small_gpts import SMALL, VARIANTS, V, forward, real_from, small
from zoo.compiled import compiled
from zoo.models import GPT, GPTConfig
from zoo.training import enable_lora, merge_lora

both = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def ids(rng):
    return some_ids(rng, 3, 7)


@both
def test_keras_files_round_trip(tmp_path, ids, variant):
    model = small(variant)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.config, loaded.name) == (model.config, model.name)
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(after.value), to_numpy(before.value))
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = GPT.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    for one in (loaded, fresh):
        np.testing.assert_allclose(forward(one, ids), forward(model, ids), atol=1e-6)


def test_every_field_is_kept(tmp_path):
    fields = {
        **VARIANTS["present_day"],
        "activation": "gelu_tanh",
        "rotary_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 11,
        },
        "rematerialize": True,
        "initializer_range": 0.3,
        "pad_id": 0,
        "end_id": 2,
    }
    model = GPT(fields, dtype="mixed_bfloat16")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.config == GPTConfig(**fields)
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    assert loaded.decoder.rematerialize


@pytest.mark.parametrize(
    "rates",
    [
        {},
        {"dropout": 0.4, "embedding_dropout": 0.0},
        {"embedding_dropout": 0.4},
        {"attention_dropout": 0.4},
    ],
)
def test_dropout_in_training_alone(ids, rates):
    """With a learning rate of zero the weights stay: only dropout can change the loss."""
    model = GPT(GPTConfig(**SMALL, initializer_range=0.4, **rates))
    model.compile(
        keras.optimizers.SGD(0.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    inputs, labels = {"token_ids": ids[:, :-1]}, ids[:, 1:]
    losses = model.fit(inputs, labels, batch_size=3, epochs=3, verbose=0).history["loss"]
    plain = GPT(GPTConfig(**SMALL))
    plain.set_weights(model.get_weights())
    expected = forward(plain, ids[:, :-1])
    np.testing.assert_allclose(forward(model, ids[:, :-1]), expected, atol=1e-5, rtol=1e-5)
    exact = cross_entropy(expected, labels)
    if not rates:
        np.testing.assert_allclose(losses, exact, rtol=1e-5)
    else:
        assert len({*losses, exact}) == 4
        assert np.abs(np.subtract(losses, exact)).min() > 1e-3


def cross_entropy(logits, labels):
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_probs, labels[..., None], axis=-1).mean()


def test_dropout_of_embeddings_alone():
    model = GPT(GPTConfig(**SMALL, dropout=0.5, embedding_dropout=0.0))
    assert model.embedding_dropout.rate == 0.0
    assert GPT(GPTConfig(**SMALL, dropout=0.5)).embedding_dropout.rate == 0.5


@pytest.mark.parametrize(
    ("variant", "dtype"),
    [
        ("gpt2", "float16"),
        ("present_day", "bfloat16"),
        ("present_day", "mixed_float16"),
        ("gpt2", "mixed_bfloat16"),
    ],
)
def test_half_precision_gives_numbers(ids, variant, dtype):
    model = GPT(GPTConfig(**VARIANTS[variant]), dtype=dtype)
    real = real_from((7, 4, 0), 7)  # the last row is padding alone

    def both_ways(ids, real):
        logits = model({"token_ids": ids, "padding_mask": real})
        return logits, *in_chunks(model, ids, real)

    logits, cached, slot = compiled(model, both_ways)(ids, real)
    expected = "float32" if dtype.startswith("mixed_") else dtype
    assert keras.backend.standardize_dtype(logits.dtype) == expected
    assert keras.backend.standardize_dtype(slot.dtype) == dtype.removeprefix("mixed_")
    logits, cached = (to_numpy(keras.ops.cast(x, "float32")) for x in (logits, cached))
    assert np.isfinite(logits).all()
    assert np.isfinite(cached).all()
    np.testing.assert_allclose(cached[real], logits[real], atol=0.02)


def in_chunks(model, ids, real=None):
    """Logits of three chunks of `decode`, and one of the cache's tensors."""
    cache, pieces = model.start(3, 7), []
    for begin, end in ((0, 4), (4, 5), (5, 7)):
        mask = None if real is None else real[:, begin:end]
        piece, cache = model.decode(ids[:, begin:end], cache, mask)
        pieces.append(piece)
    return keras.ops.concatenate(pieces, axis=1), cache.row["slots"][0][0]


@pytest.mark.parametrize(
    ("variant", "dtype"),
    [("gpt2", "float32"), ("present_day", "mixed_float16"), ("gpt2", "mixed_bfloat16")],
)
def test_fit_in_every_precision(ids, variant, dtype):
    model = GPT(GPTConfig(**VARIANTS[variant], initializer_range=0.2), dtype=dtype)
    inputs = {
        "token_ids": ids,
        "padding_mask": real_from((7, 4, 2), 7, left=False),
        "document_ids": np.array([[1, 1, 1, 2, 2, 2, 2]] * 3, "int32"),
    }
    before = [to_numpy(v.value) for v in model.trainable_variables]
    loss = compile_and_fit(model, inputs, np.roll(ids, -1, axis=1), epochs=2, batch_size=3)
    assert np.isfinite(loss)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert variable.dtype == "float32"
        assert np.isfinite(to_numpy(variable.value)).all()
        assert np.abs(to_numpy(variable.value) - old).max() > 0, variable.path


def test_functional_model_around_it(ids):
    inputs = {
        "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
        "document_ids": keras.Input((None,), dtype="int32", name="document_ids"),
    }
    # Keras tries lengths up to 89 on JAX and torch to find out what shapes come out.
    writer = small(num_positions=97, num_layers=1)
    outputs = keras.layers.Softmax()(writer(inputs))
    assert tuple(outputs.shape) == (None, None, V)
    model = keras.Model(inputs, outputs)
    arrays = {
        "padding_mask": real_from((7, 4, 2), 7),
        "document_ids": np.array([[1, 1, 1, 2, 2, 2, 2]] * 3, "int32"),
    }
    logits = forward(writer, ids, **arrays)
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(forward(model, ids, **arrays), expected, atol=1e-5)


quantizing = [
    pytest.mark.usefixtures("quick_collection"),
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning"),
    pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors:UserWarning"),
]


def quantizes(test):
    for mark in quantizing:
        test = mark(test)
    return test


@quantizes
@both
def test_int8(tmp_path, ids, variant):
    model = GPT(GPTConfig(**VARIANTS[variant], initializer_range=0.2))
    inputs = {"token_ids": ids}
    before = run(model, inputs)
    model.quantize("int8")
    after = run(model, inputs)
    assert 0 < np.abs(after - before).mean() < 0.1 * np.abs(before).mean()
    tables = 2  # embeddings and positions, or embeddings and the last product
    assert sum(v.dtype == "int8" for v in model.weights) == tables + 2 * 4
    cached = to_numpy(compiled(model, lambda ids: in_chunks(model, ids)[0])(ids))
    np.testing.assert_allclose(cached, after, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(run(loaded, inputs), after, atol=1e-6)
    again = GPT.from_config(loaded.get_config())
    assert [v.dtype for v in again.weights] == [v.dtype for v in model.weights]


@quantizes
def test_int8_of_some_layers(tmp_path, ids):
    model = GPT(GPTConfig(**SMALL, initializer_range=0.2))
    model.quantize("int8", filters="feed_forward|inner|outer")
    quantized = {v.path.split("/")[-2] for v in model.weights if v.dtype == "int8"}
    assert quantized == {"inner", "outer"}
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = {"token_ids": ids}
    np.testing.assert_allclose(run(loaded, inputs), run(model, inputs), atol=1e-6)


@both
def test_lora(tmp_path, ids, variant):
    model = GPT(GPTConfig(**VARIANTS[variant], initializer_range=0.2))
    expected = run(model, {"token_ids": ids})
    enable_lora(model, 3)
    inputs = {"token_ids": ids[:, :-1]}
    np.testing.assert_allclose(run(model, {"token_ids": ids}), expected, atol=1e-6)
    frozen = {v.path: to_numpy(v.value) for v in model.non_trainable_variables}
    compile_and_fit(model, inputs, ids[:, 1:], epochs=3, batch_size=3)
    trained = run(model, {"token_ids": ids})
    assert np.abs(trained - expected).max() > 1e-4
    for variable in model.non_trainable_variables:
        if "seed" not in variable.path:
            np.testing.assert_array_equal(to_numpy(variable.value), frozen[variable.path])
    with pytest.raises(ValueError, match="the model has LoRA .* save zoo.training.merge_lora"):
        model.save_pretrained(tmp_path / "lora")
    merged = merge_lora(model)
    assert not [v.path for v in merged.weights if "lora" in v.path]
    np.testing.assert_allclose(run(merged, {"token_ids": ids}), trained, atol=1e-5)
    assert not list(tmp_path.iterdir())


@quantizes
def test_a_quantized_model_is_not_written_for_other_libraries(tmp_path):
    model = GPT(GPTConfig(**SMALL))
    model.quantize("int8")
    with pytest.raises(ValueError, match="the model is quantized.*save"):
        model.save_pretrained(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
