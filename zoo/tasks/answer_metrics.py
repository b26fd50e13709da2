"""How SQuAD compares answers (Rajpurkar et al. 2016, 6.1), and when to give none."""

import collections
import re
import string

import numpy as np

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text):
    """Lowercase, without ASCII punctuation and articles, one space between words."""
    text = re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_PUNCTUATION))
    return " ".join(text.split())


def answer_exact(gold, predicted):
    """1.0 if two str are equal after normalization, else 0.0."""
    return float(normalize_answer(gold) == normalize_answer(predicted))


def answer_f1(gold, predicted):
    """F1 of the words of two str, as bags after normalization; 1.0 if neither has one."""
    gold, predicted = (normalize_answer(text).split() for text in (gold, predicted))
    if not gold or not predicted:
        return float(gold == predicted)
    common = (collections.Counter(gold) & collections.Counter(predicted)).total()
    return 2 * common / (len(gold) + len(predicted))


def best_threshold(margins, answered, silent):
    """From which margin on to give no answer.

    Args:
        margins: (N,) by how much the empty answer scores above the best one.
        answered: (N,) what each question earns by its best answer.
        silent: (N,) what it earns by no answer.

    Returns:
        float: the sum of what is earned, by no answer above the threshold and the best answer else,
        is the largest. It lies midway between two margins, or 1 beyond the last.
    """
    order = np.argsort(margins, kind="stable")
    margins, answered, silent = (
        np.asarray(x, "float64")[order] for x in (margins, answered, silent)
    )
    # earned[k]: the k lowest margins are answered, the others are not.
    earned = np.append(0.0, np.cumsum(answered - silent))
    edges = np.concatenate([margins[:1] - 2, margins, margins[-1:] + 2])
    lower, upper = edges[:-1], edges[1:]
    best = np.argmax(np.where(upper > lower, earned, -np.inf))
    return float((lower[best] + upper[best]) / 2)
