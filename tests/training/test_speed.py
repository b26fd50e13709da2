import time

import keras
import numpy as np
import pytest

from zoo.training import TokenCount, TokenCrossEntropy, TokensPerSecond


class Slow(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.1)


def test_rate_of_all_but_the_first_batch(make_model, batches_of):
    model = make_model("sgd", TokenCrossEntropy(), weighted_metrics=[TokenCount()])
    weights = np.array([[1, 1, 1], [1, 1, 0]], "float32")
    batch = np.ones((2, 3), "int32"), np.ones((2, 3), "int32"), weights
    logs = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs_of_epoch=None):
            logs.update(logs_of_epoch)

    callbacks = [Slow(), TokensPerSecond(), Look()]
    began = time.perf_counter()
    model.fit(batches_of([batch] * 5), verbose=0, callbacks=callbacks)
    seconds = time.perf_counter() - began
    assert logs["tokens"] == 25
    assert 20 / seconds < logs["tokens_per_second"] < 20 / 0.4


def test_missing_metric_is_named(make_model, batches_of):
    model = make_model("sgd", "mse")
    batch = np.ones((2, 3), "int32"), np.ones((2, 3, 11), "float32")
    with pytest.raises(ValueError, match="add TokenCount"):
        model.fit(batches_of([batch]), verbose=0, callbacks=[TokensPerSecond()])
