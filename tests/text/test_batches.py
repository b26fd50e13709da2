import keras
import numpy as np
import pytest

from zoo.text import EvaluationBatches, IdArrays, PairBatches, SpecialIds, to_tf_data

IDS = SpecialIds()
VOCABULARY = 23


def arrays(n):
    """n pairs of various lengths; both sides of pair i begin with the three digits of i."""
    dice = np.random.Generator(np.random.PCG64(n))

    def row(i):
        digits = [4 + int(digit) for digit in f"{i:03d}"]
        return digits + dice.integers(14, VOCABULARY, dice.integers(0, 11)).tolist()

    return [
        IdArrays.from_rows([row(i) for i in range(n)], VOCABULARY, side) for side in ("en", "de")
    ]


def numbers(batch):
    """Which pairs stand in the rows of a batch."""
    inputs, labels, weight = batch
    full = weight[:, 0] > 0
    digits = inputs["source_ids"][full, :3] - 4
    np.testing.assert_array_equal(digits, labels[full, :3] - 4)
    return (digits @ [100, 10, 1]).tolist()


def widths(batch):
    return batch[0]["source_ids"].shape[1], batch[1].shape[1]


def tokens(batch):
    return int((batch[2] > 0).sum())


def test_budget_and_bounded_shapes():
    batches = PairBatches(*arrays(499), IDS, max_tokens=199, num_shapes=7)
    shapes = {(len(batches[step][1]), *widths(batches[step])) for step in range(200)}
    assert len(shapes) == 7
    assert all(150 < rows * (source + target) <= 199 for rows, source, target in shapes)
    assert 0 < batches.padding < PairBatches(*arrays(499), IDS, num_shapes=1).padding


def test_every_pair_equally_often():
    batches = PairBatches(*arrays(499), IDS, max_tokens=199, num_shapes=7)
    for epochs in (1, 4):
        steps = range(epochs * batches.steps_per_epoch)
        seen = np.bincount(sum([numbers(batches[step]) for step in steps], []), minlength=499)
        assert seen.max() <= epochs + 1
        assert seen.min() >= epochs - 1
        assert (seen == epochs).mean() > 0.8


def test_order_is_a_function_of_seed_epoch_step():
    settings = {"max_tokens": 199, "num_shapes": 5, "steps_per_epoch": 11}
    source, target = arrays(199)
    batches = PairBatches(source, target, IDS, seed=3, **settings)
    stream = [batches[index] for index in range(33)]
    again = PairBatches(source, target, IDS, seed=3, **settings)
    again.first_epoch = 2  # a training that goes on
    for step in reversed(range(11)):
        for resumed in (again[step], batches.batch(2, step)):
            assert numbers(resumed) == numbers(stream[22 + step])
            np.testing.assert_array_equal(resumed[1], stream[22 + step][1])
    other = PairBatches(source, target, IDS, seed=4, **settings)
    assert [numbers(other[i]) for i in range(11)] != [numbers(b) for b in stream[:11]]
    epochs = [[numbers(batch) for batch in stream[start : start + 11]] for start in (0, 11, 22)]
    assert epochs[0] != epochs[1] != epochs[2]


@pytest.mark.parametrize("seed", range(7))
def test_first_two_batches_differ_in_both_widths(seed):
    """Keras' TensorFlow trainer takes for constant what the first two batches share."""
    source, target = arrays(199)
    batches = PairBatches(source, target, IDS, max_tokens=199, num_shapes=5, seed=seed)
    evaluation = EvaluationBatches(source, target, IDS, max_tokens=199, num_shapes=5)
    for first, second in (
        (batches[0], batches[1]),
        (batches.batch(3, 0), batches.batch(3, 1)),
        (evaluation[0], evaluation[1]),
    ):
        assert all(a != b for a, b in zip(widths(first), widths(second), strict=True))


def test_long_pairs():
    source = IdArrays.from_rows([[5] * n for n in (2, 3, 17, 5)], VOCABULARY, "x")
    target = IdArrays.from_rows([[5] * n for n in (2, 3, 7, 4)], VOCABULARY, "x")
    for make in (PairBatches, EvaluationBatches):
        with pytest.raises(ValueError, match="pair 2 has 26 ids, more than max_tokens=25"):
            make(source, target, IDS, max_tokens=25)
    batches = PairBatches(source, target, IDS, max_tokens=25, max_length=6)
    assert batches.left_out == 1
    with pytest.raises(ValueError, match="max_length=2 leaves out every pair: the shortest has 3"):
        PairBatches(source, target, IDS, max_length=2)


