import csv
import io

import keras
import numpy as np
import pytest
from keras import ops

from zoo.training import (
    JsonLinesLog,
    Perplexity,
    TokenAccuracy,
    TokenCount,
    TokenCrossEntropy,
    TokenLoss,
)


def metrics_of(loss):
    return [TokenLoss(loss), Perplexity(), TokenAccuracy(), TokenCount()]


def reference(model, sentences, smoothing):
    """Loss, perplexity and accuracy of all tokens in float64, sentence by sentence."""
    plain, smoothed, hits = [], [], []
    for ids, labels in sentences:
        logits = ops.convert_to_numpy(model(np.asarray(ids)[None]))[0].astype("float64")
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        picked = log_p[np.arange(len(labels)), labels]
        plain.extend(-picked)
        smoothed.extend(-(1 - smoothing) * picked - smoothing * log_p.mean(-1))
        hits.extend(log_p.argmax(-1) == labels)
    tokens = len(plain)
    return {
        "loss": np.mean(smoothed),
        "perplexity": np.exp(np.mean(plain)),
        "accuracy": np.mean(hits),
        "tokens": tokens,
    }


@pytest.fixture
def two_batchings(sentences, batch_up, batches_of):
    """The same sentences by twos and by fives, with little and with much padding."""
    order = sentences[::-1]
    by_two = [batch_up(sentences[i : i + 2], 5) for i in range(0, 13, 2)]
    by_five = [batch_up(order[i : i + 5], 17) for i in range(0, 13, 5)]
    return batches_of(by_two), batches_of(by_five)


def test_evaluate_is_the_token_mean_however_batched(make_model, sentences, two_batchings):
    loss = TokenCrossEntropy(0.1)
    model = make_model("sgd", loss, weighted_metrics=metrics_of(loss))
    expected = reference(model, sentences, 0.1)
    for batches in two_batchings:
        found = model.evaluate(batches, verbose=0, return_dict=True)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-6), name


def test_validation_loss_that_callbacks_see_is_exact(
    make_model, sentences, two_batchings, tmp_path
):
    loss = TokenCrossEntropy(0.1)
    model = make_model("sgd", loss, weighted_metrics=metrics_of(loss))
    callbacks = [
        JsonLinesLog(tmp_path / "log.jsonl"),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
    ]
    history = model.fit(
        two_batchings[0], validation_data=two_batchings[1], verbose=0, callbacks=callbacks
    ).history
    value = reference(model, sentences, 0.1)["loss"]
    assert history["val_loss"] == [pytest.approx(value, rel=1e-6)]
    row = next(csv.DictReader(io.StringIO((tmp_path / "log.csv").read_text())))
    assert float(row["val_loss"]) == pytest.approx(value, rel=1e-6)


def test_training_loss_is_exact_and_in_the_progress_bar(make_model, sentences, two_batchings):
    loss = TokenCrossEntropy(0.1)
    still = keras.optimizers.SGD(0.0)
    model = make_model(still, loss, weighted_metrics=metrics_of(loss))
    value = reference(model, sentences, 0.1)["loss"]
    for batches in two_batchings:
        logs = model.fit(batches, verbose=0).history
        assert logs["loss"] == [pytest.approx(value, rel=1e-6)]


def test_weights_of_accumulation_count_as_one(make_model, sentences, batch_up, batches_of):
    loss = TokenCrossEntropy(0.1, reduction="sum")
    model = make_model("sgd", loss, weighted_metrics=metrics_of(loss))
    expected = reference(model, sentences, 0.1)
    batches = batches_of([batch_up(sentences[:2], 5, 0.37), batch_up(sentences[2:], 7, 0.013)])
    found = model.evaluate(batches, verbose=0, return_dict=True)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_long_sums_lose_nothing():
    """Plain float32 sums are off by 1e-4 here, and stop to grow at 2 ** 24."""
    metric = TokenAccuracy()
    step = ops.convert_to_tensor(np.full((1, 3), 1.0, "float32"))
    ids = np.zeros((1, 3))
    logits = np.zeros((1, 3, 2), "float32")
    metric.update_state(ids, logits, step)
    for variable in (metric.total, metric.tokens):
        variable.assign([2.0**24, 0.0])
    for _ in range(5):
        metric.update_state(ids, logits, step)
    assert float(metric.tokens[0]) - float(metric.tokens[1]) == 2**24 + 15


def test_many_small_values_keep_their_mean():
    metric = Perplexity()
    values = np.random.default_rng(1).uniform(0.5, 1.5, 101).astype("float32")
    total = np.zeros(())
    metric.total.assign([3.0e6, 0.0])
    for value in values:
        logits = np.array([[[0.0, value]]], "float32")
        metric.update_state(np.array([[0]]), logits)
        total += np.log1p(np.exp(np.float64(value)))
    found = float(metric.total[0]) - 3.0e6 - float(metric.total[1])
    assert found == pytest.approx(float(total), abs=1e-3)  # a float32 of this size moves by 0.25


def test_padding_may_hold_anything():
    metric = Perplexity()
    logits = np.array([[[0.0, 0.0], [np.nan, np.inf]]], "float32")
    metric.update_state(np.array([[1, 0]]), logits, np.array([[1.0, 0.0]]))
    assert float(metric.result()) == pytest.approx(2.0, abs=1e-6)


def test_no_tokens_give_zero_not_nan():
    metric = TokenLoss(TokenCrossEntropy())
    metric.update_state(np.array([[1]]), np.zeros((1, 1, 2)), np.zeros((1, 1)))
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("ignore_id", [0, -100])
def test_ignored_labels_do_not_count(ignore_id):
    labels, logits = np.array([[1, ignore_id]]), np.array([[[0.0, 0.0], [9.0, 0.0]]], "float32")
    loss = TokenLoss(TokenCrossEntropy(ignore_id=ignore_id))
    for metric, value in (
        (loss, np.log(2)),
        (Perplexity(ignore_id=ignore_id), 2.0),
        (TokenCount(ignore_id=ignore_id), 1.0),
    ):
        metric.update_state(labels, logits)
        assert float(metric.result()) == pytest.approx(value, abs=1e-6)


def test_accuracy_by_hand():
    metric = TokenAccuracy()
    logits = np.array([[[1.0, 2.0, 0.0], [3.0, 2.0, 0.0], [0.0, 0.0, 5.0]]], "float32")
    metric.update_state(np.array([[1, 1, 2]]), logits)
    assert float(metric.result()) == pytest.approx(2 / 3, abs=1e-6)


def test_config_round_trip():
    for metric in metrics_of(TokenCrossEntropy(0.1, ignore_id=3)):
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert copy.get_config() == metric.get_config()
        assert type(copy) is type(metric)


def test_a_count_that_was_read_stays():
    metric = TokenCount()
    metric.update_state(np.ones((2, 3)), np.zeros((2, 3, 5)))
    found = metric.result()
    metric.reset_state()
    assert float(found) == 6
