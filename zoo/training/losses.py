"""Cross-entropy of tokens with label smoothing, on integer labels."""

import keras
from keras import ops

from zoo.training.masked_statistics import masked_mean


def smoothed_cross_entropy(labels, logits, label_smoothing=0.0):
    """Cross-entropy of each token with its smoothed label, in float32 and in nats.

    The smoothed target of a label y gives each of the V words e / V and y another 1 - e
    (Szegedy et al. 2016, section 7; "Attention is all you need", 5.4; Keras). With z the logits the
    loss is log(sum(exp(z))) - (1 - e) * z[y] - e * mean(z): one log-sum-exp, no log-probabilities.

    Args:
        labels: (B, T) integer ids below V; an id outside hits no word and is not noticed here.
        logits: (B, T, V), any float type.
        label_smoothing: e, at least 0 and below 1.

    Returns:
        (B, T) float32.
    """
    logits = ops.convert_to_tensor(logits, "float32")
    return ops.logsumexp(logits, axis=-1) - smoothed_pick(labels, logits, label_smoothing)


def smoothed_pick(labels, values, label_smoothing=0.0):
    """The mean of the words' values under the smoothed target of `smoothed_cross_entropy`.

    Args:
        labels: (B, T) integer ids below V.
        values: (B, T, V) float32; of log-probabilities the result is the negative loss.
        label_smoothing: e.

    Returns:
        (B, T) float32: (1 - e) * values[y] + e * mean(values).
    """
    labels = ops.convert_to_tensor(labels, "int32")
    vocabulary = values.shape[-1]
    # A selection fused into a sum: a gather's gradient is a scatter into (B, T, V), which costs
    # more than the whole loss on TensorFlow.
    hit = ops.equal(ops.arange(vocabulary), ops.expand_dims(labels, -1))
    if label_smoothing:
        rest = label_smoothing / vocabulary
        picked = ops.where(hit, 1.0 - label_smoothing + rest, rest) * values
    else:
        picked = ops.where(hit, values, 0.0)  # a product would turn -inf of other words into NaN
    return ops.sum(picked, axis=-1)


def answer_loss(labels, logits, answers):
    """Mean cross-entropy of the tokens of answers; what stands in prompts and padding is not read.

    The loss of supervised fine-tuning (InstructGPT, Ouyang et al. 2022, 3.5), as a function. In
    `fit()`, `TokenCrossEntropy` with sample weights 1 on answers and 0 elsewhere is the same.

    Args:
        labels: (B, T) integer ids below V, the token behind each.
        logits: (B, T, V), any float type.
        answers: (B, T) bool, where the label is a token of an answer.

    Returns:
        () float32, in nats; 0 where there is no answer.
    """
    return masked_mean(smoothed_cross_entropy(labels, logits), answers)


def token_weights(labels, sample_weight, ignore_id):
    """Merge the weights of tokens with the labels to ignore.

    Args:
        labels: (B, T).
        sample_weight: (B, T), or None for ones.
        ignore_id: label that never counts, or None.

    Returns:
        (B, T) float32, or None where every token weighs the same.

    Raises:
        ValueError: `sample_weight` is not one number a token.
    """
    labels = ops.convert_to_tensor(labels, "int32")
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, "float32")
        if len(sample_weight.shape) != len(labels.shape):
            raise ValueError(
                f"sample_weight must be one number a token, of the labels' shape "
                f"{tuple(labels.shape)}; got shape {tuple(sample_weight.shape)}"
            )
    if ignore_id is None:
        return sample_weight
    kept = ops.cast(ops.not_equal(labels, ignore_id), "float32")
    return kept if sample_weight is None else kept * sample_weight


@keras.saving.register_keras_serializable("zoo")
class TokenCrossEntropy(keras.losses.Loss):
    """Cross-entropy with label smoothing: labels (B, T), logits (B, T, V), weights (B, T).

    A batch's loss is the mean over its tokens, however it is padded, where padding weighs 0. The
    `loss` that Keras reports over several batches weighs them by rows; add `TokenLoss(loss)` to
    `weighted_metrics` to report the mean over the tokens.

    For k accumulated batches that equal one batch of all their tokens, give
    `gradient_accumulation_steps=k` to the optimizer, `reduction="sum"` here, and weights
    k / (tokens of the k batches): the optimizer's mean of k gradients is then the gradient of the
    mean over all tokens.

    Args:
        label_smoothing: e, see `smoothed_cross_entropy`.
        ignore_id: label that does not count, or None.
        reduction: as in Keras; the default divides by the sum of the weights.
        name: name of the loss.

    Raises:
        ValueError: `label_smoothing` is out of range.
    """

    def __init__(
        self,
        label_smoothing=0.0,
        ignore_id=None,
        reduction="mean_with_sample_weight",
        name="token_cross_entropy",
    ):
        # Keras turns labels into the loss's type: float32 holds every id below 2 ** 24.
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"label_smoothing must be at least 0 and below 1, got {label_smoothing}"
            )
        self.label_smoothing = label_smoothing
        self.ignore_id = ignore_id

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(
            y_true, y_pred, token_weights(y_true, sample_weight, self.ignore_id)
        )

    def call(self, y_true, y_pred):
        return smoothed_cross_entropy(y_true, y_pred, self.label_smoothing)

    def get_config(self):
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "ignore_id": self.ignore_id,
        }
