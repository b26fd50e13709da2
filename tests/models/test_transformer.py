import functools
import math

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import compile_and_fit, randomize, to_numpy
from tests.layers import reference
from zoo.compiled import compiled, shapes_are_dynamic
from zoo.layers import record_attention
from zoo.models import Transformer, TransformerConfig

V = 37
SMALL = {
    "vocab_size": V,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_encoder_layers": 1,
    "num_decoder_layers": 2,
    "num_heads": 7,
    "dropout": 0.1,
}
SHALLOW = {**SMALL, "num_decoder_layers": 1}
MARIAN = {
    "source_vocab_size": 41,
    "decoder_num_heads": 2,
    "decoder_feed_forward_dim": 13,
    "activation": "swish",
    "positions": "half",
    "logits_bias": True,
    "norm_epsilon": 1e-5,
    "pad_id": 36,
    "start_id": 36,
}


@functools.cache
def small(**overrides):
    """A model with random weights in every variable."""
    model = Transformer(TransformerConfig(**{**SMALL, **overrides}))
    return randomize(model, scale=0.4)


@functools.cache
def compiled_forward(model):
    return compiled(
        model, lambda source, target: model({"source_ids": source, "target_ids": target})
    )


def forward(model, source, target):
    ids = np.asarray(source, "int32"), np.asarray(target, "int32")
    return to_numpy(compiled_forward(model)(*ids))


def some_ids(rng, rows, length):
    return rng.integers(4, 36, (rows, length)).astype("int32")


@pytest.fixture
def source(rng):
    """Three rows of 7, 4 and 2 tokens."""
    ids = some_ids(rng, 3, 7)
    ids[1, 4:] = ids[2, 2:] = 0
    return ids


@pytest.fixture
def target(rng):
    ids = some_ids(rng, 3, 5)
    ids[:, 0] = 2
    return ids


# One forward pass.


@pytest.mark.parametrize(
    "overrides", [{}, {"norm_order": "pre"}, {"scale_embedding": False}, MARIAN]
)
def test_logits_equal_the_reference(source, target, overrides):
    model = small(**overrides)
    source = np.where(source == 0, model.config.pad_id, source)
    logits = forward(model, source, target)
    assert logits.shape == (3, 5, V)
    expected = reference.transformer(model, source, target)
    np.testing.assert_allclose(logits, expected, atol=1e-5 * np.abs(expected).max())


def test_the_future_does_not_change_the_past(rng, source, target):
    model = small()
    logits = forward(model, source, target)
    for position in range(1, 5):
        changed = target.copy()
        changed[:, position:] = some_ids(rng, 3, 5 - position)
        perturbed = forward(model, source, changed)
        np.testing.assert_allclose(
            perturbed[:, :position], logits[:, :position], atol=1e-5, rtol=1e-5
        )
        assert np.abs(perturbed[:, position:] - logits[:, position:]).max() > 1e-3


@pytest.mark.parametrize("ids", [{}, {"pad_id": 3, "start_id": 3}])
def test_padding_changes_nothing(source, target, ids):
    model = small(**ids)
    target[:, 0] = model.config.start_id
    padding = np.full((3, 3), model.config.pad_id)
    source = np.where(source == 0, model.config.pad_id, source)
    logits = forward(model, source, target)
    wider = forward(model, np.concatenate([source, padding], axis=1), target)
    np.testing.assert_allclose(wider, logits, atol=1e-5, rtol=1e-5)
    # Also on the left: positions count tokens.
    left = forward(model, np.concatenate([padding, source], axis=1), target)
    np.testing.assert_allclose(left, logits, atol=1e-5, rtol=1e-5)
    longer = np.concatenate([target, padding], axis=1)
    np.testing.assert_allclose(forward(model, source, longer)[:, :5], logits, atol=1e-5, rtol=1e-5)


def test_batch_mates_change_nothing(source, target):
    model = small()
    together = forward(model, source, target)
    for row, length in enumerate((7, 4, 2)):
        alone = forward(model, source[row : row + 1, :length], target[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5, rtol=1e-5)


def test_a_source_of_padding_alone_gives_numbers(target):
    assert np.isfinite(forward(small(), np.zeros((3, 7)), target)).all()


# Over a cache.


def steps_of(model, source, target, lengths, capacity=None):
    """Logits of `decode` in chunks of `lengths`."""

    def run(source, target):
        cache = model.start(source, sum(lengths) if capacity is None else capacity)
        pieces, begin = [], 0
        for length in lengths:
            logits, cache = model.decode(target[:, begin : begin + length], cache)
            pieces.append(logits)
            begin += length
        return ops.concatenate(pieces, axis=1), cache.index

    return to_numpy(compiled(model, run)(source, target))


@pytest.mark.parametrize("overrides", [{}, {**MARIAN, "norm_order": "pre"}])
@pytest.mark.parametrize("lengths", [(1, 1, 3), (3, 1, 1), (5,)])
def test_chunks_over_a_cache_equal_the_plain_forward(source, target, overrides, lengths):
    model = small(**overrides)
    source = np.where(source == 0, model.config.pad_id, source)
    logits, index = steps_of(model, source, target, lengths)
    expected = forward(model, source, target)
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)
    assert index == 5


