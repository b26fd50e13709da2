"""What labelled files hold, in memory, and a stratified hold-out of it."""

import collections
import dataclasses

import numpy as np

SCORE_BINS = 10


class Rows:
    """Parallel lists of equal length: the fields of a dataclass."""

    def __len__(self):
        return len(self._columns()[0])

    def select(self, positions):
        """The rows at these positions, in this order."""
        return type(self)(
            *(column and [column[position] for position in positions] for column in self._columns())
        )

    def _columns(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]


@dataclasses.dataclass(frozen=True)
class Examples(Rows):
    """Texts, or pairs of texts, with a label each.

    Attributes:
        texts: list of str.
        pairs: list of str, the second texts; None where a row is one text.
        labels: list of str (a class), tuple of str (several labels, maybe none) or float (a score).
    """

    texts: list
    pairs: list | None
    labels: list

    def strata(self):
        """A key a row: rows with the same key are alike. Scores are cut at their deciles."""
        if isinstance(self.labels[0], str):
            return self.labels
        if isinstance(self.labels[0], tuple):
            return _rarest(self.labels)
        order = np.argsort(self.labels, kind="stable")
        bins = np.empty(len(order), int)
        for number, rows in enumerate(np.array_split(order, min(SCORE_BINS, len(order) // 2) or 1)):
            bins[rows] = number
        return bins.tolist()

    def groups(self):
        """A key a row: rows with the same key must not be parted (the same text, two labels)."""
        return self.texts if self.pairs is None else list(zip(self.texts, self.pairs, strict=True))


@dataclasses.dataclass(frozen=True)
class TaggedWords(Rows):
    """Sentences: words and their tags.

    Attributes:
        words: list of lists of str.
        tags: list of lists of str, of the same lengths.
    """

    words: list
    tags: list

    def strata(self):
        """The rarest tag of a sentence."""
        return _rarest(self.tags)

    def groups(self):
        """The words of a sentence."""
        return [tuple(words) for words in self.words]


@dataclasses.dataclass(frozen=True)
class Questions(Rows):
    """Questions about contexts.

    Attributes:
        ids, questions, contexts: lists of str.
        answers: list of lists of (text, start): `context[start:start + len(text)] == text`, in
            Unicode code points; an empty list is a question that its context does not answer.
    """

    ids: list
    questions: list
    contexts: list
    answers: list

    def strata(self):
        """Whether a question is answered."""
        return [bool(answers) for answers in self.answers]

    def groups(self):
        """The contexts: all questions about one stay together."""
        return self.contexts


def split(examples, share, seed):
    """Hold out a share of the examples for choosing by; the labels are in proportion in both parts.

    Rows that must not be parted (equal texts; questions about one context) go to one side as a
    group, counted by its first row. Each stratum (class; rarest label or tag of a row; decile of a
    score; answered or not) gives its share, by largest remainders, and keeps at least one group.
    The result depends on the examples and the seed alone.

    Args:
        examples: Examples, TaggedWords or Questions.
        share: float between 0 and 1.
        seed: integer >= 0.

    Returns: (rest, held_out), each in the order of the file.
    Raises: ValueError for another share, or if nothing can be held out.
    """
    from zoo.text.order import permutation  # here, since reading data shall load no Keras

    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, got {share!r}")
    groups, strata = examples.groups(), examples.strata()
    first = {}
    for group, stratum in zip(groups, strata, strict=True):
        first.setdefault(group, stratum)
    members = collections.defaultdict(list)
    for group, stratum in first.items():
        members[stratum].append(group)
    held_out = set()
    for number, (stratum, count) in enumerate(_shares(members, share).items()):
        order = permutation(len(members[stratum]), (seed, number))
        held_out.update(members[stratum][place] for place in order[:count])
    if not held_out:
        raise ValueError(
            f"cannot hold out {share:g} of {len(first)} different rows and keep every label in the "
            "rest: give more rows, a larger share or a file of its own"
        )
    parts = [], []
    for position, group in enumerate(groups):
        parts[group in held_out].append(position)
    return tuple(examples.select(part) for part in parts)


def _shares(members, share):
    """{stratum: groups to hold out}, by largest remainders (ties: the stratum that comes first)."""
    exact = {stratum: share * len(groups) for stratum, groups in members.items()}
    counts = {s: min(int(exact[s]), len(members[s]) - 1) for s in members}
    open_places = max(1, round(sum(exact.values()))) - sum(counts.values())
    for stratum in sorted(members, key=lambda s: counts[s] - exact[s])[:open_places]:
        counts[stratum] += counts[stratum] + 1 < len(members[stratum])
    return counts


def _rarest(rows):
    """The label of each row that the fewest rows have (None: no label)."""
    counts = collections.Counter(label for labels in rows for label in set(labels))
    return [min(labels, key=lambda label: (counts[label], label), default=None) for labels in rows]
