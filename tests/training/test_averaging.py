import json

import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file

from zoo.training import BestWeights, LastWeights, average_weights, final_weights, load_average


def test_mean_by_hand(tmp_path):
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for number, file in enumerate(files):
        kernel = np.array([[1.0, 2.0], [3.0, 5.0 * number]], "float32")
        save_file({"kernel": kernel * (number + 1), "count": np.array(number)}, file)
    found = average_weights(files)
    np.testing.assert_allclose(found["kernel"], [[2.0, 4.0], [6.0, 40 / 3]], rtol=1e-6)
    assert found["kernel"].dtype == "float32"
    assert found["count"] == 2
    assert found["count"].dtype == "int64"


def test_files_that_do_not_fit_together(tmp_path):
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    save_file({"a": np.zeros(2), "b": np.zeros(3)}, one)
    save_file({"a": np.zeros(2), "b": np.zeros(5)}, two)
    broken.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"two and .*one differ in name or shape of \['b'\]"):
        average_weights([one, two])
    with pytest.raises(ValueError, match="missing is missing"):
        average_weights([one, tmp_path / "missing"])
    with pytest.raises(ValueError, match="broken is damaged"):
        average_weights([broken])
    with pytest.raises(ValueError, match="files is empty"):
        average_weights([])


class Follow(keras.callbacks.Callback):
    """Remember the weights of every epoch, and set the metric `score` to given values."""

    def __init__(self, scores=()):
        super().__init__()
        self.scores = scores
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append([np.array(ops.convert_to_numpy(w)) for w in self.model.weights])
        if self.scores:
            logs["score"] = self.scores[epoch]


@pytest.fixture
def fit(make_model, batches_of, sentences, batch_up):
    """A function that trains a model with callbacks and gives it."""

    def fit(callbacks, **arguments):
        model = make_model(keras.optimizers.SGD(0.5, **arguments), "mse")
        batch = np.ones((2, 3), "int32"), np.ones((2, 3, 11), "float32")
        model.fit(batches_of([batch]), epochs=4, verbose=0, shuffle=False, callbacks=callbacks)
        return model

    return fit


def assert_mean(model, kept):
    for weight, *values in zip(model.weights, *kept, strict=True):
        found = ops.convert_to_numpy(weight)
        np.testing.assert_allclose(found, np.mean(values, axis=0), rtol=0, atol=1e-6)


def test_mean_of_the_last(fit, tmp_path):
    follow, last = Follow(), LastWeights(tmp_path, 3)
    model = fit([follow, last])
    assert [file.name for file in last.files] == [f"epoch-0000{i}.safetensors" for i in (4, 3, 2)]
    load_average(model, last.files)
    assert_mean(model, follow.weights[1:])


@pytest.mark.parametrize(("mode", "best"), [("max", (3, 1)), ("min", (0, 2))])
def test_mean_of_the_best(fit, tmp_path, mode, best):
    follow, kept = Follow([1.0, 5.0, 2.0, 7.0]), BestWeights(tmp_path, "score", mode, 2)
    model = fit([follow, kept])
    assert kept.files == [tmp_path / f"epoch-{i + 1:05d}.safetensors" for i in best]
    load_average(model, kept.files)
    assert_mean(model, [follow.weights[i] for i in best])


def test_files_of_the_epoch_before_stay_one_epoch(fit, tmp_path):
    """The last checkpoint, which is of the epoch before, still names them."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(sorted(int(file.stem[-1]) for file in tmp_path.iterdir()))

    best = BestWeights(tmp_path, "score", "max")
    fit([Follow([1.0, 2.0, 0.0, 3.0]), best, Look()])
    assert seen == [[1], [1, 2], [2], [2, 4]]


def test_state_is_json_and_brings_the_list_back(fit, tmp_path):
    best = BestWeights(tmp_path, "score", "max", 2)
    fit([Follow([1.0, 5.0, 2.0, 7.0]), best])
    again = BestWeights(tmp_path, "score", "max", 2)
    again.set_state(json.loads(json.dumps(best.get_state())))
    assert again.files == best.files


def test_moving_average_is_what_is_kept(fit, tmp_path):
    follow, last = Follow(), LastWeights(tmp_path, 1)
    model = fit([follow, last], use_ema=True, ema_momentum=0.75)
    expected = follow.weights[0]
    for weights in follow.weights[1:]:
        expected = [0.75 * a + 0.25 * w for a, w in zip(expected, weights, strict=True)]
    kept = average_weights(last.files)
    for weight, value in zip(model.weights, expected, strict=True):
        name = weight.path.split("/", 1)[1]
        np.testing.assert_allclose(kept[name], value, rtol=0, atol=1e-6)
        np.testing.assert_allclose(ops.convert_to_numpy(weight), value, rtol=0, atol=1e-6)


def test_final_weights_without_moving_average_are_the_models(fit):
    model = fit([])
    found = final_weights(model)
    for weight in model.weights:
        np.testing.assert_array_equal(
            found[weight.path.split("/", 1)[1]], ops.convert_to_numpy(weight)
        )


def test_validation_by_moving_average_leaves_the_weights(make_model, batches_of):
    """Keras' own callback, which the documentation recommends."""
    model = make_model(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75), "mse")
    batch = np.ones((2, 3), "int32"), np.ones((2, 3, 11), "float32")
    plain, swapped = Follow(), Follow()
    for follow, swap in ((plain, []), (swapped, [keras.callbacks.SwapEMAWeights()])):
        model = make_model(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75), "mse")
        model.fit(
            batches_of([batch]),
            validation_data=batches_of([batch]),
            epochs=3,
            verbose=0,
            shuffle=False,
            callbacks=[*swap, follow],
        )
    for one, two in zip(plain.weights, swapped.weights, strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [LastWeights, lambda f, c: BestWeights(f, "loss", "min", c)])
def test_bad_count(make, tmp_path):
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        make(tmp_path, 0)


def test_folder_that_cannot_be_written(fit, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file"):
        fit([LastWeights(tmp_path / "file", 1)])
