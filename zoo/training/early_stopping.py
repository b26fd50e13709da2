"""Stop when a metric no longer improves."""

from zoo.training.stateful import Monitor, StatefulCallback


class EarlyStopping(StatefulCallback):
    """Stop after `patience` epochs in a row without a new best value.

    It differs from Keras' own in that a resumed training remembers best value and waiting time. To
    get the best weights, use `BestWeights`.

    Args:
        monitor: metric to watch, such as "val_loss".
        patience: epochs without improvement that end the training, at least 1.
        mode: "min" where less is better, "max" where more is.
        min_gain: improvements up to this one do not count, in the metric's unit.

    Raises:
        ValueError: an argument is out of range; or, at an epoch's end, the metric is missing.
    """

    def __init__(self, monitor, patience, mode, min_gain=0.0):
        super().__init__()
        if not patience >= 1:
            raise ValueError(f"patience must be at least 1, got {patience}")
        self.monitor = Monitor(monitor, mode)
        self.patience = patience
        self.min_gain = min_gain
        self.best = None
        self.waited = 0

    def on_epoch_end(self, epoch, logs=None):
        value = self.monitor.read(logs)
        if self.best is None or self.monitor.gain(value, self.best) > self.min_gain:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.model.stop_training = True

    def get_state(self):
        return {"best": self.best, "waited": self.waited}

    def set_state(self, state):
        self.best, self.waited = state["best"], state["waited"]
