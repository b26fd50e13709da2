"""Logs of a training that a resumed one goes on with, not twice and without a gap."""

import json
import math
import os
import time
from pathlib import Path

from zoo.training.stateful import StatefulCallback


class GrowingFile:
    """A file that only grows, and can be cut back to an earlier size.

    Args:
        path: the file; missing parents are made when it is first written.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.size = 0

    def check(self):
        """Raise ValueError if the file holds what this object has not written or gone back to."""
        found = self.path.stat().st_size if self.path.exists() else 0
        if found != self.size:
            raise ValueError(
                f"{self.path} holds {found} bytes, of which {self.size} are of this training: "
                "resume it (initial_epoch=checkpoint.restore(model)) or choose another file"
            )

    def append(self, data):
        """Write bytes at the end and hand them to the operating system."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(data)
        self.size += len(data)

    def cut(self, size):
        """Go back to an earlier size.

        Raises:
            ValueError: the file is shorter, so it is damaged or another one.
        """
        found = self.path.stat().st_size if self.path.exists() else 0
        if found < size:
            raise ValueError(
                f"{self.path} has {found} bytes, the checkpoint knew {size}: it is not the log of "
                "this training; put the right one there or start with a new folder"
            )
        if found > size:
            os.truncate(self.path, size)
        self.size = size


class JsonLinesLog(StatefulCallback):
    """One JSON object a line and epoch: epoch, updates, learning_rate, seconds and every metric.

    A metric that is not finite is null.

    Args:
        path: the file to write.

    Raises:
        ValueError: when training starts, the file holds what is not of this training.
    """

    def __init__(self, path):
        super().__init__()
        self._file = GrowingFile(path)
        self._began = 0.0

    def on_train_begin(self, logs=None):
        self._file.check()

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        entry = {
            "epoch": epoch + 1,
            "updates": int(optimizer.iterations),
            "learning_rate": float(optimizer.learning_rate),
            "seconds": time.perf_counter() - self._began,
            **{name: float(value) for name, value in logs.items()},
        }
        entry = {key: value if math.isfinite(value) else None for key, value in entry.items()}
        self._file.append(json.dumps(entry).encode() + b"\n")

    def get_state(self):
        return {"size": self._file.size}

    def set_state(self, state):
        self._file.cut(state["size"])


class TensorBoardScalars(StatefulCallback):
    """Curves for TensorBoard without TensorFlow: the metrics of each epoch over the updates.

    Training metrics go to `folder/train`, validation metrics to `folder/validation` under the same
    names, so that TensorBoard draws them into one picture.

    Args:
        folder: TensorBoard's log folder of this run.

    Raises:
        ImportError: the package `tensorboard` is missing.
        ValueError: when training starts, a file holds what is not of this training.
    """

    def __init__(self, folder):
        super().__init__()
        self._proto, self._writer = _tensorboard()
        self._files = {
            part: GrowingFile(Path(folder) / part / "events.out.tfevents.0.zoo")
            for part in ("train", "validation")
        }

    def on_train_begin(self, logs=None):
        for file in self._files.values():
            file.check()

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        updates = int(optimizer.iterations)
        validation = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        self._write("train", updates, {**train, "learning_rate": optimizer.learning_rate})
        if validation:
            self._write("validation", updates, validation)

    def _write(self, part, updates, scalars):
        file = self._files[part]
        if file.size == 0:
            self._append(file, self._proto.Event(file_version="brain.Event:2"))
        event = self._proto.Event(step=updates, wall_time=time.time())
        for name, value in scalars.items():
            event.summary.value.add(tag=name, simple_value=float(value))
        self._append(file, event)

    def _append(self, file, event):
        buffer = _Buffer()
        self._writer(buffer).write(event.SerializeToString())
        file.append(buffer.data)

    def get_state(self):
        return {part: file.size for part, file in self._files.items()}

    def set_state(self, state):
        for part, file in self._files.items():
            file.cut(state[part])


class _Buffer:
    data = b""

    def write(self, data):
        self.data += data


def _tensorboard():
    """The event messages and the record writer of the `tensorboard` package."""
    try:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError("TensorBoardScalars needs: pip install tensorboard") from error
    return event_pb2, RecordWriter
