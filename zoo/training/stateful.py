"""What callbacks need so that a stopped training can go on: state, and the metric they watch."""

import math

import keras


class StatefulCallback(keras.callbacks.Callback):
    """A callback whose state is part of every `Checkpoint`."""

    def get_state(self):
        """The state at the end of an epoch, as what JSON can hold."""
        raise NotImplementedError

    def set_state(self, state):
        """Go back to what `get_state` gave; what was written since then is taken back."""
        raise NotImplementedError


class Monitor:
    """A metric of the logs to watch, and which of two values is better.

    Args:
        name: key of the logs, such as "val_loss".
        mode: "min" where less is better, "max" where more is.

    Raises:
        ValueError: `mode` is neither.
    """

    def __init__(self, name, mode):
        if mode not in ("min", "max"):
            raise ValueError(f'mode must be "min" or "max", got {mode!r}')
        self.name = name
        self._sign = 1.0 if mode == "max" else -1.0

    def read(self, logs):
        """The metric's value in `logs`; of one that is not a number, the worst there is.

        Raises:
            ValueError: `logs` lack it.
        """
        if self.name not in logs:
            raise ValueError(
                f"the epoch has no metric {self.name!r}, only {sorted(logs)}: "
                "val_ metrics need validation_data at every epoch, dev_ metrics a DevMetric before "
                "this callback"
            )
        value = float(logs[self.name])
        return -self._sign * math.inf if math.isnan(value) else value

    def gain(self, value, reference):
        """How much better `value` is than `reference`: above 0 if it is."""
        return 0.0 if value == reference else self._sign * (value - reference)
