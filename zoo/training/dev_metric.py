"""Metrics of whole data sets, such as F1 or BLEU, in the logs of every epoch."""

import keras

from zoo.training.averaging import with_final_weights


class DevMetric(keras.callbacks.Callback):
    """Measure the model at the end of each epoch; the metrics join the epoch's logs.

    A metric "f1" becomes `dev_f1` there, for the progress bar, `EarlyStopping`, `BestWeights` and
    logs that come after this callback:

        callbacks = [DevMetric(evaluate), BestWeights(folder, "dev_f1", "max"), JsonLinesLog(file)]
        checkpoint = Checkpoint("run/checkpoints", seed=1, callbacks=callbacks)

    Where the optimizer keeps a moving average of the weights, that is what is measured, as it is
    what `BestWeights` keeps. It has no state: a resumed training measures on.

    Args:
        evaluate: function without arguments, gives a dict of floats. It reads the model, and leaves
            its weights alone.
        prefix: begins the names in the logs.

    Raises:
        ValueError: at an epoch's end, `evaluate` gave something else, or the logs have such a name.
    """

    def __init__(self, evaluate, prefix="dev_"):
        super().__init__()
        self.evaluate = evaluate
        self.prefix = prefix

    def on_epoch_end(self, epoch, logs=None):
        with with_final_weights(self.model):
            found = self.evaluate()
        if not isinstance(found, dict):
            raise ValueError(f"evaluate must give a dict of floats, got {type(found).__name__}")
        metrics = {}
        for name, value in found.items():
            try:
                metrics[self.prefix + name] = float(value)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"evaluate must give a dict of floats, got {value!r} as {name!r}"
                ) from error
        shared = sorted(metrics.keys() & logs.keys())
        if shared:
            raise ValueError(f"the logs have {shared} already: choose another prefix")
        logs.update(metrics)
