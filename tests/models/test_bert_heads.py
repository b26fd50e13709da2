import keras
import numpy as np
import pytest

from tests.backends import randomize, to_numpy
from zoo.compiled import compiled, on_tensorflow
from zoo.models import BERTClassifier, BERTPretrainer, BERTSpanSelector, BERTTagger

V = 37
SMALL = {
    "vocab_size": V,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_layers": 1,
    "num_heads": 7,
    "num_positions": 13,
}
HEADS = {
    BERTClassifier: {"num_labels": 5},
    BERTTagger: {"num_labels": 5},
    BERTSpanSelector: {},
    BERTPretrainer: {},
}
NAMES = [head.__name__ for head in HEADS]


def made(head, **overrides):
    return head.from_size("tiny", **{**SMALL, **HEADS[head], **overrides})


def random_head(head, **overrides):
    return randomize(made(head, **overrides), scale=0.4)


@pytest.fixture
def inputs(rng):
    """Four rows of 7, 5, 4 and 2 tokens, in segments."""
    ids = rng.integers(4, V, (4, 7)).astype("int32")
    for row, length in enumerate((7, 5, 4, 2)):
        ids[row, length:] = 0
    segments = np.where((np.arange(7) > 2) & (ids != 0), 1, 0).astype("int32")
    return {"token_ids": ids, "segment_ids": segments, "padding_mask": ids != 0}


def targets(rng, head):
    """Labels and weights of the usual training, by output."""
    labels = {
        BERTClassifier: rng.integers(0, 5, 4),
        BERTTagger: rng.integers(0, 5, (4, 7)),
        BERTSpanSelector: {"start_logits": np.zeros(4, "int32"), "end_logits": np.ones(4, "int32")},
        BERTPretrainer: {"mlm_logits": rng.integers(4, V, (4, 3)), "nsp_logits": np.arange(4) % 2},
    }[head]
    return keras.tree.map_structure(lambda array: array.astype("int32"), labels)


def compile_head(model, labels, learning_rate=1e-3):
    model.compile(
        keras.optimizers.Adam(learning_rate),
        keras.tree.map_structure(
            lambda _: keras.losses.SparseCategoricalCrossentropy(from_logits=True), labels
        ),
        jit_compile=False if on_tensorflow() else "auto",
    )


def with_positions(inputs, head):
    if head is not BERTPretrainer:
        return inputs
    return {**inputs, "mask_positions": np.array([[6, 1, 2], [4, 1, 0], [3, 0, 0], [1, 0, 0]])}


# What each head computes; equal to the transformers library in tests/checkpoints.


def test_shapes(inputs):
    assert made(BERTClassifier)(inputs).shape == (4, 5)
    assert made(BERTClassifier, num_labels=1)(inputs).shape == (4, 1)
    assert made(BERTTagger)(inputs).shape == (4, 7, 5)
    spans = made(BERTSpanSelector)(inputs)
    assert {name: tuple(x.shape) for name, x in spans.items()} == {
        "start_logits": (4, 7),
        "end_logits": (4, 7),
    }
    model = made(BERTPretrainer)
    everywhere = model(inputs)
    assert {name: tuple(x.shape) for name, x in everywhere.items()} == {
        "mlm_logits": (4, 7, V),
        "nsp_logits": (4, 2),
    }
    some = model(with_positions(inputs, BERTPretrainer))
    assert tuple(some["mlm_logits"].shape) == (4, 3, V)


@pytest.mark.parametrize(
    ("head", "name"),
    [(BERTClassifier, "classifier"), (BERTTagger, "classifier"), (BERTSpanSelector, "span")],
)
def test_a_fine_tuned_head_starts_wide(head, name):
    model = made(head, hidden_dim=700, num_heads=7, initializer_range=0.001)
    kernel = to_numpy(getattr(model, name).kernel.value)
    limit = np.sqrt(6 / sum(kernel.shape))
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.1)
    body = to_numpy(model.token_embedding.table.embeddings.value)
    assert np.abs(body).max() <= 0.00201  # two standard deviations


def test_masked_positions_are_those_of_the_whole(inputs):
    model = random_head(BERTPretrainer)
    whole = to_numpy(model(inputs))
    given = with_positions(inputs, BERTPretrainer)
    some = to_numpy(model(given))
    expected = np.take_along_axis(
        whole["mlm_logits"], given["mask_positions"][..., None].astype("int64"), axis=1
    )
    np.testing.assert_allclose(some["mlm_logits"], expected, atol=1e-4, rtol=1e-5)
    np.testing.assert_allclose(some["nsp_logits"], whole["nsp_logits"], atol=1e-5, rtol=1e-5)


