import keras
import numpy as np
import pytest

from zoo.text import (
    EncodedRows,
    EqualRows,
    EvaluationRowBatches,
    IdArrays,
    PackedTexts,
    RowBatches,
    RowLabels,
    SpanLabels,
    SpecialIds,
    TokenBudget,
    TokenLabels,
    to_tf_data,
)

CLS, SEP, PAD, VOCABULARY = 1, 2, 3, 1013


def rows_of(n, longest=17, seed=5):
    """n rows, a third of them pairs; the second id of row i is 10 + i."""
    dice = np.random.Generator(np.random.PCG64(seed))
    rows, second = [], []
    for i in range(n):
        row = [CLS, 10 + i, *dice.integers(4, 9, dice.integers(0, longest - 2)), SEP]
        second.append(len(row))
        if i % 3 == 0:
            row += [*dice.integers(4, 9, dice.integers(1, 4)), SEP]
        rows.append(row)
    return EncodedRows(IdArrays.from_rows(rows, VOCABULARY, "x"), np.array(second), PAD)


def numbers(batch):
    """Which rows stand in a batch and count."""
    inputs, _, weight = batch
    counts = weight.reshape(len(weight), -1).any(axis=1)
    return (inputs["token_ids"][counts, 1] - 10).tolist()


def classes(n, weights=None):
    return RowLabels(np.arange(n) % 5, weights)


BATCHINGS = [EqualRows(7, num_shapes=5, pool=4), TokenBudget(101, num_shapes=5)]


def test_inputs_by_hand():
    ids = IdArrays.from_rows([[CLS, 5, SEP], [CLS, 6, SEP, 7, 8, SEP], [CLS, SEP]], 11, "x")
    inputs = EncodedRows(ids, np.array([3, 3, 2]), PAD).batch(np.array([1, 0]), 7)
    assert inputs["token_ids"].tolist() == [[1, 6, 2, 7, 8, 2, 3], [1, 5, 2, 3, 3, 3, 3]]
    assert inputs["segment_ids"].tolist() == [[0, 0, 0, 1, 1, 1, 0], [0] * 7]
    assert inputs["padding_mask"].tolist() == [[True] * 6 + [False], [True] * 3 + [False] * 4]
    assert {name: array.dtype.name for name, array in inputs.items()} == {
        "token_ids": "int32",
        "segment_ids": "int32",
        "padding_mask": "bool",
    }


class Tokenizer:
    vocabulary_size, fingerprint = 11, "x"
    special_ids = SpecialIds(pad=PAD, unk=4, start=CLS, end=SEP)


def test_from_packed_gives_back_what_was_packed():
    def packed(width, *rows):
        ids = np.full((len(rows), width), PAD, "int32")
        segments, mask = np.zeros_like(ids), np.zeros(ids.shape, bool)
        for i, (row, second) in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, True
            segments[i, second : len(row)] = 1
        return PackedTexts(ids, segments, mask, None, None)

    parts = [
        packed(7, ([CLS, 5, SEP], 3), ([CLS, 6, SEP, 7, SEP], 3)),
        packed(3, ([CLS, SEP], 2)),
    ]
    rows = EncodedRows.from_packed(parts, Tokenizer)
    assert [row.tolist() for row in rows.ids] == [[1, 5, 2], [1, 6, 2, 7, 2], [1, 2]]
    assert rows.second_starts.tolist() == [3, 3, 2]
    assert rows.ids.fingerprint == "x"
    for name, array in rows.batch(np.arange(2), 7).items():
        np.testing.assert_array_equal(array, getattr(parts[0], name))
    with pytest.raises(ValueError, match="packed holds no rows"):
        EncodedRows.from_packed([], Tokenizer)


def test_row_labels_by_hand():
    members = np.array([2, 0])
    labels, weight = RowLabels([4, 5, 6], [0.5, 1, 2]).batch(members, 9)
    assert labels.tolist() == [6, 4]
    assert weight.tolist() == [2.0, 0.5]
    assert (labels.dtype, weight.dtype) == ("int32", "float32")
    labels, weight = RowLabels(np.array([[0.0, 1], [1, 1], [1, 0]])).batch(members, 9)
    assert labels.tolist() == [[1, 0], [0, 1]]
    assert weight.tolist() == [1, 1]
    assert labels.dtype == "float32"
    labels, _ = SpanLabels([1, 0, 3], [2, 0, 3]).batch(members, 9)
    assert {name: column.tolist() for name, column in labels.items()} == {
        "start_logits": [3, 1],
        "end_logits": [3, 2],
    }


