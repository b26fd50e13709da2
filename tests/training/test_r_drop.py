import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from zoo.training import RDrop, TokenCrossEntropy


def test_two_words_by_hand():
    # P = (1/4, 3/4), Q = (1/2, 1/2), the label is the second word.
    logits = np.log(np.array([[[1.0, 3.0]], [[1.0, 1.0]]], "float32"))
    entropies = -np.log(3 / 4), -np.log(1 / 2)
    p_to_q = 1 / 4 * np.log(1 / 2) + 3 / 4 * np.log(3 / 2)
    q_to_p = 1 / 2 * np.log(2) + 1 / 2 * np.log(2 / 3)
    expected = np.mean(entropies) + 3.0 / 2 * (p_to_q + q_to_p) / 2
    found = RDrop(alpha=3.0)(np.array([[1], [1]]), logits)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-6)


def test_against_numpy_with_weights_and_smoothing():
    numbers = np.random.default_rng(0)
    logits = numbers.normal(size=(6, 5, 7)).astype("float32")
    labels = np.tile(numbers.integers(0, 7, (3, 5)), (2, 1))
    weights = np.tile(numbers.random((3, 5)).astype("float32"), (2, 1))
    exact = logits.astype("float64")
    log_p, log_q = np.split(exact - np.log(np.exp(exact).sum(-1, keepdims=True)), 2)
    apart = (np.exp(log_p) * (log_p - log_q) + np.exp(log_q) * (log_q - log_p)).sum(-1) / 2
    plain = to_numpy(TokenCrossEntropy(0.2)(labels, logits, weights))
    expected = plain + 5.0 / 2 * (apart * weights[:3]).sum() / weights[:3].sum()
    found = to_numpy(RDrop(0.2, 5.0)(labels, logits, weights))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_equal_passes_leave_the_cross_entropy():
    numbers = np.random.default_rng(1)
    logits = np.tile(numbers.normal(size=(2, 3, 5)).astype("float32"), (2, 1, 1))
    labels = np.tile(numbers.integers(0, 5, (2, 3)), (2, 1))
    np.testing.assert_allclose(
        to_numpy(RDrop(0.1)(labels, logits)),
        to_numpy(TokenCrossEntropy(0.1)(labels, logits)),
        rtol=1e-6,
    )


def test_odd_rows_and_negative_alpha():
    with pytest.raises(ValueError, match="even in number; got 3"):
        RDrop()(np.zeros((3, 2), "int32"), np.zeros((3, 2, 5), "float32"))
    with pytest.raises(ValueError, match="alpha must be at least 0, got -1"):
        RDrop(alpha=-1)


def test_config_round_trip():
    loss = RDrop(0.1, 2.0, reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, RDrop)
    assert again.get_config() == loss.get_config()


class Rows(keras.utils.PyDataset):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        ids = np.arange(6, dtype="int32").reshape(2, 3) + index
        return {"source_ids": ids, "target_ids": ids + 1}, ids + 2, np.ones((2, 3), "float32")


def test_twice():
    batches = zoo.text.Twice(Rows(4))
    assert len(batches) == batches.num_batches == 4
    inputs, labels, weights = batches[1]
    row = np.array([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(inputs["source_ids"], np.concatenate([row, row]))
    np.testing.assert_array_equal(inputs["target_ids"], np.concatenate([row, row]) + 1)
    np.testing.assert_array_equal(labels, np.concatenate([row, row]) + 2)
    np.testing.assert_array_equal(weights, np.full((4, 3), 0.5, "float32"))


def test_fit_draws_other_dropout_for_the_second_copy():
    model = keras.Sequential(
        [keras.Input((3,), dtype="int32"), keras.layers.Embedding(9, 5), keras.layers.Dropout(0.5)]
    )
    loss = RDrop(alpha=100.0)
    model.compile("sgd", loss, weighted_metrics=[zoo.training.TokenLoss(loss)], jit_compile=False)
    batch = np.arange(6, dtype="int32").reshape(2, 3) % 5
    ids, labels, weights = (
        np.tile(batch, (2, 1)),
        np.tile(batch, (2, 1)),
        np.ones((4, 3), "float32"),
    )
    model.layers[0].set_weights([np.random.default_rng(0).normal(size=(9, 5)).astype("float32")])
    evaluated = model.evaluate(ids, labels, sample_weight=weights, batch_size=4, verbose=0)[-1]
    trained = model.fit(ids, labels, sample_weight=weights, batch_size=4, verbose=0, shuffle=False)
    assert trained.history["loss"][0] > evaluated + 5  # the divergence, which dropout makes