def test_free_slots_change_nothing(source, target):
    logits, _ = steps_of(small(), source, target, (2, 3), capacity=11)
    np.testing.assert_allclose(logits, forward(small(), source, target), atol=1e-5, rtol=1e-5)


def beams_of(model, source, prompt, beams, parents, later):
    """Two beams that part, swap parents, and go on: the logits of `later`, K tokens each."""

    def run(source, prompt, beams, parents, later):
        cache = model.start(source, 17)
        _, cache = model.decode(prompt, cache)
        _, cache = model.decode(beams, cache.expand(2))
        logits, _ = model.decode(later, cache.reorder(parents))
        return logits

    return to_numpy(compiled(model, run)(source, prompt, beams, parents, later))


@pytest.mark.parametrize("length", [1, 2])
def test_beams_equal_plain_forwards_of_each_hypothesis(rng, source, length):
    model = small()
    prompt = np.concatenate([np.full((3, 1), 2), some_ids(rng, 3, 2)], axis=1).astype("int32")
    first, later = some_ids(rng, 3, 2), some_ids(rng, 3, 2 * length)
    parents = np.array([[1, 0], [1, 1], [0, 0]], "int32")
    logits = beams_of(model, source, prompt, first, parents, later)
    for k in range(2):
        chosen = np.take_along_axis(first, parents[:, k : k + 1], axis=1)
        own = slice(k * length, (k + 1) * length)
        whole = np.concatenate([prompt, chosen, later[:, own]], axis=1)
        expected = forward(model, source, whole)[:, -length:]
        np.testing.assert_allclose(logits[:, own], expected, atol=1e-5, rtol=1e-5)


def test_steps_may_be_taken_back(rng, source, target):
    model = small()

    def run(source, target, wrong):
        cache = model.start(source, 5)
        _, cache = model.decode(target[:, :2], cache)
        _, cache = model.decode(wrong, cache)
        logits, _ = model.decode(target[:, 2:], cache.truncate(3))
        return logits

    logits = to_numpy(compiled(model, run)(source, target, some_ids(rng, 3, 3)))
    expected = forward(model, source, target)[:, 2:]
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)


def test_rows_may_leave_the_batch(source, target):
    model = small()

    def run(source, target, rows):
        cache = model.start(source, 5)
        _, cache = model.decode(target[:, :2], cache)
        logits, _ = model.decode(ops.take(target, rows, axis=0)[:, 2:], cache.take_rows(rows))
        return logits

    rows = np.array([2, 0], "int32")
    logits = to_numpy(compiled(model, run)(source, target, rows))
    expected = forward(model, source, target)[rows][:, 2:]
    np.testing.assert_allclose(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not shapes_are_dynamic(), reason="caches are compacted where shapes may change")
def test_a_compacted_cache_goes_on(rng, source):
    model = small()
    prompt = np.concatenate([np.full((3, 1), 2), some_ids(rng, 3, 2)], axis=1).astype("int32")
    first, then, last = (some_ids(rng, 3, 2) for _ in range(3))
    parents, rows = np.array([[1, 1], [1, 0], [0, 0]], "int32"), np.array([2, 0], "int32")

    def run(source, prompt, first, then, last, parents, rows):
        cache = model.start(source, 29)
        _, cache = model.decode(prompt, cache)
        _, cache = model.decode(first, cache.expand(2))
        cache = cache.reorder(parents).compact(rows)
        slots = ops.shape(cache.beam["visible"])[-1]
        logits, cache = model.decode(ops.take(then, rows, axis=0), cache)
        more, _ = model.decode(ops.take(last, rows, axis=0), cache)
        return ops.stack([logits, more], axis=2), ops.convert_to_tensor(slots)

    logits, slots = to_numpy(compiled(model, run)(source, prompt, first, then, last, parents, rows))
    assert slots == 4  # the prompt and one of the two beams, in both rows
    for k in range(2):
        chosen = np.take_along_axis(first, parents[:, k : k + 1], axis=1)
        whole = np.concatenate([prompt, chosen, then[:, k : k + 1], last[:, k : k + 1]], axis=1)
        expected = forward(model, source, whole)[rows][:, -2:]
        np.testing.assert_allclose(logits[:, k], expected, atol=1e-5, rtol=1e-5)


