import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from zoo.training import FINISHED, Checkpoint, EarlyStopping, JsonLinesLog, average_weights

SCRIPT = Path(__file__).with_name("resumable.py")
SPEC = importlib.util.spec_from_file_location("resumable", SCRIPT)
resumable = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(resumable)


def run(folder, *when, seed=1, program=SCRIPT):
    environment = {**os.environ, "FIRST_WEIGHTS": str(seed), "PYTHONPATH": str(SCRIPT.parents[2])}
    return subprocess.run(
        [sys.executable, str(program), str(folder), *map(str, when)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def log_of(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, resumable.final_weights(resumable.train(folder, seed=1))


def assert_same_end(folder, weights, uninterrupted):
    whole, expected = uninterrupted
    for found, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-5)
    lines, expected_lines = log_of(folder), log_of(whole)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    for found, line in zip(lines, expected_lines, strict=True):
        assert found == pytest.approx(line, abs=1e-5)
    for part in ("train", "validation"):
        (events,) = (folder / "tensorboard" / part).iterdir()
        (expected_events,) = (whole / "tensorboard" / part).iterdir()
        assert events.stat().st_size == expected_events.stat().st_size
    assert names(folder / "checkpoints") == ["epoch-00004", "epoch-00005"]
    states = [
        json.loads((f / "checkpoints/epoch-00005/state.json").read_text()) for f in (folder, whole)
    ]
    kept = [state["callbacks"][1]["state"]["kept"] for state in states]
    assert [epoch for epoch, _ in kept[0]] == [epoch for epoch, _ in kept[1]]
    for epoch, _ in kept[0]:
        file = f"best/epoch-{epoch:05d}.safetensors"
        found, expected = average_weights([folder / file]), average_weights([whole / file])
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_killed_again_and_again_ends_where_it_would_have(uninterrupted, tmp_path):
    """Killed in the first epoch, while writing, while removing, and between; dropout is on."""
    kills = [("batch", 2), ("os.rename", 2), ("batch", 4), ("shutil.rmtree", 2)]
    for number, when in enumerate(kills):
        result = run(tmp_path, *when, seed=1 if number == 0 else 100 + number)
        assert result.returncode == -signal.SIGKILL, (when, result.stderr)
    result = run(tmp_path, seed=200)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "final.npz") as final:
        assert_same_end(tmp_path, [final[name] for name in final.files], uninterrupted)


class Interrupt(keras.callbacks.Callback):
    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_control_c_leaves_a_folder_to_go_on_from(uninterrupted, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        resumable.train(tmp_path, [Interrupt(8)], seed=1)
    assert names(tmp_path / "checkpoints") == ["epoch-00001", "epoch-00002"]
    model = resumable.train(tmp_path, seed=300)
    assert_same_end(tmp_path, resumable.final_weights(model), uninterrupted)
    done = resumable.train(tmp_path, seed=400)  # nothing is left to do
    assert_same_end(tmp_path, resumable.final_weights(done), uninterrupted)


def test_every_moment_of_writing_is_safe_to_be_killed_at(tmp_path):
    """A child is killed at each file event of a save; another must find the old or the new."""
    result = subprocess.run(
        [sys.executable, str(SCRIPT.with_name("kill_matrix.py")), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "numpy", "PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    old, new = map(int, result.stdout.split())
    assert old >= 5
    assert new >= 3


@pytest.fixture
def toy(make_model, batches_of, sentences, batch_up):
    """A compiled model and a function that trains it."""
    model = make_model("adam", "mse")
    batch = np.zeros((2, 3), "int32"), np.zeros((2, 3, 11), "float32")

    def fit(**arguments):
        return model.fit(batches_of([batch]), verbose=0, **arguments)

    return model, fit


def weights_of(model):
    return np.concatenate([ops.convert_to_numpy(w).ravel() for w in model.weights])


@pytest.mark.parametrize("limit", [20, 1500])
def test_full_disk_leaves_the_checkpoint_before(toy, tmp_path, limit):
    model, fit = toy
    checkpoint = Checkpoint(tmp_path / "checkpoints", 3)
    fit(epochs=1, callbacks=checkpoint.callbacks)
    before = weights_of(model)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match="cannot write checkpoint .*epoch-00002.*make room"):
            fit(epochs=2, initial_epoch=1, callbacks=checkpoint.callbacks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(checkpoint.folder) == ["epoch-00000", "epoch-00001"]
    assert not np.array_equal(weights_of(model), before)
    again = Checkpoint(tmp_path / "checkpoints", 3)
    assert again.restore(model) == 1
    np.testing.assert_array_equal(weights_of(model), before)
    fit(epochs=2, initial_epoch=1, callbacks=again.callbacks)
    assert names(checkpoint.folder) == ["epoch-00001", "epoch-00002"]


def test_a_training_that_a_callback_ended_stays_ended(toy, tmp_path):
    model, fit = toy

    def make():
        return Checkpoint(tmp_path, 3, [EarlyStopping("loss", 1, "max")])

    checkpoint = make()
    fit(epochs=9, callbacks=checkpoint.callbacks, initial_epoch=checkpoint.restore(model))
    assert names(tmp_path) == ["epoch-00001", "epoch-00002"]
    after = weights_of(model)
    checkpoint = make()
    epoch = checkpoint.restore(model)
    assert epoch == FINISHED
    fit(epochs=9, callbacks=checkpoint.callbacks, initial_epoch=epoch)
    np.testing.assert_array_equal(weights_of(model), after)


def test_two_fits_of_one_process_go_on(toy, tmp_path):
    _, fit = toy
    checkpoint = Checkpoint(tmp_path / "c", 3, [JsonLinesLog(tmp_path / "log.jsonl")], keep=1)
    fit(epochs=1, callbacks=checkpoint.callbacks)
    fit(epochs=3, initial_epoch=1, callbacks=checkpoint.callbacks)
    assert names(checkpoint.folder) == ["epoch-00003"]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3


def test_wrong_ways_to_go_on(toy, tmp_path):
    model, fit = toy
    fit(epochs=2, callbacks=Checkpoint(tmp_path, 3).callbacks)
    with pytest.raises(ValueError, match="has a checkpoint of 2 epochs: go on from it"):
        fit(epochs=2, callbacks=Checkpoint(tmp_path, 3).callbacks)
    restored = Checkpoint(tmp_path, 3)
    restored.restore(model)
    with pytest.raises(ValueError, match="initial_epoch=0, the checkpoint has 2 epochs"):
        fit(epochs=2, callbacks=restored.callbacks)
    with pytest.raises(ValueError, match="with seed 3, this one has 4"):
        Checkpoint(tmp_path, 4).restore(model)
    with pytest.raises(ValueError, match=r"callbacks \[\], this one has \['EarlyStopping'\]"):
        Checkpoint(tmp_path, 3, [EarlyStopping("loss", 1, "min")]).restore(model)


def test_foreign_and_damaged_checkpoints(toy, make_model, tmp_path):
    model, fit = toy
    fit(epochs=1, callbacks=Checkpoint(tmp_path, 3).callbacks)
    with pytest.raises(ValueError, match="with optimizer 'Adam', this one has 'SGD'"):
        Checkpoint(tmp_path, 3).restore(make_model("sgd", "mse"))
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")], name="toy")
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"weights.safetensors does not fit(.|\n)*missing: d/"):
        Checkpoint(tmp_path, 3).restore(other)
    (tmp_path / "epoch-00001" / "optimizer.safetensors").write_bytes(b"x" * 30)
    with pytest.raises(ValueError, match="optimizer.safetensors is damaged"):
        Checkpoint(tmp_path, 3).restore(model)
    (tmp_path / "epoch-00001" / "state.json").write_text("{")
    with pytest.raises(ValueError, match="epoch-00001 is damaged .*go on from the one before"):
        Checkpoint(tmp_path, 3).restore(model)


def test_models_that_cannot_be_restored(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="has no optimizer: compile"):
        Checkpoint(tmp_path, 3).restore(model)
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="has no weights yet: build it"):
        Checkpoint(tmp_path, 3).restore(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"seed": True}, "seed must be an integer >= 0, got True"),
        ({"seed": 1, "keep": 0}, "keep must be at least 1, got 0"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        Checkpoint(tmp_path, **arguments)


def test_a_step_back_goes_on_from_the_checkpoint_before(tmp_path):
    model = resumable.train(tmp_path, seed=1)
    checkpoint = Checkpoint(tmp_path / "checkpoints", seed=1)
    kept = names(tmp_path / "checkpoints")
    checkpoint.step_back()
    assert names(tmp_path / "checkpoints") == kept[:-1]
    with pytest.raises(ValueError, match="1 checkpoints: none to go back to"):
        checkpoint.step_back()
    assert model.built
