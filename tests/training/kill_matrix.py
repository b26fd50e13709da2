"""Kill a child at each file event of saving a checkpoint; print how often the old, the new stayed.

Runs on Keras' numpy backend, whose process may fork.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from zoo.training import Checkpoint

EVENTS = {"open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "shutil.rmtree"}


def make_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")], name="toy")
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    model.stop_training = False
    return model


def mark(model, number):
    """Set every variable to a number that tells the epoch."""
    for variable in [*model.weights, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, number))


def marks(model):
    return {
        float(value)
        for variable in [*model.weights, *model.optimizer.variables]
        for value in np.ravel(keras.ops.convert_to_numpy(variable))
    }


def save_epochs(folder, epochs, kill_at=None):
    model, checkpoint = make_model(), Checkpoint(folder, 3, keep=1)
    done = checkpoint.restore(model)
    checkpoint.set_model(model)
    if kill_at is not None:
        count_events(folder, kill_at)
    checkpoint.on_train_begin()
    for epoch in range(done, epochs):
        mark(model, epoch + 1)
        checkpoint.on_epoch_end(epoch)


def count_events(folder, kill_at):
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if event in EVENTS and str(folder) in str(arguments[0]):
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def killed(folder, kill_at):
    """Whether a child that saves epoch 2 was killed at its event number `kill_at`."""
    child = os.fork()
    if child == 0:
        save_epochs(folder, 2, kill_at)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def main(root):
    start = root / "start"
    save_epochs(start, 1)
    found = {1: 0, 2: 0}
    kill_at = 1
    while True:
        folder = root / f"killed-{kill_at}"
        shutil.copytree(start, folder)
        if not killed(folder, kill_at):
            break
        model = make_model()
        epoch = Checkpoint(folder, 3, keep=1).restore(model)
        assert marks(model) == {epoch}, (kill_at, epoch, marks(model))
        found[epoch] += 1
        save_epochs(folder, 3)
        assert [path.name for path in folder.iterdir()] == ["epoch-00003"], kill_at
        kill_at += 1
    print(found[1], found[2])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