def test_token_labels_by_hand():
    labels = TokenLabels([[-1, 3, 0, -1], [-1, -1], [-1, 2, -1]])
    found, weight = labels.batch(np.array([2, 0, 1]), 5)
    assert found.tolist() == [[0, 2, 0, 0, 0], [0, 3, 0, 0, 0], [0] * 5]
    assert weight.tolist() == [[0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0] * 5]
    assert labels.weight(np.array([2, 0, 1])) == 3
    words = [[3, 7, 0], [2]], np.array([[1, -1, 2], [1, -1, -1]]), [4, 3]
    of_words = TokenLabels.of_words(*words)
    found, weight = of_words.batch(np.array([0, 1]), 4)
    assert found.tolist() == [[0, 3, 0, 0], [0, 2, 0, 0]]
    assert weight.tolist() == [[0, 1, 1, 0], [0, 1, 0, 0]]
    weighted = TokenLabels.of_words(*words, [0.5, 1, 3, 2, 0, 0, 0, 9])
    assert weighted.batch(np.array([0, 1]), 4)[1].tolist() == [[0, 2, 0.5, 0], [0, 3, 0, 0]]
    assert weighted.weight(np.array([0, 1])) == 5.5
    assert weighted.weight(np.array([1])) == 3


@pytest.mark.parametrize("batching", BATCHINGS)
def test_order_is_a_function_of_seed_epoch_step(batching):
    rows, labels = rows_of(211), classes(211)
    batches = RowBatches(rows, labels, batching, seed=3)
    steps = batches.steps_per_epoch
    stream = [numbers(batches[index]) for index in range(3 * steps)]
    again = RowBatches(rows, labels, batching, seed=3)
    again.first_epoch = 2  # a training that goes on
    for step in reversed(range(steps)):
        assert numbers(again[step]) == stream[2 * steps + step]
    epochs = [stream[start : start + steps] for start in range(0, 3 * steps, steps)]
    assert epochs[0] != epochs[1] != epochs[2]
    other = RowBatches(rows, labels, batching, seed=4)
    assert [numbers(other[step]) for step in range(steps)] != epochs[0]


@pytest.mark.parametrize("n", [1, 2, 6, 7, 8, 97, 211])
@pytest.mark.parametrize("accumulate", [None, 3])
def test_equal_rows_takes_each_row_once_an_epoch(n, accumulate):
    batches = RowBatches(rows_of(n), classes(n), EqualRows(7), seed=1, accumulate=accumulate)
    assert batches.steps_per_epoch % (accumulate or 1) == 0
    for epoch in (0, 5):
        found = [numbers(batches.batch(epoch, s)) for s in range(batches.steps_per_epoch)]
        assert sorted(sum(found, [])) == list(range(n))
        assert max(map(len, found)) - min(map(len, found)) <= 1
        assert max(map(len, found)) <= 7
    rows = {len(batches[step][2]) for step in range(batches.steps_per_epoch)}
    assert rows == {max(map(len, found))}  # one number of rows; those that fill up weigh nothing


def test_equal_rows_of_about_one_length_in_few_widths():
    rows = rows_of(997, longest=61)
    batches = RowBatches(rows, classes(997), EqualRows(3, num_shapes=5), seed=1)
    widths = [batches[s][0]["token_ids"].shape[1] for s in range(3 * batches.steps_per_epoch)]
    assert len(set(widths)) == 5
    one_width = RowBatches(rows, classes(997), EqualRows(3, num_shapes=1), seed=1)
    assert batches.padding < 0.2 < 0.45 < one_width.padding
    ids, width = rows.lengths.sum(), sum(batches[s][0]["token_ids"].size for s in range(333))
    assert batches.padding == pytest.approx(1 - ids / width)


def test_rows_of_about_one_length_are_spread_over_the_epoch():
    """Or a batch would say nothing of the rest: a small set was fine-tuned badly that way."""
    rows = rows_of(997, longest=61)
    batches = RowBatches(rows, classes(997), EqualRows(7), seed=1)
    long = set(np.argsort(rows.lengths)[-98:].tolist())  # 14 batches of 7 if they kept together
    for epoch in range(2):
        found = (set(numbers(batches.batch(epoch, s))) for s in range(batches.steps_per_epoch))
        assert sum(bool(members & long) for members in found) >= 20


