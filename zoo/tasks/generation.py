"""What a generator gives: continuations, scores, and texts cut where they shall stop."""

from typing import Any, NamedTuple

import numpy as np

from zoo.text import IncrementalText, decode_behind


class Generation(NamedTuple):
    """One continuation of a prompt.

    Attributes:
        text: str, without the prompt.
        score: the log-probability over the length penalty; the mean over the tokens by default. The
            model's own, but for beams with a repetition penalty, which add up what is penalized.
        ids: list of int, the new tokens, the end with them.
        ended_by: "end" (the model ended it), "stop" (a stop string) or "length".
        log_probs: (n,) float32 array of the tokens' log-probabilities where they were asked for,
            else None.
    """

    text: str
    score: float
    ids: list
    ended_by: str
    log_probs: Any = None


def first_stop(text, stop):
    """Where the first of the strings `stop` begins in `text`; None: none is there."""
    found = [place for place in (text.find(string) for string in stop) if place >= 0]
    return min(found, default=None)


class ResultReader:
    """Reads what a search found: ids to texts that end where they shall.

    Args:
        tokenizer: the generator's.
        end_ids: ids that end a continuation.
        stop: tuple of str.
        befores: list of lists of int, the ids that the rows of a result go on behind.
    """

    def __init__(self, tokenizer, end_ids, stop, befores):
        self._tokenizer, self._end_ids, self._stop = tokenizer, frozenset(end_ids), stop
        self._befores = befores

    def ids(self, result, row, k):
        """The new tokens of a sequence of a `zoo.decoding.Result` of arrays: list of int."""
        return result.ids[row, k, : result.lengths[row, k]].tolist()

    def without_end(self, ids):
        """New ids of a sequence without the one that ends it, and whether there was one."""
        ended = bool(ids) and ids[-1] in self._end_ids
        return (ids[:-1] if ended else ids), ended

    def stopped(self, result):
        """Which sequences hold a stop string: (B, n) bool array."""
        found = np.zeros(result.lengths.shape, bool)
        for row, k in np.ndindex(found.shape):
            ids, _ = self.without_end(self.ids(result, row, k))
            found[row, k] = first_stop(self._text(row, ids), self._stop) is not None
        return found

    def generations(self, result, row):
        """The `Generation`s of a row."""
        found = []
        for k in range(result.ids.shape[1]):
            ids = self.ids(result, row, k)
            kept, ended = self.without_end(ids)
            text = self._text(row, kept)
            place = first_stop(text, self._stop)
            ended_by = "end" if ended else "length" if place is None else "stop"
            found.append(Generation(text[:place], float(result.scores[row, k]), ids, ended_by))
        return found

    def _text(self, row, ids):
        return decode_behind(self._tokenizer, self._befores[row], [ids])[0]

    def pieces(self, results):
        """The text of one sequence as it grows from result to result: yields str, not empty, never
        half a character."""
        shown, given = StreamedText(self._tokenizer, self._stop, self._befores[0]), 0
        for result in results:
            ids, _ = self.without_end(self.ids(result, 0, 0))
            new = shown.add(ids[given:])
            given = len(ids)
            if new:
                yield new
        rest = shown.add([], is_last=True)
        if rest:
            yield rest


def with_log_probs(rows, befores, scores, batch_size):
    """The same rows of `Generation`s with `log_probs`.

    Args:
        rows: list of lists of `Generation`s, a list for each prompt.
        befores: list of lists of int, the ids of the prompts.
        scores: the `zoo.tasks.text_scores.TextScores` of the model.
        batch_size: texts at a time.
    """
    pairs = [(before, each.ids) for before, row in zip(befores, rows, strict=True) for each in row]
    found = iter(scores.log_probs(pairs, batch_size))
    return [[each._replace(log_probs=next(found)) for each in row] for row in rows]


class StreamedText:
    """Text to show while it grows: never half a character, and nothing of a stop string.

    Args:
        tokenizer, before: see `zoo.text.IncrementalText`.
        stop: tuple of str.
    """

    def __init__(self, tokenizer, stop, before=()):
        self._growing = IncrementalText(tokenizer, before)
        self._stop = stop
        self._shown = 0

    def add(self, ids, is_last=False):
        """Take new ids, list of int; returns the new text, which may be ""."""
        self._growing.add(ids)
        if is_last:
            self._growing.finish()
        text = self._growing.text
        end = first_stop(text, self._stop)
        if end is None:
            end = len(text) if is_last else len(text) - _held_back(text, self._stop)
        end = max(end, self._shown)
        new, self._shown = text[self._shown : end], end
        return new


def _held_back(text, stop):
    """How many of the last characters of `text` may be the beginning of a stop string."""
    longest = max((len(string) for string in stop), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(string.startswith(text[-length:]) for string in stop):
            return length
    return 0
