"""Entities in a row of IOB2 tags (Tjong Kim Sang and Veenstra 1999, arXiv:cs/9907006, 2.1).

"B-PER" begins an entity of type PER, "I-PER" goes on with it, "O" is outside of all.
"""

import re
from typing import NamedTuple


class TaggedToken(NamedTuple):
    """A word of a text: `text[start:end]` of the whole, in Unicode code points.

    Fields:
        text: the word.
        tag: the best tag.
        score: its probability; 0.0 where the tag is not the model's.
        start, end: int.
    """

    text: str
    tag: str
    score: float
    start: int
    end: int


class Entity(NamedTuple):
    """An entity in a text: `text[start:end]` of the whole, in Unicode code points.

    Fields:
        text: the entity as it stands there.
        label: its type, such as "PER".
        score: mean probability of the tags of its words.
        start, end: int.
    """

    text: str
    label: str
    score: float
    start: int
    end: int


def check_iob2(names):
    """Raise ValueError unless each of `names` is "O", "B-" or "I-" and a type."""
    wrong = [name for name in names if not re.fullmatch(r"O|[BI]-.+", name, re.DOTALL)]
    if wrong:
        raise ValueError(f'entities need IOB2 tags: "O", "B-type", "I-type"; got {wrong[0]!r}')


def spans_of_tags(tags):
    """The entities in a row of tags.

    Ill-formed rows are read as conlleval does: an I that follows O, another type or nothing begins
    an entity.

    Args:
        tags: list of W str of IOB2; "" counts as "O".

    Returns:
        List of (label, begin, end): words begin to end - 1 are an entity.
    """
    spans = []
    label = begin = None  # of the entity that is open
    for word, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if label is not None and (prefix != "I" or kind != label):
            spans.append((label, begin, word))
            label = None
        if kind and label is None:
            label, begin = kind, word
    return spans


def entities_of(text, tokens):
    """The entities of a text.

    Args:
        text: str.
        tokens: list of its `TaggedToken`s, with IOB2 tags.

    Returns:
        List of `Entity`.
    """
    found = []
    for label, begin, end in spans_of_tags([token.tag for token in tokens]):
        words = tokens[begin:end]
        start, stop = words[0].start, words[-1].end
        score = sum(word.score for word in words) / len(words)
        found.append(Entity(text[start:stop], label, score, start, stop))
    return found