# Sizes.


def paper_parameters(vocab_size, hidden, inner, num_layers=6):
    """Weights of table 3's models: kernels and biases of all products, norms, one table."""
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * inner + hidden + inner
    encoder = attention + feed_forward + 2 * 2 * hidden
    decoder = 2 * attention + feed_forward + 3 * 2 * hidden
    return vocab_size * hidden + num_layers * (encoder + decoder)


def test_the_formula_gives_the_papers_counts():
    # Table 3: 65 and 213 million, "vocabulary of about 37000 tokens" (5.1).
    assert paper_parameters(37000, 512, 2048) / 1e6 == pytest.approx(63.1, abs=0.1)
    assert paper_parameters(37000, 1024, 4096) / 1e6 == pytest.approx(214.2, abs=0.1)


@pytest.mark.parametrize(
    ("size", "hidden", "inner", "num_layers", "heads"),
    [
        ("tiny", 128, 256, 4, 4),
        ("small", 256, 1024, 6, 4),
        ("base", 512, 2048, 6, 8),
        ("big", 1024, 4096, 6, 16),
    ],
)
def test_sizes(size, hidden, inner, num_layers, heads):
    # Variables without values: "big" would fill 850 MB.
    with keras.StatelessScope(initialize_variables=False):
        model = Transformer.from_size(size, vocab_size=V, name="translator")
        count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    assert count == paper_parameters(V, hidden, inner, num_layers)
    assert model.config.num_heads == heads
    assert model.name == "translator"


def test_overrides_and_unknown_sizes():
    model = Transformer.from_size("tiny", **{**SMALL, "dropout": 0.2}, norm_order="pre")
    assert (model.config.hidden_dim, model.config.dropout) == (14, 0.2)
    assert model.config.norm_order == "pre"
    with pytest.raises(ValueError, match=r"size must be one of \('tiny', .*; got 'huge'"):
        Transformer.from_size("huge", vocab_size=V)
    with pytest.raises(ValueError, match="num_heads must divide hidden_dim = 128; got 3"):
        Transformer.from_size("tiny", vocab_size=V, num_heads=3)
    with pytest.raises(ValueError, match="hidden_dim must be even"):
        Transformer.from_size("tiny", **{**SMALL, "hidden_dim": 7})


# What Keras does with models.


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


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_ids": None}, r"keys \('source_ids', 'target_ids'\); got \('target_ids',\)"),
        ({"source_ids": np.full((3, 4), 37)}, "source_ids must be ids .* below 37; got 37"),
        ({"source_ids": np.full((3, 4), -1)}, "source_ids must be ids .* at least 0 .*; got -1"),
        ({"target_ids": np.full((3, 4), 400)}, "target_ids must be ids .* below 37; got 400"),
        ({"source_ids": np.ones((3, 4))}, r"source_ids must be whole numbers .* got float32"),
        ({"target_ids": np.ones((3, 4, 1), "int32")}, r"target_ids .*got int32 of .*\(3, 4, 1\)"),
    ],
)
def test_bad_inputs(source, target, change, message):
    inputs = {"source_ids": source, "target_ids": target, **change}
    with pytest.raises(ValueError, match=message):
        small()({name: ids for name, ids in inputs.items() if ids is not None})


def test_inputs_that_are_no_dict(source):
    with pytest.raises(ValueError, match="inputs must be a dict with the keys"):
        small()(source)


def test_the_source_has_a_vocabulary_of_its_own(target):
    model = small(**MARIAN)
    model({"source_ids": np.full((1, 2), 40), "target_ids": target[:1]})
    with pytest.raises(ValueError, match="source_ids must be ids .* below 41; got 41"):
        model({"source_ids": np.full((1, 2), 41), "target_ids": target[:1]})
    with pytest.raises(ValueError, match="target_ids must be ids .* below 37; got 40"):
        model({"source_ids": np.full((1, 2), 40), "target_ids": np.full((1, 2), 40)})


def test_more_tokens_than_slots(source, target):
    model = small()
    _, cache = model.decode(target[:, :2], model.start(source, 4))
    with pytest.raises(ValueError, match="4 slots, of which 2 are free; got 3 tokens"):
        model.decode(target[:, 2:], cache)
    with pytest.raises(ValueError, match="K = 2 hypotheses of the cache; got 3"):
        model.decode(target[:, 2:], cache.expand(2))
    _, used = model.decode(target, model.start(source, 0))
    with pytest.raises(ValueError, match="capacity=0"):
        model.decode(target, used)
