"""What may be drawn: functions logits (..., V) float32 -> (..., V), -inf for what may not."""

import numbers

from keras import ops

from zoo.decoding.state import check_count


class Temperature:
    """logits / temperature: below 1 sharper, above 1 flatter.

    Args:
        temperature: above 0; for the limit 0 there is `Greedy`.
    """

    def __init__(self, temperature):
        if isinstance(temperature, numbers.Real) and not temperature > 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.temperature = temperature

    def __call__(self, logits):
        return logits / self.temperature


class TopK:
    """The k most probable tokens, and all that are as probable as the k-th: "Hierarchical neural
    story generation" (Fan et al. 2018), 5.4.

    Args:
        k: how many; more than the vocabulary has rules nothing out.
    """

    def __init__(self, k):
        self.k = check_count("k", k)

    def __call__(self, logits):
        values, _ = ops.top_k(logits, min(self.k, logits.shape[-1]))
        return ops.where(logits >= values[..., -1:], logits, -float("inf"))


class TopP:
    """The fewest most probable tokens with probability p together, and all as probable as the last
    of them: nucleus sampling, "The curious case of neural text degeneration"
    (Holtzman et al. 2020), 3.1.

    Args:
        p: above 0, at most 1.
    """

    def __init__(self, p):
        if isinstance(p, numbers.Real) and not 0 < p <= 1:
            raise ValueError(f"p must be above 0 and at most 1; got {p}")
        self.p = p

    def __call__(self, logits):
        probabilities = ops.softmax(logits)
        rising = ops.sort(probabilities, axis=-1)
        # What lies below a token, itself included; dropped while that is at most 1 - p.
        below = ops.cumsum(rising, axis=-1)
        kept = ops.where(below > 1.0 - self.p, rising, 1.0)
        # Rounding of the sum must not drop the most probable token: the minimum is never above it.
        least = ops.minimum(ops.min(kept, axis=-1, keepdims=True, initial=1.0), rising[..., -1:])
        return ops.where(probabilities >= least, logits, -float("inf"))