@pytest.mark.parametrize("name", ["max_tokens", "num_shapes", "accumulate", "steps_per_epoch"])
def test_arguments_below_one(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        PairBatches(*arrays(7), IDS, **{name: 0})
    with pytest.raises(ValueError, match="seed must be an integer >= 0, got -1"):
        PairBatches(*arrays(7), IDS, seed=-1)


@pytest.mark.parametrize("max_tokens", [61, 199, 4096])
def test_evaluation_sees_every_pair_once(max_tokens):
    batches = EvaluationBatches(*arrays(211), IDS, max_tokens=max_tokens, num_shapes=5)
    seen = []
    for index in range(len(batches)):
        batch = batches[index]
        assert numbers(batch) == batches.members(index).tolist()
        assert batch[1].shape[0] * sum(widths(batch)) <= max_tokens
        seen += numbers(batch)
    assert sorted(seen) == list(range(211))
    assert len({batch[1].shape for batch in batches}) <= 5
    total = sum(tokens(batch) for batch in batches)
    assert total == sum(len(row) + 1 for row in arrays(211)[1])
    # Rows that fill up a last batch are few.
    assert sum(len(batch[1]) for batch in batches) - 211 < len(batches)


def test_accumulated_weights():
    batches = PairBatches(*arrays(211), IDS, max_tokens=199, accumulate=3, steps_per_epoch=6)
    plain = PairBatches(*arrays(211), IDS, max_tokens=199, steps_per_epoch=6)
    for epoch in (0, 5):
        for first in (0, 3):
            steps = range(first, first + 3)
            total = sum(tokens(plain.batch(epoch, step)) for step in steps)
            assert len({tokens(plain.batch(epoch, step)) for step in steps}) > 1
            for step in steps:
                mask = plain.batch(epoch, step)[2]
                weight = batches.batch(epoch, step)[2]
                np.testing.assert_allclose(weight, mask * 3 / total, rtol=1e-6)
    with pytest.raises(ValueError, match="steps_per_epoch=7 must be a multiple of accumulate=3"):
        PairBatches(*arrays(7), IDS, accumulate=3, steps_per_epoch=7)
    assert PairBatches(*arrays(211), IDS, max_tokens=199, accumulate=3).steps_per_epoch % 3 == 0


@keras.saving.register_keras_serializable("zoo_tests")
class Bigram(keras.Model):
    """Logits that depend on the last target id alone: a table (V, V)."""

    def __init__(self):
        super().__init__()
        self.table = keras.layers.Embedding(VOCABULARY, VOCABULARY)

    def call(self, inputs):
        return self.table(inputs["target_ids"])


def test_accumulation_equals_one_big_batch():
    k = 3
    batches = PairBatches(*arrays(97), IDS, max_tokens=97, accumulate=k, steps_per_epoch=k)
    plain = PairBatches(*arrays(97), IDS, max_tokens=97, steps_per_epoch=k)
    model = Bigram()
    model(batches[0][0])
    before = model.get_weights()[0].astype("float64")
    model.compile(
        keras.optimizers.SGD(1.0, gradient_accumulation_steps=k),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
    )
    model.fit(batches, steps_per_epoch=k, epochs=1, shuffle=False, verbose=0)

    gradient, count = np.zeros_like(before), 0
    probabilities = np.exp(before) / np.exp(before).sum(axis=1, keepdims=True)
    for step in range(k):
        inputs, labels, weight = plain.batch(0, step)
        for last, label in zip(inputs["target_ids"][weight > 0], labels[weight > 0], strict=True):
            gradient[last] += probabilities[last] - np.eye(VOCABULARY)[label]
            count += 1
    expected = before - gradient / count
    np.testing.assert_allclose(model.get_weights()[0], expected, atol=1e-6)


def test_fit_takes_the_batches_in_order(monkeypatch):
    batches = PairBatches(*arrays(211), IDS, max_tokens=199, num_shapes=5, steps_per_epoch=7)
    evaluation = EvaluationBatches(*arrays(53), IDS, max_tokens=199, num_shapes=5)
    asked = []
    build = batches.batch
    monkeypatch.setattr(
        batches, "batch", lambda epoch, step: asked.append((epoch, step)) or build(epoch, step)
    )
    batches.first_epoch = 4
    model = Bigram()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(
        batches,
        validation_data=evaluation,
        steps_per_epoch=7,
        initial_epoch=4,
        epochs=7,
        shuffle=False,
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 3
    start = len(asked) - asked[::-1].index((4, 0)) - 1  # Keras looks at the first ones beforehand
    steps = [(epoch - 4) * 7 + step for epoch, step in asked[start:]]
    assert steps == list(range(len(steps)))
    assert len(steps) >= 21


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="an adapter to TensorFlow")
def test_tf_data():
    batches = PairBatches(*arrays(199), IDS, max_tokens=199, num_shapes=5)
    for step, batch in enumerate(to_tf_data(batches).take(20).as_numpy_iterator()):
        keras.tree.map_structure(np.testing.assert_array_equal, batch, batches[step])
    evaluation = EvaluationBatches(*arrays(53), IDS, max_tokens=199, num_shapes=5)
    data = to_tf_data(evaluation)
    assert len(data) == len(evaluation)
    assert sorted(sum([numbers(batch) for batch in data.as_numpy_iterator()], [])) == [*range(53)]
    assert to_tf_data(batches).cardinality() == -1
