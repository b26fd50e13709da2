"""Averages of weights: over checkpoints, and the optimizer's running one.

Averaging the last checkpoints is how the base models of "Attention is all you need" (6.1) were
made. For an exponential moving average, give the optimizer `use_ema=True, ema_momentum=0.999`: it
is part of every `Checkpoint`, `keras.callbacks.SwapEMAWeights()` validates with it, and `fit`
leaves it in the model when it ends. It moves once a batch: with gradient accumulation over k
batches, a momentum of m an update takes `ema_momentum=m ** (1 / k)`.
"""

import contextlib
import os
from pathlib import Path

import numpy as np
from keras import ops
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zoo.checkpoints.weights import assign_weights, named_weights
from zoo.training.stateful import Monitor, StatefulCallback


def average_weights(files):
    """Mean of weight files, summed in float64; a weight of whole numbers is the last file's.

    Args:
        files: paths of files with the same names and shapes, at least one.

    Returns:
        {path of the variable: array}, in the types of the last file.

    Raises:
        ValueError: there is no file, one is missing or damaged, or names or shapes differ.
    """
    files = [Path(file) for file in files]
    if not files:
        raise ValueError("files is empty: there is nothing to average")
    sums, shapes = {}, None
    for file in files:
        arrays = _read(file)
        found = {name: array.shape for name, array in arrays.items()}
        shapes = shapes or found
        if found != shapes:
            names = sorted(n for n in found | shapes if found.get(n) != shapes.get(n))
            raise ValueError(f"{file} and {files[0]} differ in name or shape of {names}")
        for name, array in arrays.items():
            sums[name] = sums.get(name, 0.0) + array.astype("float64")
    return {
        name: (sums[name] / len(files)).astype(last.dtype)
        if np.issubdtype(last.dtype, np.floating)
        else last
        for name, last in arrays.items()
    }


def _read(file):
    if not file.is_file():
        raise ValueError(f"{file} is missing")
    try:
        with safe_open(file, framework="numpy") as handle:
            return {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{file} is damaged: {error}") from error


def load_average(model, files):
    """Set a model's weights to the mean of weight files.

    Args:
        model: a built model.
        files: paths, such as `best_weights.files`.

    Raises:
        ValueError: as `average_weights`, or the files are not of such a model.
    """
    files = list(files)
    assign_weights(named_weights(model), average_weights(files), f"the mean of {len(files)} files")


def final_weights(model):
    """The weights as `fit` would leave them if it ended now, {path: array}.

    These are the model's own, or, where the optimizer keeps one, their moving average.
    """
    values = dict(zip(map(id, model.weights), model.weights, strict=True))
    averages = [v for v in model.optimizer.variables if v.name.endswith("_average")]
    if averages:
        values |= dict(zip(map(id, model.trainable_variables), averages, strict=True))
    return {
        path: np.asarray(ops.convert_to_numpy(values[id(variable)].value), order="C")
        for path, variable in named_weights(model).items()
    }


@contextlib.contextmanager
def with_final_weights(model):
    """A context in which a compiled model has `final_weights`; afterwards it has its own again."""
    if not model.optimizer.use_ema:
        yield
        return
    variables = named_weights(model)
    own = {path: ops.convert_to_numpy(v.value).copy() for path, v in variables.items()}
    assign_weights(variables, final_weights(model), "the moving average")
    try:
        yield
    finally:
        assign_weights(variables, own, "the model itself")


class _KeptWeights(StatefulCallback):
    """Writes the weights of epochs and keeps the files of some."""

    def __init__(self, folder, count):
        super().__init__()
        if not count >= 1:
            raise ValueError(f"count must be at least 1, got {count}")
        self.folder = Path(folder)
        self.count = count
        self._kept = []  # [epoch, score], best first

    @property
    def files(self):
        """Paths of the kept files, best first."""
        return [self._file(epoch) for epoch, _ in self._kept]

    def score(self, epoch, logs):
        """How good an epoch is, a number of which more is better."""
        raise NotImplementedError

    def on_epoch_end(self, epoch, logs=None):
        epoch += 1
        # The last checkpoint names the files of the epoch before: those stay one epoch longer.
        needed = {old for old, _ in self._kept}
        kept = [*self._kept, [epoch, self.score(epoch, logs)]]
        kept.sort(key=lambda pair: -pair[1])
        self._kept = kept[: self.count]
        if epoch in {kept for kept, _ in self._kept}:
            self._write(epoch)
        needed |= {kept for kept, _ in self._kept}
        for file in self.folder.glob("epoch-*.safetensors"):
            if file not in {self._file(epoch) for epoch in needed}:
                file.unlink()

    def _file(self, epoch):
        return self.folder / f"epoch-{epoch:05d}.safetensors"

    def _write(self, epoch):
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(epoch)
        temporary = file.with_suffix(".writing")
        try:
            save_file(final_weights(self.model), temporary)
            os.replace(temporary, file)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise OSError(f"cannot write {file}: {error}") from error

    def get_state(self):
        return {"kept": self._kept}

    def set_state(self, state):
        self._kept = [list(pair) for pair in state["kept"]]


class LastWeights(_KeptWeights):
    """Keep the weights of the last epochs, to be averaged.

    An epoch's file has what `final_weights` gives.

    Args:
        folder: where the files go; files `epoch-*.safetensors` there are this callback's.
        count: how many to keep, at least 1.

    Raises:
        ValueError: `count` is out of range.
        OSError: at an epoch's end, the file cannot be written.
    """

    def score(self, epoch, logs):
        return epoch


class BestWeights(_KeptWeights):
    """Keep the weights of the epochs that are best by a metric, to be averaged or, one, taken.

    An epoch's file has what `final_weights` gives. Of equal epochs the earlier is better.

    Args:
        folder: where the files go; files `epoch-*.safetensors` there are this callback's.
        monitor: metric to watch, such as "val_loss".
        mode: "min" where less is better, "max" where more is.
        count: how many to keep, at least 1.

    Raises:
        ValueError: an argument is out of range; or, at an epoch's end, the metric is missing.
        OSError: at an epoch's end, the file cannot be written.
    """

    def __init__(self, folder, monitor, mode, count=1):
        super().__init__(folder, count)
        self.monitor = Monitor(monitor, mode)

    def score(self, epoch, logs):
        return self.monitor.gain(self.monitor.read(logs), 0.0)
