"""What `fit` sees of an endless stream: every batch once, in order, whatever thread made it."""

import time

import keras
import numpy as np
import pytest

from zoo.text.endless import EndlessBatches

STEPS = 7


class Numbered(EndlessBatches):
    """Batches that hold 100 times the epoch plus the step; the even ones take longer to make."""

    def __init__(self):
        super().__init__(STEPS)

    def batch(self, epoch, step):
        if epoch == 8:
            raise ValueError("the eighth epoch is not there")
        time.sleep(0.01 * (step % 2 == 0))
        number = np.full((2, 1), 100 * epoch + step, "float32")
        return number, number


class Seen(keras.callbacks.Callback):
    """Numbers of the batches, out of the running mean that the log has."""

    def __init__(self):
        super().__init__()
        self.numbers = []

    def on_train_batch_end(self, batch, logs=None):
        total = (batch + 1) * logs["loss"]
        self.numbers.append(round(total - (self.total if batch else 0)))
        self.total = total


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss=lambda numbers, outputs: numbers[:, 0] + 0 * outputs[:, 0])
    return model


def fit(model, first, last, **options):
    batches, seen = Numbered(), Seen()
    batches.first_epoch = first
    steps = batches.steps_per_epoch
    model.fit(
        batches,
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=steps,
        callbacks=[seen],
        shuffle=False,
        verbose=0,
        **options,
    )
    return seen.numbers


def test_every_batch_comes_once_and_in_order(model):
    every = [100 * epoch + step for epoch in range(3) for step in range(STEPS)]
    assert fit(model, 0, 3) == every
    assert fit(model, 2, 3) == every[2 * STEPS :]  # training that goes on


def test_validation_between_epochs_loses_none(model):
    held_out = (np.zeros((2, 1), "float32"),) * 2
    every = [100 * epoch + step for epoch in range(2) for step in range(STEPS)]
    assert fit(model, 0, 2, validation_data=held_out) == every


def test_an_error_in_a_thread_ends_training(model):
    with pytest.raises(Exception, match="the eighth epoch is not there"):
        fit(model, 7, 9)
