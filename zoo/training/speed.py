"""How fast the training is."""

import time

import keras


class TokensPerSecond(keras.callbacks.Callback):
    """Add `tokens_per_second` of training to the progress bar and the logs of the epoch.

    It counts from the end of an epoch's first batch, which may have been compiled, and reads the
    metric `TokenCount()`, which must be among `weighted_metrics`. Callbacks that shall log the rate
    come after this one.

    Args:
        tokens: name of the metric that counts tokens.

    Raises:
        ValueError: in training, the metric is missing.
    """

    # Threads would bring the batches out of order, and a rate may not count backwards.
    async_safe = False

    def __init__(self, tokens="tokens"):
        super().__init__()
        self.tokens = tokens
        self._rate = 0.0
        self._first = None

    def on_epoch_begin(self, epoch, logs=None):
        self._rate, self._first = 0.0, None

    def on_train_batch_end(self, batch, logs=None):
        if self.tokens not in logs:
            raise ValueError(
                f"the logs have no {self.tokens!r}, only {sorted(logs)}: "
                "add TokenCount() to weighted_metrics"
            )
        now, tokens = time.perf_counter(), float(logs[self.tokens])
        if self._first is None:
            self._first = now, tokens
        else:
            began, before = self._first
            self._rate = (tokens - before) / (now - began)
        logs["tokens_per_second"] = self._rate

    def on_epoch_end(self, epoch, logs=None):
        logs["tokens_per_second"] = self._rate