def test_batches_are_mixed_anew_in_every_epoch():
    """Also of a small set: how many of a row's mates meet it again in the next epoch."""
    rows = rows_of(151)
    batches = RowBatches(rows, classes(151), EqualRows(7), seed=1)
    again = 0
    for epoch in range(5):
        mates = [{}, {}]
        for number in range(2):
            for step in range(batches.steps_per_epoch):
                found = numbers(batches.batch(epoch + number, step))
                mates[number] |= {row: set(found) - {row} for row in found}
        again += np.mean([len(mates[0][row] & mates[1][row]) for row in range(151)]) / 5
    assert again < 1.0  # of 6 mates; sorting all rows together would give about 2.5


def test_budget():
    batches = RowBatches(rows_of(499), classes(499), TokenBudget(199, num_shapes=5), seed=1)
    steps = range(3 * batches.steps_per_epoch)
    shapes = {batches[step][0]["token_ids"].shape for step in steps}
    assert len(shapes) == 5
    assert all(150 < rows * width <= 199 for rows, width in shapes)
    seen = np.bincount(sum([numbers(batches[step]) for step in steps], []), minlength=499)
    assert seen.max() <= 4
    assert (seen == 3).mean() > 0.8
    with pytest.raises(ValueError, match=r"row \d+ has 21 ids, more than max_tokens=19: raise"):
        RowBatches(rows_of(499), classes(499), TokenBudget(19))


@pytest.mark.parametrize("n", [29, 211])
@pytest.mark.parametrize("seed", range(7))
def test_first_two_batches_differ_in_width(n, seed):
    """Keras' TensorFlow trainer takes for constant what the first two batches share."""
    rows, labels = rows_of(n), classes(n)
    many = [RowBatches(rows, labels, batching, seed=seed) for batching in BATCHINGS]
    for batches in (*many, EvaluationRowBatches(rows, labels, max_tokens=101)):
        epochs = [0, 3] if batches.num_batches is None else [None]
        for epoch in epochs:
            if epoch is not None:
                batches.first_epoch = epoch
            widths = [batches[step][0]["token_ids"].shape[1] for step in range(2)]
            assert widths[0] != widths[1]


@pytest.mark.parametrize("batching", BATCHINGS)
@pytest.mark.parametrize("kind", ["rows", "tokens"])
def test_accumulated_weights(batching, kind):
    rows = rows_of(211)
    if kind == "rows":
        labels = classes(211, np.linspace(0.1, 2.0, 211))
    else:
        labels = TokenLabels([[-1] + [0] * (length - 2) + [-1] for length in rows.lengths])
    batches = RowBatches(rows, labels, batching, seed=2, accumulate=3)
    plain = RowBatches(rows, labels, batching, seed=2)
    plain.steps_per_epoch = batches.steps_per_epoch
    for epoch in (0, 4):
        for first in (0, 3):
            steps = range(first, first + 3)
            weights = [batches.batch(epoch, step)[2] for step in steps]
            assert sum(weight.sum() for weight in weights) == pytest.approx(3)
            found = [numbers(batches.batch(epoch, step)) for step in steps]
            total = labels.weight(np.array(sum(found, [])))
            for step, weight, members in zip(steps, weights, found, strict=True):
                width = batches.batch(epoch, step)[0]["token_ids"].shape[1]
                own = labels.batch(np.array(members), width)[1]
                np.testing.assert_allclose(weight[: len(members)], own * 3 / total, rtol=1e-5)


@pytest.mark.parametrize("max_tokens", [61, 4096])
def test_evaluation_sees_every_row_once_and_puts_outputs_in_order(max_tokens):
    rows = rows_of(97)
    batches = EvaluationRowBatches(rows, classes(97), max_tokens=max_tokens, num_shapes=5)
    seen = sum([numbers(batch) for batch in batches], [])
    assert sorted(seen) == list(range(97))
    assert len({batch[0]["token_ids"].shape for batch in batches}) <= 5
    for batch in batches:
        assert batch[0]["token_ids"].size <= max_tokens
        counts = batch[2] > 0
        np.testing.assert_array_equal(batch[1][counts], np.array(numbers(batch)) % 5)
    outputs = batches.outputs(
        lambda inputs: {"ids": inputs["token_ids"], "n": inputs["token_ids"][:, 1]}
    )
    assert [int(output["n"]) - 10 for output in outputs] == list(range(97))
    for output, row in zip(outputs, rows.ids, strict=True):
        np.testing.assert_array_equal(output["ids"][: len(row)], row)


@keras.saving.register_keras_serializable("zoo_tests")
class Heads(keras.Model):
    """Logits of rows, or of columns."""

    def __init__(self, span):
        super().__init__()
        self.table = keras.layers.Embedding(VOCABULARY, 5)
        self.span = span

    def call(self, inputs):
        x = (
            self.table(inputs["token_ids"])
            * keras.ops.cast(inputs["padding_mask"], "float32")[..., None]
        )
        if self.span:
            return {"start_logits": x[..., 0], "end_logits": x[..., 1]}
        return keras.ops.sum(x, axis=1)


