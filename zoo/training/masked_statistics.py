"""Means and variances over the real entries of padded batches.

Padding never enters: not by its value, which may be NaN, nor by its number.
"""

from keras import ops


def masked_sum(values, mask):
    """Sum of the entries that count: values (...) of any float type, mask (...) bool or 0 and 1
    -> () float32. What does not count is not even read: NaN times 0 would be NaN."""
    values = ops.cast(values, "float32")
    return ops.sum(ops.where(ops.cast(mask, "bool"), values, 0.0))


def masked_mean(values, mask):
    """Mean of the entries that count, 0 where there is none.

    Args:
        values: (...) floating.
        mask: (...) bool, or numbers that are 0 where an entry does not count.

    Returns:
        () float32.
    """
    count = ops.sum(ops.cast(ops.cast(mask, "bool"), "float32"))
    return masked_sum(values, mask) / ops.maximum(count, 1.0)


def masked_variance(values, mask):
    """Mean squared distance from the mean, over n entries that count (not n - 1); 0 for none.

    Args:
        values, mask: as for `masked_mean`.

    Returns:
        () float32.
    """
    centred = ops.cast(values, "float32") - masked_mean(values, mask)
    return masked_mean(ops.square(centred), mask)


def whiten(values, mask, shift_mean=True, epsilon=1e-8):
    """Entries with variance 1 and mean 0; padding becomes 0.

    Of "Fine-tuning language models from human preferences" (Ziegler et al. 2019), whose code
    whitens advantages with and rewards without a shift.

    Args:
        values, mask: as for `masked_mean`.
        shift_mean: False keeps the mean, that of the given values.
        epsilon: added to the variance.

    Returns:
        (...) float32.
    """
    mean, variance = masked_mean(values, mask), masked_variance(values, mask)
    whitened = (ops.cast(values, "float32") - mean) / ops.sqrt(variance + epsilon)
    if not shift_mean:
        whitened = whitened + mean
    return ops.where(ops.cast(mask, "bool"), whitened, 0.0)


def explained_variance(predictions, targets, mask):
    """Which share of the targets' variance predictions explain: 1 all, 0 as good as the mean, below
    0 worse. Targets that do not vary give 0.

    Args:
        predictions, targets: (...) floating.
        mask: as for `masked_mean`.

    Returns:
        () float32: 1 - Var(targets - predictions) / Var(targets).
    """
    targets = ops.cast(targets, "float32")
    left = masked_variance(targets - ops.cast(predictions, "float32"), mask)
    total = masked_variance(targets, mask)
    varies = total > 0
    return ops.where(varies, 1.0 - left / ops.where(varies, total, 1.0), 0.0)
