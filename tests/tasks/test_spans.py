"""The best spans of windows and rows, against all spans one by one."""

import numpy as np
import pytest
from keras import ops

from tests.backends import natively_compiled, to_numpy
from zoo.tasks.spans import (
    best_answers,
    null_margins,
    spans_of_rows,
    spans_of_windows,
)

W, T, LONGEST = 7, 13, 4
COUNTS = [2, 1, 3, 1]


@pytest.fixture
def windows(rng):
    """Logits, and where spans may start and end; no span in the last window."""
    start, end = (rng.normal(0, 2, (W, T)).astype("float32") for _ in range(2))
    may_end = np.arange(T) >= 3
    may_end = may_end & (np.arange(T) < rng.integers(6, T, (W, 1)))
    may_end[-1] = False
    may_start = may_end & (np.arange(T) < 9)
    return start, end, may_start, may_end


def all_spans(start, end, may_start, may_end):
    """{(first, last): logit} of each window, one by one."""
    return [
        {
            (i, j): float(start[w, i]) + float(end[w, j])
            for i in range(T)
            for j in range(i, min(i + LONGEST, T))
            if may_start[w, i] and may_end[w, j]
        }
        for w in range(W)
    ]


def assert_n_best(found, row, spans, n):
    best = sorted(spans.items(), key=lambda item: -item[1])[:n]
    exist = int(found.exist[row].sum())
    assert exist == min(n, len(spans)) == len(best)
    np.testing.assert_allclose(found.logits[row][:exist], [logit for _, logit in best], rtol=1e-5)
    places = zip(found.starts[row].tolist(), found.ends[row].tolist(), strict=True)
    assert list(places) == [place for place, _ in best] + [(0, 0)] * (n - exist)


@pytest.mark.parametrize("n", [1, 3, 61])  # 61: more than there are spans
def test_the_best_of_windows(windows, n):
    found = to_numpy(spans_of_windows(*map(ops.convert_to_tensor, windows), LONGEST, n))
    assert found.logits.shape == (W, n)
    for row, spans in enumerate(all_spans(*windows)):
        assert_n_best(found, row, spans, n)
        if spans:
            total = np.log(np.sum(np.exp(list(spans.values()))))
            np.testing.assert_allclose(found.total[row], total, rtol=1e-5)
    np.testing.assert_allclose(found.null, windows[0][:, 0] + windows[1][:, 0], rtol=1e-6)


@pytest.mark.parametrize("n", [1, 5])
def test_the_best_of_rows(windows, n):
    of_windows = spans_of_windows(*map(ops.convert_to_tensor, windows), LONGEST, n)
    # Columns that tell the windows apart.
    shift = 100 * np.arange(W)[:, None] * to_numpy(of_windows.exist)
    of_windows = of_windows._replace(
        starts=of_windows.starts + ops.cast(shift, "int32"),
        ends=of_windows.ends + ops.cast(shift, "int32"),
    )
    found = spans_of_rows(of_windows, ops.convert_to_tensor(COUNTS, "int32"))
    probabilities = to_numpy(found.probabilities)
    scores, starts, ends = to_numpy(best_answers(found))
    found, first = to_numpy(found), 0
    null = windows[0][:, 0] + windows[1][:, 0]
    for row, count in enumerate(COUNTS):
        members = range(first, first + count)
        one_by_one = all_spans(*windows)
        spans = {
            (i + 100 * w, j + 100 * w): x for w in members for (i, j), x in one_by_one[w].items()
        }
        assert_n_best(found, row, spans, n)
        lowest = null[members].min()
        np.testing.assert_allclose(found.null[row], lowest, rtol=1e-6)
        mass = np.exp(lowest) + np.sum(np.exp(list(spans.values())))
        expected = [np.exp(x) / mass for x in sorted(spans.values(), reverse=True)[:n]]
        np.testing.assert_allclose(probabilities[row][: len(expected)], expected, rtol=1e-5)
        assert scores[row] == pytest.approx(expected[0] if expected else 1.0, rel=1e-5)
        assert (starts[row], ends[row]) == (found.starts[row, 0], found.ends[row, 0])
        first += count
    assert scores[-1] == 1  # no span: the empty answer is sure


def test_the_empty_answer_above_a_threshold(windows):
    spans = spans_of_windows(*map(ops.convert_to_tensor, windows), LONGEST, 1)
    margins = to_numpy(null_margins(spans))
    threshold = float(np.sort(margins)[3])
    scores, starts, ends = to_numpy(best_answers(spans, threshold))
    is_null = margins > threshold
    assert is_null.tolist().count(False) == 4  # equal to the threshold: answered
    assert (starts[is_null] == 0).all()
    assert (ends[is_null] == 0).all()
    assert (ends[~is_null] > 0).all()
    null = np.exp(to_numpy(spans.null - spans.log_sum[:, 0]))
    np.testing.assert_allclose(scores[is_null], null[is_null], rtol=1e-5)


def test_compiles(windows):
    compile_ = natively_compiled
    function = compile_(lambda *tensors: tuple(spans_of_windows(*tensors, LONGEST, 3)))
    if function is None:
        pytest.skip("torch runs eagerly")
    tensors = [ops.convert_to_tensor(x) for x in windows]
    expected = to_numpy(tuple(spans_of_windows(*tensors, LONGEST, 3)))
    for given, wanted in zip(to_numpy(function(*tensors)), expected, strict=True):
        np.testing.assert_allclose(given, wanted, rtol=1e-5)