@pytest.mark.parametrize("span", [False, True])
def test_accumulation_equals_one_big_batch(span):
    """With class weights, and with a label for each of two outputs."""
    n, k = 23, 4
    weights = np.linspace(0.5, 2.0, n)
    rows = rows_of(n)
    columns = np.arange(n) % 3
    labels = SpanLabels(columns, columns, weights) if span else classes(n, weights)
    models = [Heads(span), Heads(span)]
    for model in models:
        model(rows.batch(np.arange(2), 3))
        model.set_weights(models[0].get_weights())
    before = models[0].get_weights()[0].copy()
    for model, accumulate in zip(models, (None, k), strict=True):
        batching = EqualRows(n if accumulate is None else 6, num_shapes=3)
        batches = RowBatches(rows, labels, batching, accumulate=accumulate)
        reduction = "mean_with_sample_weight" if accumulate is None else "sum"
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
        model.compile(
            keras.optimizers.SGD(1.0, gradient_accumulation_steps=accumulate),
            {"start_logits": loss, "end_logits": loss} if span else loss,
        )
        steps = batches.steps_per_epoch
        assert steps == (1 if accumulate is None else k)
        model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
    if not span:  # of a span the padded columns take part in the softmax of this model
        whole, parts = (model.get_weights()[0] for model in models)
        assert np.abs(whole - before).max() > 0.01
        np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_fit_and_evaluate_in_all_widths():
    rows = rows_of(97)
    labels = classes(97, np.arange(97) % 2)
    model = Heads(False)
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=["accuracy"],
    )
    batches = RowBatches(rows, labels, EqualRows(7, num_shapes=5, pool=3))
    model.fit(batches, steps_per_epoch=batches.steps_per_epoch, epochs=2, shuffle=False, verbose=0)
    evaluation = EvaluationRowBatches(rows, labels, max_tokens=101)
    accuracy = model.evaluate(evaluation, verbose=0, return_dict=True)["accuracy"]
    logits = np.stack(evaluation.outputs(model.predict_on_batch))
    hits = (logits.argmax(axis=1) == np.arange(97) % 5)[1::2]
    assert accuracy == pytest.approx(hits.mean(), abs=1e-6)


def test_bad_arguments():
    rows = rows_of(7)
    with pytest.raises(ValueError, match="values must be one a row, 7; got 5"):
        RowBatches(rows, classes(5), EqualRows())
    with pytest.raises(
        ValueError, match=r"values must be integer classes .* got float64 of shape \(3,\)"
    ):
        RowLabels([0.5, 1.5, 2.5])
    with pytest.raises(ValueError, match="weights must be 3 numbers, each at least 0"):
        RowLabels([1, 2, 3], [1, -1, 1])
    with pytest.raises(ValueError, match="row 1 has no span: 3 to 2"):
        SpanLabels([1, 3], [1, 2])
    with pytest.raises(ValueError, match="the span of row 0 ends at 99 of"):
        RowBatches(rows, SpanLabels([1] * 7, [99] * 7), EqualRows())
    with pytest.raises(ValueError, match=r"row 0 has \d+ tokens and 2 labels"):
        RowBatches(rows, TokenLabels([[0, 0]] * 7), EqualRows())
    with pytest.raises(ValueError, match="labels are -1 everywhere"):
        TokenLabels([[-1, -1]])
    with pytest.raises(ValueError, match="class_weights must be one a class, at least 3; got 2"):
        TokenLabels([[0, 2]], [1, 1])
    with pytest.raises(ValueError, match="weights must be 2 numbers, each at least 0"):
        TokenLabels([[0, 1]], [1, -1])
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        RowBatches(rows, classes(7), EqualRows(0))
    with pytest.raises(ValueError, match="seed must be an integer >= 0, got -1"):
        RowBatches(rows, classes(7), EqualRows(), seed=-1)
    with pytest.raises(ValueError, match=r"second_starts\[0\] must be at most 2"):
        EncodedRows(IdArrays.from_rows([[CLS, SEP]], 11, "x"), np.array([3]), PAD)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an adapter to TensorFlow")
def test_tf_data():
    batches = RowBatches(rows_of(97), classes(97), EqualRows(7, num_shapes=5))
    for step, batch in enumerate(to_tf_data(batches).take(20).as_numpy_iterator()):
        keras.tree.map_structure(np.testing.assert_array_equal, batch, batches[step])
