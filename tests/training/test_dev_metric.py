import json
import math

import keras
import numpy as np
import pytest
from keras import ops

from zoo.compiled import compiled
from zoo.training import (
    FINISHED,
    BestWeights,
    Checkpoint,
    DevMetric,
    EarlyStopping,
    JsonLinesLog,
    average_weights,
)
from zoo.training.averaging import final_weights
from zoo.training.stateful import Monitor

IDS = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
LABELS = np.array([[3, 3, 0, 1], [2, 9, 0, 5]])


def fit(model, scores, folder, epochs, mode="max", **callbacks):
    """Train with the whole chain of callbacks; the metric of the i-th epoch is scores[i]."""
    names = {"prefix": "dev_", **callbacks}
    log = folder / "log.jsonl"

    def evaluate():
        done = len(log.read_text().splitlines()) if log.exists() else 0
        return {"f1": scores[done], "size": 7}

    chain = [
        DevMetric(evaluate, **names),
        BestWeights(folder / "best", "dev_f1", mode),
        EarlyStopping("dev_f1", 2, mode),
        JsonLinesLog(log),
    ]
    checkpoint = Checkpoint(folder / "checkpoints", 1, chain)
    epoch = checkpoint.restore(model)
    if epoch != FINISHED:
        model.fit(
            IDS,
            LABELS,
            epochs=epochs,
            initial_epoch=epoch,
            shuffle=False,
            verbose=0,
            callbacks=checkpoint.callbacks,
        )
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["dev_f1"] for line in lines], chain[1].files


@pytest.fixture
def model(make_model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return lambda: make_model(keras.optimizers.Adam(0.01), loss, dropout=0.1)


@pytest.mark.parametrize("stop", [None, 1, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_stops_and_keeps_the_best_also_when_resumed(model, tmp_path, stop, sign):
    scores = [sign * score for score in (0.5, 0.8, 0.7, 0.6, 0.9)]
    mode = "max" if sign > 0 else "min"
    if stop is not None:
        fit(model(), scores, tmp_path, stop, mode)
    found, files = fit(model(), scores, tmp_path, 9, mode)
    assert found == scores[:4]  # two epochs without a gain after the second
    assert [file.name for file in files] == ["epoch-00002.safetensors"]
    assert fit(model(), scores, tmp_path, 9, mode)[0] == scores[:4]  # nothing is left to do


def test_not_a_number_is_the_worst(model, tmp_path):
    scores = [math.nan, 0.1, math.nan, math.nan, 0.2]
    found, files = fit(model(), scores, tmp_path, 9)
    assert found == [None, 0.1, None, None]
    assert [file.name for file in files] == ["epoch-00002.safetensors"]
    for mode in ("min", "max"):
        monitor = Monitor("f1", mode)
        worst = monitor.read({"f1": math.nan})
        assert monitor.gain(0.5, worst) > 0
        assert monitor.gain(worst, 0.5) < 0
        assert monitor.gain(worst, worst) == 0


def test_measures_the_model_of_the_epoch(model, make_model, tmp_path):
    """By compiled functions and by predict, and training goes on as without."""
    models = [model(), model()]
    watched, alone = models
    forward = compiled(watched, lambda ids: watched(ids))
    seen = []

    def evaluate():
        first = ops.convert_to_numpy(forward(IDS))
        second = ops.convert_to_numpy(watched.predict_on_batch(IDS))
        np.testing.assert_allclose(first, second, atol=1e-6)
        seen.append(first)
        return {"mean": first.mean()}

    callbacks = Checkpoint(tmp_path / "a", 1, [DevMetric(evaluate)]).callbacks
    history = watched.fit(IDS, LABELS, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
    callbacks = Checkpoint(tmp_path / "b", 1).callbacks
    alone.fit(IDS, LABELS, epochs=3, shuffle=False, verbose=0, callbacks=callbacks)
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    assert len(seen) == 3
    assert np.abs(seen[0] - seen[1]).max() > 1e-4
    np.testing.assert_allclose(seen[2], ops.convert_to_numpy(watched(IDS)), atol=1e-6)
    assert history.history["dev_mean"] == [pytest.approx(s.mean()) for s in seen]


def test_the_moving_average_is_measured(make_model, tmp_path):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
    model = make_model(optimizer, loss)
    expected, seen = [], []

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            expected.append(final_weights(self.model))
            own.append([w.copy() for w in self.model.get_weights()])

    own = []

    def evaluate():
        seen.append([w.copy() for w in model.get_weights()])
        return {"f1": float(len(seen))}

    best = BestWeights(tmp_path, "dev_f1", "max")
    callbacks = [Weights(), DevMetric(evaluate), Weights(), best]
    model.fit(IDS, LABELS, epochs=2, verbose=0, callbacks=callbacks)
    for epoch in range(2):
        before, after = own[2 * epoch], own[2 * epoch + 1]
        average = list(expected[2 * epoch].values())
        for weight, restored, mean, measured in zip(
            before, after, average, seen[epoch], strict=True
        ):
            np.testing.assert_array_equal(restored, weight)
            np.testing.assert_array_equal(measured, mean)
    assert max(np.abs(b - m).max() for b, m in zip(own[2], seen[1], strict=True)) > 1e-4
    kept = average_weights(best.files)
    assert {n: a.tolist() for n, a in kept.items()} == {
        n: a.tolist() for n, a in expected[3].items()
    }


def test_what_evaluate_must_give(model):
    for given, message in [
        (3.0, "must give a dict of floats, got float"),
        ({"f1": "high"}, "must give a dict of floats, got 'high' as 'f1'"),
        ({"loss": 1.0}, r"the logs have \['loss'\] already"),
    ]:
        metric = DevMetric(lambda given=given: given, prefix="")
        metric.set_model(compiled_model := model())
        assert compiled_model.optimizer is not None
        with pytest.raises(ValueError, match=message):
            metric.on_epoch_end(0, {"loss": 2.0})


def test_order_of_callbacks_is_in_the_error(model, tmp_path):
    chain = [EarlyStopping("dev_f1", 1, "max"), DevMetric(lambda: {"f1": 1.0})]
    with pytest.raises(ValueError, match="dev_ metrics a DevMetric before this callback"):
        model().fit(IDS, LABELS, verbose=0, callbacks=chain)
