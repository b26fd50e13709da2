"""Stop a training at any point, kill -9 included, and go on as if it had not been stopped."""

import json
import os
import re
import shutil
from pathlib import Path

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from zoo.checkpoints.weights import assign_weights, read_weights, write_weights
from zoo.training.randomness import seed_epoch
from zoo.training.stateful import StatefulCallback

FINISHED = 10**9


class Checkpoint(keras.callbacks.Callback):
    """Keep at the end of every epoch all that a stopped training needs to go on.

        checkpoint = Checkpoint("run/checkpoints", seed=1, callbacks=[log, stopping])
        epoch = checkpoint.restore(model)
        model.fit(batches, epochs=20, initial_epoch=epoch, callbacks=checkpoint.callbacks)

    The same lines start a training and resume one, on the same backend with the same numbers: an
    epoch draws its randomness from (seed, epoch), so what is lost is at most the epoch under way.
    That asks the data for an order by (seed, epoch) too, and for a whole number of updates an
    epoch.

    A checkpoint is a folder `epoch-00003` (3 epochs done) of weights, optimizer with its moving
    averages and step, and the callbacks' state. It is written beside and renamed, so it is whole
    or absent; one of epoch 0 holds the initial weights.

    Args:
        folder: where the checkpoints go; for one training.
        seed: integer >= 0 that the randomness of every epoch derives from.
        callbacks: callbacks to run before this one; the state of each `StatefulCallback` is kept.
        keep: how many checkpoints to keep, at least 1.

    Raises:
        ValueError: an argument is out of range; or, when training starts, the model is not built,
            or `folder` has a checkpoint that this training has not begun from.
        OSError: at an epoch's end, the checkpoint cannot be written; the ones before are whole.
    """

    def __init__(self, folder, seed, callbacks=(), keep=2):
        super().__init__()
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
        if not keep >= 1:
            raise ValueError(f"keep must be at least 1, got {keep}")
        self.folder = Path(folder)
        self.seed = seed
        self.keep = keep
        self.callbacks = [*callbacks, self]
        self._stateful = [c for c in callbacks if isinstance(c, StatefulCallback)]
        self._epoch = None

    def restore(self, model):
        """Bring model, optimizer and callbacks to the last checkpoint.

        Args:
            model: a built and compiled model, as it was when training began.

        Returns:
            How many epochs are done: 0 where there is no checkpoint, `FINISHED` (beyond any
            `epochs`) where a callback ended the training.

        Raises:
            ValueError: the model is not built or compiled, the checkpoint is damaged, or it is of
                another model, optimizer, seed or list of callbacks.
        """
        _build_optimizer(model)
        epochs = self._epochs()
        if not epochs:
            return 0
        folder = self._folder(epochs[-1])
        state = self._read_state(folder, model)
        read_weights(folder / "weights.safetensors", model)
        _read_optimizer(folder / "optimizer.safetensors", model.optimizer)
        for callback, kept in zip(self._stateful, state["callbacks"], strict=True):
            callback.set_state(kept["state"])
        self._epoch = epochs[-1]
        return FINISHED if state["finished"] else self._epoch

    def step_back(self):
        """Drop the last checkpoint: `restore` then goes on from the one before.

        Raises:
            ValueError: there is no other one.
        """
        epochs = self._epochs()
        if len(epochs) < 2:
            raise ValueError(f"{self.folder} has {len(epochs)} checkpoints: none to go back to")
        self._remove(epochs[-1])
        self._sweep()

    def on_train_begin(self, logs=None):
        _build_optimizer(self.model)
        self._sweep()
        epochs = self._epochs()
        if not epochs:
            self._save(0)
        elif epochs[-1] != self._epoch:
            raise ValueError(
                f"{self.folder} has a checkpoint of {epochs[-1]} epochs: go on from it with "
                "fit(initial_epoch=checkpoint.restore(model)), or choose another folder"
            )

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != self._epoch:
            raise ValueError(
                f"training begins with initial_epoch={epoch}, the checkpoint has {self._epoch} "
                "epochs: use fit(initial_epoch=checkpoint.restore(model))"
            )

    def on_train_batch_begin(self, batch, logs=None):
        # Not at the epoch's beginning: the iterator that torch's data loader makes after that draws
        # from the global generator, in the first epoch of a run only.
        if batch == 0:
            seed_epoch(self.model, self.seed, self._epoch)

    def on_epoch_end(self, epoch, logs=None):
        self._save(epoch + 1)

    def _save(self, epoch):
        """Write the checkpoint, then let go of older ones."""
        final = self._folder(epoch)
        temporary = final.with_name(f".{final.name}.writing")
        try:
            temporary.mkdir(parents=True)
            write_weights(temporary / "weights.safetensors", self.model)
            _write_optimizer(temporary / "optimizer.safetensors", self.model.optimizer)
            (temporary / "state.json").write_text(json.dumps(self._state(), indent=1))
            for path in (*temporary.iterdir(), temporary):
                _flush(path)
            os.rename(temporary, final)
            _flush(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise OSError(
                f"cannot write checkpoint {final}: {error}. Those of the epochs before are whole: "
                "make room and run again to go on from there"
            ) from error
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        self._epoch = epoch
        for old in self._epochs()[: -self.keep]:
            self._remove(old)
        self._sweep()

    def _remove(self, epoch):
        # Renamed first: a folder that is half removed must not look like a checkpoint.
        folder = self._folder(epoch)
        folder.rename(folder.with_name(f".{folder.name}.removing"))

    def _state(self):
        return {
            "seed": self.seed,
            "optimizer": type(self.model.optimizer).__name__,
            "updates": int(self.model.optimizer.iterations),
            "finished": bool(self.model.stop_training),
            "callbacks": [
                {"class": type(callback).__name__, "state": callback.get_state()}
                for callback in self._stateful
            ],
        }

    def _read_state(self, folder, model):
        """The state that `_state` gave, if it is of this training."""
        try:
            state = json.loads((folder / "state.json").read_text())
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{folder} is damaged ({error}): remove it to go on from the one before"
            ) from error
        asked = {
            "seed": self.seed,
            "optimizer": type(model.optimizer).__name__,
            "callbacks": [type(callback).__name__ for callback in self._stateful],
        }
        found = {**state, "callbacks": [kept["class"] for kept in state["callbacks"]]}
        for name, value in asked.items():
            if found[name] != value:
                raise ValueError(
                    f"{folder} is of a training with {name} {found[name]!r}, this one has "
                    f"{value!r}: take the same or another folder"
                )
        return state

    def _folder(self, epoch):
        return self.folder / f"epoch-{epoch:05d}"

    def _epochs(self):
        """Epochs of the whole checkpoints, ascending."""
        names = [path.name for path in self.folder.glob("epoch-*")]
        matches = [re.fullmatch(r"epoch-(\d{5,})", name) for name in names]
        return sorted(int(match[1]) for match in matches if match)

    def _sweep(self):
        """Remove what a killed training or a finished checkpoint left behind."""
        for pattern in (".epoch-*.writing", ".epoch-*.removing"):
            for folder in self.folder.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)


def _build_optimizer(model):
    if not model.compiled or model.optimizer is None:
        raise ValueError(f"the model {model.name} has no optimizer: compile() it first")
    if not model.built:
        raise ValueError(
            f"the model {model.name} has no weights yet: build it, or call it on one batch, before "
            "restore() and fit()"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _named(optimizer):
    """{number: variable}: the paths of an optimizer's variables hold the model's name."""
    return {f"{number:05d}": variable for number, variable in enumerate(optimizer.variables)}


def _write_optimizer(file, optimizer):
    save_file(
        {
            name: np.asarray(ops.convert_to_numpy(variable.value), order="C")
            for name, variable in _named(optimizer).items()
        },
        file,
        {name: variable.path for name, variable in _named(optimizer).items()},
    )


def _read_optimizer(file, optimizer):
    try:
        arrays = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    assign_weights(_named(optimizer), arrays, file)


def _flush(path):
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
