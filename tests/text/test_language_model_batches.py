import keras
import numpy as np
import pytest

from zoo.text import (
    IdArrays,
    LanguageModelBatches,
    LanguageModelEvaluation,
    RandomRows,
    ShuffledRows,
    TokenStream,
)

V, N, T = 997, 311, 13


def stream(tokens=N):
    """One document whose tokens are their positions."""
    return TokenStream(IdArrays.from_rows([list(range(tokens))], V, "x"))


def batches(rows, **how):
    return LanguageModelBatches(stream(), T, rows, **how)


ORDERS = [ShuffledRows(5, 7), RandomRows(5, 7)]


def assert_equal(one, other):
    keras.tree.map_structure(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("rows", ORDERS)
def test_a_function_of_seed_epoch_and_step(rows):
    first = batches(rows, seed=3)
    made = [first[step] for step in range(21)]
    again = batches(rows, seed=3)
    again.first_epoch = 2
    for step in (6, 0, 3):
        assert_equal(again[step], made[14 + step])
    starts = {tuple(inputs["token_ids"][:, 0]) for inputs, _, _ in made}
    assert len(starts) == 21
    other = batches(rows, seed=4)[0]
    assert np.any(other[0]["token_ids"] != made[0][0]["token_ids"])


@pytest.mark.parametrize("rows", ORDERS)
def test_labels_are_the_tokens_behind(rows):
    inputs, labels, weights = batches(rows)[0]
    assert inputs["token_ids"].shape == labels.shape == weights.shape == (5, T)
    np.testing.assert_array_equal(labels, inputs["token_ids"] + 1)
    np.testing.assert_array_equal(np.diff(inputs["token_ids"]), 1)
    assert weights.all()


def test_shuffled_rows_use_each_token_equally_often():
    found = batches(ShuffledRows(4))
    count = 24  # rows of 13 tokens in 310 that can be predicted, the last of which overlaps
    assert found.steps_per_epoch == count / 4
    labels = [found[step][1] for step in range(2 * found.steps_per_epoch)]
    times = np.bincount(np.concatenate(labels).ravel(), minlength=N)
    assert times[0] == 0
    assert set(times[1 : 23 * T + 1]) <= {2, 4}
    assert (times[1:] == 2).sum() == 310 - 2  # 24 * 13 - 310 tokens stand in two rows


def test_random_rows_begin_anywhere():
    found = batches(RandomRows(50, 100))
    begins = np.concatenate([found[step][0]["token_ids"][:, 0] for step in range(100)])
    times = np.bincount(begins, minlength=N)
    assert times[N - 1 - T] > 0
    assert not times[N - T :].any()
    assert times[: N - T].min() > 0
    share = len(begins) / (N - T)
    assert np.abs(times[: N - T] - share).max() < 6 * np.sqrt(share)


def test_weights_of_an_update_sum_to_its_batches():
    documents = IdArrays.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [1] * 31], V, "x")
    found = LanguageModelBatches(
        TokenStream(documents), 5, RandomRows(2, 6), keep_apart=True, accumulate=3
    )
    counted = set()
    for update in range(2):
        weights = [found[3 * update + number][2] for number in range(3)]
        assert sum(w.sum() for w in weights) == pytest.approx(3, rel=1e-6)
        counted.add(sum((w > 0).sum() for w in weights))
    assert min(counted) < 30, "some labels do not count"


@pytest.mark.parametrize(("tokens", "length", "batch_size"), [(311, 13, 4), (27, 13, 7), (3, 2, 1)])
def test_evaluation_predicts_each_token_once(tokens, length, batch_size):
    found = LanguageModelEvaluation(stream(tokens), length, batch_size)
    labels, previous, shapes = [], [], set()
    for inputs, label, weight in (found[index] for index in range(len(found))):
        shapes.add(label.shape)
        labels.append(label[weight > 0])
        previous.append(inputs["token_ids"][weight > 0])
    labels, previous = np.concatenate(labels), np.concatenate(previous)
    assert labels.tolist() == list(range(1, tokens))
    np.testing.assert_array_equal(previous, labels - 1)
    assert len(shapes) == 1


def test_evaluation_of_some_batches():
    every = LanguageModelEvaluation(stream(), T, 4)
    some = LanguageModelEvaluation(stream(), T, 4, max_batches=2)
    assert len(some) == 2
    assert_equal([some[0], some[1]], [every[0], every[1]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: batches(ShuffledRows(25)), "batch_size=25 .* this one has 24"),
        (lambda: batches(RandomRows(0)), "batch_size must be at least 1"),
        (lambda: batches(RandomRows(2, 0)), "steps_per_epoch must be at least 1"),
        (lambda: batches(RandomRows(2, 5), accumulate=2), "multiple of accumulate=2"),
        (lambda: batches(RandomRows(2), seed=-1), "seed must be"),
        (lambda: LanguageModelBatches(stream(), N, RandomRows(2)), "312 tokens at least"),
        (lambda: LanguageModelEvaluation(stream(), T, 0), "batch_size must be at least 1"),
        (lambda: LanguageModelEvaluation(stream(), T, max_batches=0), "max_batches"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
