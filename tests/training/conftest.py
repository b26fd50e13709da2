import keras
import numpy as np
import pytest

VOCABULARY, HIDDEN = 11, 7


class Batches(keras.utils.PyDataset):
    """Ready batches of (ids, labels, weights), in the given order."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class OneHot(keras.layers.Layer):
    """(B, T) -> (B, T, V). Under `keras.layers.Embedding`, Adam on TensorFlow squares the gradients
    of a repeated word one by one, so that batches and their parts differ."""

    def call(self, ids):
        return keras.ops.one_hot(ids, VOCABULARY)


@pytest.fixture
def make_model():
    """A function that gives a compiled model of ids (B, T) -> logits (B, T, V), always alike."""

    def make(optimizer, loss, dropout=0.0, weighted_metrics=(), seed=5):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input((None,), dtype="int32"),
                OneHot(name="one_hot"),
                keras.layers.Dense(HIDDEN, name="embedding"),
                keras.layers.Dropout(dropout, name="dropout"),
                keras.layers.Dense(HIDDEN, "relu", name="hidden"),
                keras.layers.Dropout(dropout, name="second_dropout"),
                keras.layers.Dense(VOCABULARY, name="logits"),
            ],
            name="toy",
        )
        model.compile(optimizer, loss, weighted_metrics=list(weighted_metrics))
        return model

    return make


@pytest.fixture
def sentences():
    """13 pairs of ids and labels, of 1 to 5 tokens."""
    numbers = np.random.default_rng(3)
    lengths = [1 + i % 5 for i in range(13)]
    return [tuple(numbers.integers(0, VOCABULARY, (2, length))) for length in lengths]


@pytest.fixture
def batch_up():
    """A function that pads sentences into one batch of (ids, labels, weights)."""

    def pad(sentences, length, weight=1.0):
        batch = np.zeros((3, len(sentences), length))
        for row, (ids, labels) in enumerate(sentences):
            size = len(ids)
            batch[:, row, :size] = ids, labels, np.full(size, weight)
        ids, labels, weights = batch
        return ids.astype("int32"), labels.astype("int32"), weights.astype("float32")

    return pad


@pytest.fixture
def batches_of():
    """A function that makes a data set of ready batches."""
    return Batches
