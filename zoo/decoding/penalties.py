"""What a sequence's log-probability is divided by before sequences of unequal length compete.

A penalty is any function of a length, (...) int32 -> (...) float32, positive, and either never
falling or never rising: beam search's early stop looks at both ends of the lengths to come.
"""

from keras import ops


class LengthPenalty:
    """length ** alpha: 0 compares plain log-probabilities, 1 their mean over the tokens.

    The `length_penalty` of the transformers library. The length counts the generated tokens with
    the end token.

    Args:
        alpha: exponent; the larger, the longer the sequences that win.
    """

    def __init__(self, alpha=1.0):
        self.alpha = float(alpha)

    def __call__(self, length):
        return ops.power(ops.cast(length, "float32"), self.alpha)


class GNMTPenalty:
    """((5 + length) / 6) ** alpha: "Google's neural machine translation system", equation 14.

    "Attention is all you need", 6.1, uses alpha = 0.6. The length counts the generated tokens with
    the end token.

    Args:
        alpha: exponent; the larger, the longer the sequences that win.
    """

    def __init__(self, alpha=0.6):
        self.alpha = float(alpha)

    def __call__(self, length):
        return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, self.alpha)
