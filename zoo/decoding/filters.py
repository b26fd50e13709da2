"""What may be generated: functions of logits that rule tokens out or make them less probable.

A filter is called with logits (B, K, V) float32, its own `rows` and a `History`, and gives logits
(B, K, V), -inf for what may not be. A parameter is one number for all or a tensor (B,), a number
for each row; such tensors are the filter's `rows`, which a search carries along, because rows leave
a batch when they end.
"""

import abc
import numbers

from keras import ops

from zoo.decoding.state import check_count


class Filter(abc.ABC):
    """A filter with named parameters, numbers or tensors (B,).

    Attributes:
        rows: {name: tensor (B,)} of the parameters that are tensors.
    """

    def __init__(self, **parameters):
        self.rows = {name: x for name, x in parameters.items() if is_for_each_row(x)}
        self._fixed = {name: x for name, x in parameters.items() if name not in self.rows}

    def __call__(self, logits, rows=None, history=None):
        rows = self.rows if rows is None else rows
        own = {name: x[:, None, None] for name, x in rows.items()}  # (B, 1, 1)
        return self.apply(logits, history, **self._fixed, **own)

    @abc.abstractmethod
    def apply(self, logits, history, **parameters):
        """Logits (B, K, V) to logits; parameters are numbers or (B, 1, 1)."""


def filtered(logits, filters, rows, history):
    """Logits (B, K, V) behind filters in their order; `rows` are the rows of each."""
    for keep, own in zip(filters, rows, strict=True):
        logits = keep(logits, own, history)
    return logits


def is_for_each_row(parameter):
    """Whether a parameter is a tensor (B,) and not one number."""
    return not isinstance(parameter, numbers.Number) and len(parameter.shape) == 1


class Temperature(Filter):
    """logits / temperature: below 1 sharper, above 1 flatter.

    Args:
        temperature: above 0; for the limit 0 there is `Greedy`.
    """

    def __init__(self, temperature):
        if isinstance(temperature, numbers.Real) and not temperature > 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        super().__init__(temperature=temperature)

    def apply(self, logits, history, temperature):
        return logits / temperature


class TopK(Filter):
    """The k most probable tokens, and all that are as probable as the k-th: "Hierarchical neural
    story generation" (Fan et al. 2018), 5.4.

    Args:
        k: how many; more than the vocabulary has rules nothing out.
    """

    def __init__(self, k):
        super().__init__(k=k if is_for_each_row(k) else check_count("k", k))

    def apply(self, logits, history, k):
        size = logits.shape[-1]
        if isinstance(k, int):
            values, _ = ops.top_k(logits, min(k, size))
            return ops.where(logits >= values[..., -1:], logits, -float("inf"))
        falling = -ops.sort(-logits, axis=-1)  # (B, K, V)
        rank = ops.arange(size, dtype="int32") == ops.clip(k, 1, size) - 1  # (B, 1, V)
        least = ops.max(ops.where(rank, falling, -float("inf")), axis=-1, keepdims=True)
        return ops.where(logits >= least, logits, -float("inf"))


class TopP(Filter):
    """The fewest most probable tokens with probability p together, and all as probable as the last
    of them: nucleus sampling, "The curious case of neural text degeneration"
    (Holtzman et al. 2020), 3.1.

    Args:
        p: above 0, at most 1.
    """

    def __init__(self, p):
        if isinstance(p, numbers.Real) and not 0 < p <= 1:
            raise ValueError(f"p must be above 0 and at most 1; got {p}")
        super().__init__(p=p)

    def apply(self, logits, history, p):
        probabilities = ops.softmax(logits)
        rising = ops.sort(probabilities, axis=-1)
        # What lies below a token, itself included; dropped while that is at most 1 - p.
        below = ops.cumsum(rising, axis=-1)
        kept = ops.where(below > 1.0 - p, rising, 1.0)
        # Rounding of the sum must not drop the most probable token: the minimum is never above it.
        least = ops.minimum(ops.min(kept, axis=-1, keepdims=True, initial=1.0), rising[..., -1:])
        return ops.where(probabilities >= least, logits, -float("inf"))


class MinP(Filter):
    """Tokens at least p times as probable as the most probable one: "Turning up the heat: min-p
    sampling" (Nguyen et al. 2024, arXiv:2407.01082), 3.

    Args:
        p: from 0, which rules nothing out, to 1.
    """

    def __init__(self, p):
        if isinstance(p, numbers.Real) and not 0 <= p <= 1:
            raise ValueError(f"p must be at least 0 and at most 1; got {p}")
        super().__init__(p=p)

    def apply(self, logits, history, p):
        odds = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True, initial=-float("inf")))
        return ops.where(odds >= p, logits, -float("inf"))


class RepetitionPenalty(Filter):
    """Tokens that are there already become less probable: positive logits are divided by the
    penalty, negative ones multiplied: "CTRL" (Keskar et al. 2019, arXiv:1909.05858), 4.1.

    Args:
        penalty: above 0; 1 changes nothing, the paper has 1.2.
        prompt: (B, P) int32, tokens that count as generated before, negative ones not; None: none.
    """

    def __init__(self, penalty, prompt=None):
        if isinstance(penalty, numbers.Real) and not penalty > 0:
            raise ValueError(f"penalty must be above 0; got {penalty}")
        super().__init__(penalty=penalty)
        if prompt is not None:
            self.rows["prompt"] = prompt

    def apply(self, logits, history, penalty, prompt=None):
        tokens, size = history.chosen(), logits.shape[-1]  # (B, K, L)
        if prompt is not None:
            prompt = ops.broadcast_to(prompt[:, 0], (*ops.shape(tokens)[:2], ops.shape(prompt)[-1]))
            tokens = ops.concatenate([prompt, tokens], axis=-1)
        seen = tokens_seen(tokens, size)
        lower = ops.where(logits > 0, logits / penalty, logits * penalty)
        return ops.where(seen, lower, logits)


def tokens_seen(tokens, vocab_size):
    """Which tokens stand in each row: (B, K, L) int32, negative ones not counting -> (B, K, V)."""
    num_rows, num_beams, length = ops.shape(tokens)
    # One column more for what does not count.
    columns = ops.where(tokens < 0, vocab_size, tokens)
    total = num_rows * num_beams
    rows = ops.broadcast_to(ops.arange(total, dtype="int32")[:, None], (total, length))
    places = ops.reshape(rows * (vocab_size + 1) + ops.reshape(columns, (-1, length)), (-1, 1))
    table = ops.zeros((total * (vocab_size + 1),), dtype="int32")
    table = ops.scatter_update(table, places, ops.ones_like(places[:, 0]))
    table = ops.reshape(table, (num_rows, num_beams, vocab_size + 1))
    return table[..., :vocab_size] > 0
