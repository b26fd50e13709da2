import keras
import numpy as np
import pytest

from zoo.training import Checkpoint, Samples, TokenCrossEntropy

BATCH = np.ones((2, 3), "int32"), np.zeros((2, 3), "int32"), np.ones((2, 3), "float32")


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return BATCH


def fit(folder, model, epochs, generate, show=lambda added: None, before=()):
    samples = Samples(folder / "samples.txt", generate, show)
    checkpoint = Checkpoint(folder / "checkpoints", 3, [*before, samples])
    model.fit(
        Batches(),
        epochs=epochs,
        initial_epoch=checkpoint.restore(model),
        callbacks=checkpoint.callbacks,
        verbose=0,
    )


def weights(model):
    return [keras.ops.convert_to_numpy(v).copy() for v in model.trainable_variables]


def test_texts_of_every_epoch(make_model, tmp_path):
    shown = []
    model = make_model("sgd", TokenCrossEntropy())
    fit(tmp_path, model, 2, lambda: ["über\nhier", "dort"], shown.append)
    parts = [f"=== epoch {n}, {n} updates\n--- 1\nüber\nhier\n--- 2\ndort" for n in (1, 2)]
    assert shown == parts
    found = (tmp_path / "samples.txt").read_text(encoding="utf-8")
    assert found == "".join(f"{part}\n" for part in parts)


def test_what_the_checkpoint_does_not_know_is_taken_back(make_model, tmp_path):
    file = tmp_path / "samples.txt"
    fit(tmp_path, make_model("sgd", TokenCrossEntropy()), 1, lambda: ["one"])
    before = file.read_text()
    with file.open("a") as more:
        more.write("=== epoch 2, killed before its chec")
    fit(tmp_path, make_model("sgd", TokenCrossEntropy()), 2, lambda: ["two"])
    assert file.read_text() == before + "=== epoch 2, 2 updates\n--- 1\ntwo\n"


def test_written_with_the_moving_average(make_model, tmp_path):
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.7)
    model = make_model(optimizer, TokenCrossEntropy())
    own, seen = [], []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            own.append(weights(model))

    def generate():
        seen.append(weights(model))
        return []

    fit(tmp_path, model, 2, generate, before=[Look()])
    # The average begins with the weights after the first update.
    for one, two, average in zip(*own, seen[1], strict=True):
        np.testing.assert_allclose(average, 0.7 * one + 0.3 * two, rtol=0, atol=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(own[1], seen[1], strict=True)) > 1e-3


def test_a_file_of_another_training(make_model, tmp_path):
    (tmp_path / "samples.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds 4 bytes"):
        fit(tmp_path, make_model("sgd", TokenCrossEntropy()), 1, list)