def test_the_vocabulary_is_tied(inputs):
    model = random_head(BERTPretrainer)
    before = to_numpy(model(inputs)["mlm_logits"])
    table = model.token_embedding.table.embeddings
    changed = np.array(to_numpy(table.value))
    unused = next(i for i in range(V) if i not in inputs["token_ids"])
    changed[unused] *= 2
    table.assign(changed)
    after = to_numpy(model(inputs)["mlm_logits"])
    bias = to_numpy(model.token_embedding.bias.value)[unused]
    np.testing.assert_allclose(
        after[..., unused] - bias, 2 * (before[..., unused] - bias), atol=1e-4
    )
    others = [i for i in range(V) if i != unused]
    np.testing.assert_allclose(after[..., others], before[..., others], atol=1e-5)
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    assert sorted(shape for shape in shapes if V in shape) == [(V,), (V, 14)]


def test_padding_is_no_answer(inputs):
    logits = to_numpy(random_head(BERTSpanSelector)(inputs))
    real = inputs["padding_mask"]
    for each in logits.values():
        assert (each[~real] == -30000).all()
        assert (np.abs(each[real]) < 1000).all()


@pytest.mark.parametrize("head", HEADS, ids=NAMES)
def test_batch_mates_and_padding_change_nothing(inputs, head):
    model, inputs = random_head(head), with_positions(inputs, head)

    def forward(inputs):
        run = compiled(model, lambda *arrays: model(dict(zip(inputs, arrays, strict=True))))
        return keras.tree.flatten(to_numpy(run(*inputs.values())))

    together = forward(inputs)
    row, length = 2, 4
    own = {name: array[row : row + 1, :length] for name, array in inputs.items()}
    for given, expected in zip(together, forward(own), strict=True):
        given = given[row : row + 1]
        if head in (BERTTagger, BERTSpanSelector):
            given = given[:, :length]
        np.testing.assert_allclose(given, expected, atol=1e-4, rtol=1e-5)


# Training.


@pytest.mark.parametrize(
    ("head", "dtype"),
    [
        *((head, "float32") for head in HEADS),
        (BERTPretrainer, "mixed_float16"),
        (BERTPretrainer, "mixed_bfloat16"),
        (BERTSpanSelector, "mixed_float16"),
    ],
)
def test_fit_in_every_precision(rng, inputs, head, dtype):
    model = made(head, dtype=dtype)
    labels = targets(rng, head)
    compile_head(model, labels)
    given = with_positions(inputs, head)
    before = [to_numpy(v.value) for v in model.trainable_variables]
    # float16 leaves out updates until its loss scale is small enough.
    epochs = 6 if dtype == "mixed_float16" else 2
    history = model.fit(given, labels, epochs=epochs, batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for variable, old in zip(model.trainable_variables, before, strict=True):
        new = to_numpy(variable.value)
        assert np.isfinite(new).all()
        if "query_key_value/bias" not in variable.path:  # keys' biases have no effect
            assert np.abs(new - old).max() > 0, variable.path
    for output in keras.tree.flatten(model(given)):
        assert keras.backend.standardize_dtype(output.dtype) == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("head", HEADS, ids=NAMES)
def test_half_precision_gives_numbers(inputs, head, dtype):
    for output in keras.tree.flatten(made(head, dtype=dtype)(with_positions(inputs, head))):
        assert np.isfinite(to_numpy(keras.ops.cast(output, "float32"))).all()


@pytest.mark.parametrize(("num_labels", "loss"), [(3, "binary_crossentropy"), (1, "mse")])
def test_other_losses(rng, inputs, num_labels, loss):
    """Labels that hold or not, and a number: the loss decides."""
    model = made(BERTClassifier, num_labels=num_labels)
    if loss == "binary_crossentropy":
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False if on_tensorflow() else "auto")
    labels = rng.integers(0, 2, (4, num_labels)).astype("float32")
    assert np.isfinite(model.train_on_batch(inputs, labels))


