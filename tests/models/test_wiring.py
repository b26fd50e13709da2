"""fit() must train with dropout, on every backend, and evaluate() without."""

import keras
import numpy as np
import pytest

from zoo.models import Transformer

IDS = np.array([[5, 6, 7, 8, 9, 3], [9, 8, 7, 6, 5, 3]], "int32")


@pytest.fixture
def model():
    keras.utils.set_random_seed(11)
    model = Transformer.from_size(
        "tiny", vocab_size=13, num_encoder_layers=1, num_decoder_layers=1, dropout=0.5
    )
    model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(True))
    return model


def losses(step):
    inputs = {"source_ids": IDS, "target_ids": IDS}
    return [float(np.ravel(step(inputs, IDS))[0]) for _ in range(3)]


def test_training_drops_other_units_each_step(model):
    assert len(set(losses(model.train_on_batch))) == 3


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch draws without Keras' seeds")
def test_every_dropout_draws(model):
    before = [variable.numpy() for variable in model.non_trainable_variables]
    losses(model.train_on_batch)
    after = [variable.numpy() for variable in model.non_trainable_variables]
    # source, target, two sublayers of the encoder block and three of the decoder block; the other
    # generators belong to rates of 0
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == 7


def test_testing_drops_nothing(model):
    assert len(set(losses(model.test_on_batch))) == 1
