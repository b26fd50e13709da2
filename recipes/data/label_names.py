"""From labels as the data has them to the numbers that a model learns."""

import numpy as np


def label_names(labels, source="the data"):
    """The labels found, in order: sorted, as numbers if all are; of tags "O" first.

    Args:
        labels: list of str (classes), of tuples of str (several labels a row) or of lists of str
            (tags of words).
        source: str, the file, for the error.

    Returns: list of str.
    Raises: ValueError if all rows have the same label: there is nothing to learn.
    """
    tags = bool(labels) and isinstance(labels[0], list)
    different = {label for row in labels for label in row} if tags else set(labels)
    if len(different) < 2:
        found = f"the label {different.pop()!r}" if different else "no label"
        raise ValueError(
            f"{source}: every row has {found}, so there is nothing to learn; check that the right "
            "column is the label"
        )
    names = {label for row in labels for label in _several(row)}
    if all(map(_is_number, names)):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names, key=lambda name: (tags and name != "O", name))


def label_ids(labels, names, source="the data"):
    """The labels as numbers.

    Args:
        labels: as for `label_names`; N rows.
        names: list of str, the K labels of the training data.
        source: str, the file, for the error.

    Returns: int32 array (N,) of positions among the names for classes; int32 array (N, K) of 0 and
        1 for several labels a row; list of lists of int for tags.
    Raises: ValueError for labels that are not among the names, all at once.
    """
    positions = {name: position for position, name in enumerate(names)}
    unseen = {label for row in labels for label in _several(row)} - set(positions)
    if unseen:
        raise ValueError(
            f"{source} has labels that the training data does not have: "
            f"{', '.join(sorted(unseen))}; the training data has {', '.join(names)}"
        )
    if labels and isinstance(labels[0], list):
        return [[positions[tag] for tag in row] for row in labels]
    if labels and isinstance(labels[0], tuple):
        ids = np.zeros((len(labels), len(names)), "int32")
        for row, several in zip(ids, labels, strict=True):
            row[[positions[label] for label in several]] = 1
        return ids
    return np.array([positions[label] for label in labels], "int32")


def _several(row):
    return [row] if isinstance(row, str) else row


def _is_number(name):
    try:
        float(name)
    except ValueError:
        return False
    return True