def test_a_classifier_learns(rng, inputs):
    model = made(BERTClassifier, num_labels=2, dropout=0.0, attention_dropout=0.0)
    labels = np.array([0, 1, 1, 0], "int32")
    compile_head(model, labels, learning_rate=0.01)
    losses = model.fit(inputs, labels, epochs=12, batch_size=4, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


def losses(step, inputs, labels):
    return [float(np.ravel(step(inputs, labels))[0]) for _ in range(3)]


@pytest.mark.parametrize("head", HEADS, ids=NAMES)
def test_dropout_works_in_training_alone(rng, inputs, head):
    model = made(head, dropout=0.5)
    labels = targets(rng, head)
    compile_head(model, labels, learning_rate=0.0)
    given = with_positions(inputs, head)
    assert len(set(losses(model.train_on_batch, given, labels))) == 3
    assert len(set(losses(model.test_on_batch, given, labels))) == 1


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch draws without Keras' seeds")
def test_every_dropout_draws(rng, inputs):
    model = made(BERTClassifier, dropout=0.5, attention_dropout=0.5)
    labels = targets(rng, BERTClassifier)
    compile_head(model, labels, learning_rate=0.0)
    before = [to_numpy(variable.value) for variable in model.non_trainable_variables]
    model.train_on_batch(inputs, labels)
    after = [to_numpy(variable.value) for variable in model.non_trainable_variables]
    # embeddings, attention weights, two sublayers, classifier; that of the feed-forward has rate 0
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == 5


def test_the_classifier_has_a_dropout_of_its_own():
    assert made(BERTClassifier).classifier_dropout.rate == 0.1
    assert made(BERTTagger, classifier_dropout=0.0).classifier_dropout.rate == 0.0


# What Keras does with models.


@pytest.mark.parametrize("head", HEADS, ids=NAMES)
def test_keras_files_round_trip(tmp_path, inputs, head):
    model = random_head(head)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is head
    assert (loaded.config, loaded.name) == (model.config, model.name)
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    given, expected = (keras.tree.flatten(to_numpy(m(inputs))) for m in (loaded, model))
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    again = head.from_config(model.get_config())
    assert again.get_config() == model.get_config()


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
@pytest.mark.usefixtures("quick_collection")
@pytest.mark.filterwarnings("ignore:The use of `x.T` on tensors:UserWarning")
@pytest.mark.parametrize(
    ("head", "count"),
    # Four products of the block, three tables, and the products of the head.
    [
        (BERTClassifier, 4 + 3 + 2),
        (BERTTagger, 4 + 3 + 1),
        (BERTSpanSelector, 4 + 3 + 1),
        (BERTPretrainer, 4 + 3 + 3),
    ],
)
def test_quantize(inputs, head, count):
    model = made(head)
    before = keras.tree.flatten(to_numpy(model(inputs)))
    model.quantize("int8")
    after = keras.tree.flatten(to_numpy(model(inputs)))
    for one, other in zip(after, before, strict=True):
        real = np.abs(other) < 1000
        assert 0 < np.abs(one - other)[real].mean() < 0.1 * np.abs(other)[real].mean()
    assert sum(v.dtype == "int8" for v in model.weights) == count


@pytest.mark.parametrize("head", HEADS, ids=NAMES)
def test_lora_on_the_products(inputs, head):
    model = made(head)
    before = keras.tree.flatten(to_numpy(model(inputs)))
    block = model.encoder.blocks[0]
    for dense in (block.self_attention.query_key_value, block.feed_forward.outer):
        dense.enable_lora(2)
    after = keras.tree.flatten(to_numpy(model(inputs)))
    for one, other in zip(after, before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert sum("lora" in v.name for v in model.trainable_variables) == 2 * 2


# Bad input.


@pytest.mark.parametrize("num_labels", [0, 2.0, "many"])
def test_bad_numbers_of_labels(num_labels):
    with pytest.raises(ValueError, match="num_labels must be a positive whole number"):
        made(BERTClassifier, num_labels=num_labels)


def test_columns_that_are_not_there(inputs):
    model = made(BERTPretrainer)
    for positions in (np.full((4, 2), 7), np.full((4, 2), -1)):
        with pytest.raises(ValueError, match="mask_positions must be columns .* below 7; got"):
            model({**inputs, "mask_positions": positions})
    with pytest.raises(ValueError, match="mask_positions must be whole numbers"):
        model({**inputs, "mask_positions": np.zeros((4, 2))})
    with pytest.raises(ValueError, match="mask_positions must have 4 rows, as token_ids; got 1"):
        model({**inputs, "mask_positions": np.zeros((1, 2), "int32")})
    with pytest.raises(ValueError, match="may have the keys .*; got .'mask_positions'. besides"):
        made(BERTClassifier)({**inputs, "mask_positions": np.zeros((4, 2), "int32")})
