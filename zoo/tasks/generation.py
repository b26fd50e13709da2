"""What a generator gives: continuations, scores, and texts cut where they shall stop."""

from typing import Any, NamedTuple

from zoo.text import IncrementalText


class Generation(NamedTuple):
    """One continuation of a prompt.

    Attributes:
        text: str, without the prompt.
        score: the log-probability over the length penalty; the mean over the tokens by default.
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


class StreamedText:
    """Text to show while it grows: never half a character, and nothing of a stop string.

    Args:
        tokenizer: see `zoo.text.IncrementalText`.
        stop: tuple of str.
    """

    def __init__(self, tokenizer, stop):
        self._growing = IncrementalText(tokenizer)
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
