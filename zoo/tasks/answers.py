"""Answers that stand in their context: what they are, and the tokens that they hold."""

from typing import Any, NamedTuple

import numpy as np


class Answer(NamedTuple):
    """An answer, `context[start:end] == text` in Unicode code points; empty: "", 0 and 0.

    `score` is its probability in a softmax, over all spans of the context and the empty answer, of
    the sums of start and end logits.
    """

    text: str
    score: float
    start: int
    end: int

    @classmethod
    def of(cls, context, score, start, end):
        """The answer at a place of its context; numbers may be those of numpy."""
        start, end = int(start), int(end)
        return cls(context[start:end], float(score), start, end)


class EncodedWindows(NamedTuple):
    """What fine-tuning takes, of the W windows of N questions, in order of the questions.

    Args:
        inputs: dict of arrays (W, T): token_ids, segment_ids, padding_mask.
        targets: dict of start_logits and end_logits, int32 (W,): columns of the first and the last
            token of the answer, 0 (that of [CLS]) where it is not in the window as a whole; or
            None.
        rows: int (W,), question of each window.
    """

    inputs: dict
    targets: Any
    rows: Any


def check_answers(answers, contexts):
    """`answers` as a list, after a look at where they stand.

    Args:
        answers: list of N pairs (text, start in code points), or None.
        contexts: list of N str.

    Raises:
        ValueError: they are not as many, no such pairs, or one does not stand where it should.
    """
    answers = list(answers)
    if len(answers) != len(contexts):
        raise ValueError(
            f"answers must be as many as contexts, {len(contexts)}; got {len(answers)}"
        )
    for row, (answer, context) in enumerate(zip(answers, contexts, strict=True)):
        if answer is None:
            continue
        if not _is_pair(answer):
            raise ValueError(f"answers[{row}] must be (text, start), or None; got {answer!r}")
        text, start = answer
        there = context[start : start + len(text)] if start >= 0 else ""
        if not text or there != text:
            raise ValueError(
                f"answers[{row}]: {text!r} does not stand in its context at {start}, counted in "
                f"Unicode code points; there is {there!r}"
            )
    return answers


def _is_pair(answer):
    return (
        isinstance(answer, (tuple, list))
        and len(answer) == 2
        and isinstance(answer[0], str)
        and isinstance(answer[1], (int, np.integer))
    )


def tokens_of_answers(answers, contexts):
    """The first and the last token of each answer, those that it holds in part too.

    Args:
        answers: as `check_answers` gives them.
        contexts: `zoo.text.Pieces` of N contexts.

    Returns:
        Two int arrays (N,), counted in the context; -1 for no answer.

    Raises:
        ValueError: an answer has no token, as if it were white space alone.
    """
    first, last = (np.full(len(answers), -1) for _ in range(2))
    for row, answer in enumerate(answers):
        if answer is None:
            continue
        text, start = answer
        first[row] = np.searchsorted(contexts.ends[row], start, "right")
        last[row] = np.searchsorted(contexts.starts[row], start + len(text), "left") - 1
        if first[row] > last[row]:
            raise ValueError(f"answers[{row}]: {text!r} holds no token of its context")
    return first, last


def check_right_answers(answers, count):
    """Right answers as a list, after a look at it.

    Args:
        answers: list of lists of str, [] for a question without an answer.
        count: how many there must be.

    Raises:
        TypeError: an entry is one str.
        ValueError: they are not as many, or all questions or none have an answer.
    """
    answers = list(answers)
    for row, right in enumerate(answers):
        if isinstance(right, str):
            raise TypeError(f"answers[{row}] must be a list of str; got one str: {right!r}")
    if len(answers) != count:
        raise ValueError(f"answers must be as many as questions, {count}; got {len(answers)}")
    if all(answers) or not any(answers):
        raise ValueError("answers must be [] for some questions, but not for all")
    return answers
