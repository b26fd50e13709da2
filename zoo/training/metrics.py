"""Means over the tokens of a data set, the same whatever the batching and padding.

Give these to `compile(weighted_metrics=...)`. Keras weighs batches by rows in the `loss` it
reports; `TokenLoss`, being named "loss", takes that place in the progress bar, in `evaluate()` and
in what callbacks see as `loss` and `val_loss`:

    loss = TokenCrossEntropy(label_smoothing=0.1)
    model.compile("adam", loss, weighted_metrics=[TokenLoss(loss), Perplexity(), TokenAccuracy()])

A token counts, once, if its weight is above 0: weights scaled for gradient accumulation change
nothing here.
"""

import keras
from keras import ops

from zoo.training.losses import token_weights


class TokenMean(keras.metrics.Metric):
    """Mean over tokens of what `values` gives for each.

    Args:
        name: name in the logs.
        ignore_id: label that does not count, or None.
    """

    def __init__(self, name, ignore_id=None):
        super().__init__(name=name, dtype="float32")
        self.ignore_id = ignore_id
        self.total = self.add_variable((2,), "zeros", name="total")
        self.tokens = self.add_variable((2,), "zeros", name="tokens")

    def values(self, labels, logits):
        """(B, T) float32 of labels (B, T) and logits (B, T, V)."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = ops.convert_to_tensor(y_true, "int32")
        logits = ops.convert_to_tensor(y_pred)
        weights = token_weights(labels, sample_weight, self.ignore_id)
        values = self.values(labels, logits)
        counted = ops.ones_like(values) if weights is None else ops.cast(weights > 0, "float32")
        # Stopped here and not at the logits, so that a compiler sees that the loss is the same.
        values = ops.stop_gradient(ops.where(counted > 0, values, 0.0))
        _accumulate(self.total, ops.sum(values))
        _accumulate(self.tokens, ops.sum(counted))

    def result(self):
        return ops.divide_no_nan(self.total[0], self.tokens[0])

    def get_config(self):
        return {"name": self.name, "ignore_id": self.ignore_id}


def _accumulate(variable, value):
    """Add to a running sum; its second number is the rounding error so far (Kahan 1965).

    A plain float32 sum stops to grow at 2 ** 24 tokens, and is off by 1e-5 long before.
    """
    value = value - variable[1]
    total = variable[0] + value
    variable.assign(ops.stack([total, (total - variable[0]) - value]))


def _of_labels(logits, labels):
    """Logit of each label, (B, T); a label to ignore may be negative."""
    labels = ops.maximum(labels, 0)
    return ops.squeeze(ops.take_along_axis(logits, ops.expand_dims(labels, -1), axis=-1), -1)


@keras.saving.register_keras_serializable("zoo")
class TokenLoss(TokenMean):
    """Mean of a loss over tokens, in the place of Keras' own `loss`.

    Penalties of layers (`add_loss`, weight regularizers) are not part of it.

    Args:
        loss: the compiled `TokenCrossEntropy`.
        name: "loss" takes the place of Keras' own.
    """

    def __init__(self, loss, name="loss"):
        super().__init__(name, loss.ignore_id)
        self.loss = loss

    def values(self, labels, logits):
        # The very operations of the compiled loss, which compilers then do once.
        return self.loss.call(ops.convert_to_tensor(labels, self.loss.dtype), logits)

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss), "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


@keras.saving.register_keras_serializable("zoo")
class Perplexity(TokenMean):
    """exp of the mean cross-entropy of the tokens, without label smoothing.

    Args:
        name: name in the logs.
        ignore_id: label that does not count, or None.
    """

    def __init__(self, name="perplexity", ignore_id=None):
        super().__init__(name, ignore_id)

    def values(self, labels, logits):
        logits = ops.cast(logits, "float32")
        return ops.logsumexp(logits, axis=-1) - _of_labels(logits, labels)

    def result(self):
        return ops.exp(super().result())


@keras.saving.register_keras_serializable("zoo")
class TokenAccuracy(TokenMean):
    """Share of tokens whose label has the highest logit, alone or among equals.

    Args:
        name: name in the logs.
        ignore_id: label that does not count, or None.
    """

    def __init__(self, name="accuracy", ignore_id=None):
        super().__init__(name, ignore_id)

    def values(self, labels, logits):
        # On TensorFlow an argmax takes eight times as long.
        highest = ops.max(logits, axis=-1)
        return ops.cast(ops.equal(_of_labels(logits, labels), highest), "float32")


@keras.saving.register_keras_serializable("zoo")
class TokenCount(TokenMean):
    """How many tokens counted; `TokensPerSecond` reads it.

    Args:
        name: name in the logs.
        ignore_id: label that does not count, or None.
    """

    def __init__(self, name="tokens", ignore_id=None):
        super().__init__(name, ignore_id)

    def values(self, labels, logits):
        return ops.ones_like(ops.cast(labels, "float32"))

    def result(self):
        return ops.copy(self.tokens[0])  # on torch a view would change with what is counted next
