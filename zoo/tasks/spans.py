"""The best answers of extractive question answering, from the logits of their first and last token.

Devlin et al. 2019, 4.2 and 4.3: a span scores the sum of its two logits; the empty answer is the
span of [CLS] alone, and its score for several windows is the least of theirs (`run_squad.py`).
"""

from typing import Any, NamedTuple

from keras import ops

_NEVER = -1e30  # no span has it: sums of two stay finite


class Spans(NamedTuple):
    """The n best spans of each window, or of each row; tensors, best first.

    Args:
        logits: (W, n) float32, start logit + end logit; below `_NEVER / 2`: there is no span.
        starts, ends: (W, n) int32; where there is no span, 0 and 0.
        null: (W,) float32, the same sum of the empty answer.
        total: (W,) float32, log-sum-exp of all spans, also of those beyond the n best.
    """

    logits: Any
    starts: Any
    ends: Any
    null: Any
    total: Any

    @property
    def exist(self):
        """(W, n) bool: there is a span."""
        return self.logits > _NEVER / 2

    @property
    def log_sum(self):
        """(W, 1): log-sum-exp of all spans and the empty answer."""
        return ops.logaddexp(self.total, self.null)[:, None]

    @property
    def probabilities(self):
        """(W, n): of the spans, in a softmax over all spans and the empty answer."""
        return ops.exp(self.logits - self.log_sum)


def spans_of_windows(start_logits, end_logits, may_start, may_end, max_answer_length, n):
    """The n best spans of each window.

    Candidates are the W x T x max_answer_length spans that are not too long: memory grows with
    the length of a window, not with its square.

    Args:
        start_logits, end_logits: (W, T).
        may_start, may_end: (W, T) bool, columns where a span may start, and may end.
        max_answer_length: most columns of a span.
        n: how many.

    Returns:
        `Spans` of columns, both `starts` and `ends` inside the span.
    """
    start_logits, end_logits = (ops.cast(x, "float32") for x in (start_logits, end_logits))
    null = start_logits[:, 0] + end_logits[:, 0]
    fill = -(-n // max_answer_length)  # columns that make sure of n candidates
    start_logits = _filled_up(ops.where(may_start, start_logits, _NEVER), fill)
    end_logits = _filled_up(ops.where(may_end, end_logits, _NEVER), fill + max_answer_length - 1)
    num_windows, width = ops.shape(start_logits)
    columns = ops.arange(width, dtype="int32")[:, None]
    columns = columns + ops.arange(max_answer_length, dtype="int32")
    band = start_logits[..., None] + ops.take(end_logits, columns, axis=1)
    band = ops.reshape(band, (num_windows, width * max_answer_length))
    logits, places = ops.top_k(band, n)
    is_span, places = logits > _NEVER / 2, ops.cast(places, "int32")
    starts = places // max_answer_length
    return Spans(
        logits=logits,
        starts=ops.where(is_span, starts, 0),
        ends=ops.where(is_span, starts + places % max_answer_length, 0),
        null=null,
        total=ops.logsumexp(band, axis=-1),
    )


def spans_of_rows(spans, counts):
    """Join the spans of windows to those of the rows that they come from.

    Args:
        spans: `Spans` (W, n), the windows of a row one after the other; no span stands in two.
        counts: (B,) int32, windows of each row, at least 1.

    Returns:
        `Spans` (B, n).
    """
    n = spans.logits.shape[-1]
    numbers = ops.arange(ops.max(counts, initial=1), dtype="int32")  # (K,)
    exist = numbers < counts[:, None]  # (B, K)
    windows = ops.where(exist, (ops.cumsum(counts) - counts)[:, None] + numbers, 0)
    logits, starts, ends, null, total = (ops.take(x, windows, axis=0) for x in spans)
    logits = ops.where(exist[..., None], logits, _NEVER)
    num_rows, most = ops.shape(windows)
    logits, starts, ends = (ops.reshape(x, (num_rows, most * n)) for x in (logits, starts, ends))
    logits, places = ops.top_k(logits, n)
    is_span = logits > _NEVER / 2
    return Spans(
        logits=logits,
        starts=ops.where(is_span, ops.take_along_axis(starts, places, axis=1), 0),
        ends=ops.where(is_span, ops.take_along_axis(ends, places, axis=1), 0),
        null=ops.min(ops.where(exist, null, -_NEVER), axis=1),
        total=ops.logsumexp(ops.where(exist, total, _NEVER), axis=1),
    )


def null_margins(spans):
    """By how much the empty answer scores above the best span: (B,) float32."""
    return spans.null - spans.logits[:, 0]


def best_answers(spans, null_threshold=None):
    """The best span of each row, or the empty answer.

    Args:
        spans: `Spans` (B, n).
        null_threshold: the answer is empty where `null_margins` are greater; None: only where
            there is no span.

    Returns:
        scores (B,) float32, probabilities as `Spans.probabilities`; starts and ends (B,) int32,
        0 and 0 for the empty answer.
    """
    is_null = ops.logical_not(spans.exist[:, 0])
    if null_threshold is not None:
        is_null = ops.logical_or(is_null, null_margins(spans) > null_threshold)
    logits = ops.where(is_null, spans.null, spans.logits[:, 0])
    starts, ends = (ops.where(is_null, 0, x[:, 0]) for x in (spans.starts, spans.ends))
    return ops.exp(logits - spans.log_sum[:, 0]), starts, ends


def _filled_up(logits, count):
    """(W, T) -> (W, T + count), of logits that no span has."""
    return ops.pad(logits, ((0, 0), (0, count)), constant_values=_NEVER)
