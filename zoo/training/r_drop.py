"""R-Drop: two passes with dropout shall agree."""

import keras
from keras import ops

from zoo.training.losses import TokenCrossEntropy, smoothed_pick


@keras.saving.register_keras_serializable("zoo")
class RDrop(TokenCrossEntropy):
    """Cross-entropy of two passes over the same rows, and how far the passes are apart.

    "R-Drop: Regularized dropout for neural networks" (Liang et al. 2021), equations 2 to 4. With P
    and Q the distributions of a token in the two passes, the loss of the token is the mean of its
    two cross-entropies plus alpha / 2 times the mean of KL(P || Q) and KL(Q || P), that is, half of
    the paper's sum: sum((P - Q) * (log P - log Q)) / 2, one sum for both divergences.

    Rows i and B / 2 + i of a batch are the same: `zoo.text.Twice` makes such batches, of
    validation data as well, where without dropout the passes agree and the divergence is 0.

    Args:
        label_smoothing, ignore_id, reduction, name: as for `TokenCrossEntropy`.
        alpha: weight of the divergence; 5 in the paper's translation, and 1 to 5 elsewhere.

    Raises:
        ValueError: `alpha` is negative, or the number of rows is odd.
    """

    def __init__(
        self,
        label_smoothing=0.0,
        alpha=5.0,
        ignore_id=None,
        reduction="mean_with_sample_weight",
        name="r_drop",
    ):
        super().__init__(label_smoothing, ignore_id, reduction, name)
        if alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {alpha}")
        self.alpha = alpha

    def call(self, y_true, y_pred):
        rows = y_pred.shape[0]
        if rows is not None and rows % 2:
            raise ValueError(
                f"RDrop compares the halves of a batch, whose rows must be even in number; got "
                f"{rows}: see zoo.text.Twice"
            )
        log_probs = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)  # for both terms
        log_p, log_q = ops.split(log_probs, 2, axis=0)
        # The mean of the two divergences, (B / 2, T).
        apart = ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), axis=-1) / 2
        apart = ops.concatenate([apart, apart], axis=0)
        return self.alpha / 2 * apart - smoothed_pick(y_true, log_probs, self.label_smoothing)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}
