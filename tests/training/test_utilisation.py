import keras
import numpy as np
import pytest

from zoo.training import (
    TokenCount,
    TokenCrossEntropy,
    TokensPerSecond,
    Utilisation,
    matmul_peak,
)

BATCH = np.ones((2, 3), "int32"), np.ones((2, 3), "int32"), np.ones((2, 3), "float32")


def test_share_of_the_peak(make_model, batches_of):
    model = make_model("sgd", TokenCrossEntropy(), weighted_metrics=[TokenCount()])
    at_batches, at_epoch = [], {}

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            at_batches.append(dict(logs))

        def on_epoch_end(self, epoch, logs=None):
            at_epoch.update(logs)

    callbacks = [TokensPerSecond(), Utilisation(3e6, 7e9), Look()]
    model.fit(batches_of([BATCH] * 3), verbose=0, callbacks=callbacks)
    for logs in (*at_batches, at_epoch):
        assert logs["utilisation"] == pytest.approx(logs["tokens_per_second"] * 3e6 / 7e9)
    assert at_epoch["utilisation"] > 0


def test_a_peak_is_measured():
    assert 1e6 < matmul_peak("float32", 128, 0.02) < 1e15


def test_bad_input(make_model, batches_of):
    for arguments in ((0, 1.0), (1.0, 0)):
        with pytest.raises(ValueError, match="must be above 0, got 0"):
            Utilisation(*arguments)
    model = make_model("sgd", TokenCrossEntropy())
    with pytest.raises(ValueError, match="put a TokensPerSecond"):
        model.fit(batches_of([BATCH]), verbose=0, callbacks=[Utilisation(1.0, 1.0)])
