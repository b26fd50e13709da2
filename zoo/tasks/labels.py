"""What the outputs of a classifier mean: one label of several, any number of them, or a number.

Each kind turns labels into targets for `fit`, logits into scores, and scores into labels, and says
which loss belongs to it.
"""

import keras
import numpy as np
from keras import ops


class _Named:
    """Labels with names, an output each."""

    def __init__(self, names):
        if isinstance(names, (str, bytes)):
            raise TypeError(f"labels must be a list of str; got one {type(names).__name__}")
        self.names = tuple(names)
        wrong = [name for name in self.names if not isinstance(name, str) or not name]
        if wrong:
            raise ValueError(f"labels must be non-empty str; got {wrong[0]!r}")
        if len(set(self.names)) != len(self.names) or len(self.names) < self.fewest:
            raise ValueError(
                f"labels must be at least {self.fewest} different names; got {list(self.names)}"
            )
        self._ids = {name: number for number, name in enumerate(self.names)}

    def _id(self, name):
        if name not in self._ids:
            raise ValueError(f"labels: {name!r} is none of {list(self.names)}")
        return self._ids[name]


class OneLabel(_Named):
    """Every text has exactly one of L labels; scores are probabilities that sum to 1.

    Args:
        names: list of L >= 2 different str, in the order of the model's outputs.

    Raises:
        ValueError: fewer, or a name twice.
    """

    fewest = 2
    problem_type = "single_label_classification"

    def targets(self, labels):
        """N names -> int32 (N,), for `SparseCategoricalCrossentropy`."""
        return np.array([self._id(label) for label in labels], "int32")

    def loss(self, reduction="sum_over_batch_size"):
        """The loss on logits that belongs to it."""
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)

    def scores(self, logits):
        """Logits (B, L) -> probabilities (B, L)."""
        return ops.softmax(ops.cast(logits, "float32"))

    def read(self, scores):
        """The label of each row of scores (N, L): list of N str."""
        return [self.names[number] for number in scores.argmax(axis=1)]

    def outputs(self, scores):
        """What a SavedModel answers, from scores (B, L)."""
        from zoo.serving import names_at

        label = names_at(self.names, ops.argmax(scores, axis=1))
        return {"label": label, "score": ops.max(scores, axis=1), "scores": scores}

    def get_config(self):
        return {"names": list(self.names)}


class ManyLabels(_Named):
    """Each of L labels holds for a text or not; scores are one probability a label.

    Args:
        names: list of L different str, in the order of the model's outputs.
        threshold: a label holds from this probability on, above 0 and below 1.

    Raises:
        ValueError: a name twice, none, or a threshold out of range.
    """

    fewest = 1
    problem_type = "multi_label_classification"

    def __init__(self, names, threshold=0.5):
        super().__init__(names)
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must be above 0 and below 1; got {threshold!r}")
        self.threshold = threshold

    def targets(self, labels):
        """N collections of names -> float32 (N, L), 1 where a label holds."""
        targets = np.zeros((len(labels), len(self.names)), "float32")
        for row, names in enumerate(labels):
            if isinstance(names, str):
                raise TypeError(f"labels: row {row} must be a collection of str; got one str")
            targets[row, [self._id(name) for name in names]] = 1.0
        return targets

    def loss(self, reduction="sum_over_batch_size"):
        """The loss on logits that belongs to it."""
        return keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)

    def scores(self, logits):
        """Logits (B, L) -> probabilities (B, L)."""
        return ops.sigmoid(ops.cast(logits, "float32"))

    def read(self, scores):
        """The labels of each row of scores (N, L): list of N tuples of str."""
        holds = scores >= self.threshold
        return [tuple(self.names[number] for number in np.flatnonzero(row)) for row in holds]

    def outputs(self, scores):
        """What a SavedModel answers, from scores (B, L): `label` (B, L) is "" where none holds."""
        from zoo.serving import names_at

        label = names_at(self.names, columns_of(scores), scores >= self.threshold)
        return {"label": label, "score": ops.max(scores, axis=1), "scores": scores}

    def get_config(self):
        return {"names": list(self.names), "threshold": self.threshold}


class Number:
    """A text has a number, such as a similarity or a grade: regression.

    Args:
        name: what the number is.
    """

    problem_type = "regression"

    def __init__(self, name="score"):
        self.name = name
        self.names = (name,)

    def targets(self, labels):
        """N numbers -> float32 (N, 1)."""
        targets = np.asarray(labels, "float32").reshape(-1, 1)
        if not np.isfinite(targets).all():
            raise ValueError("labels must be finite numbers; got one that is not")
        return targets

    def loss(self, reduction="sum_over_batch_size"):
        """The loss that belongs to it."""
        return keras.losses.MeanSquaredError(reduction=reduction)

    def scores(self, logits):
        """The model's outputs themselves: (B, 1) -> (B, 1)."""
        return ops.cast(logits, "float32")

    def read(self, scores):
        """list of N float."""
        return scores[:, 0].tolist()

    def outputs(self, scores):
        """What a SavedModel answers, from scores (B, 1); `label` is the number's name."""
        from zoo.serving import names_at

        label = names_at(self.names, columns_of(scores)[:, 0])
        return {"label": label, "score": scores[:, 0], "scores": scores}

    def get_config(self):
        return {"name": self.name}


KINDS = {kind.__name__: kind for kind in (OneLabel, ManyLabels, Number)}


def columns_of(scores):
    """The number of each column in its place: (B, L) -> int32 (B, L)."""
    columns = ops.arange(ops.shape(scores)[1], dtype="int32")
    return ops.broadcast_to(columns[None], ops.shape(scores))


def as_labels(labels):
    """A kind of labels as it is; a list of names as `OneLabel`."""
    return labels if isinstance(labels, tuple(KINDS.values())) else OneLabel(labels)


def labels_from(names, problem_type=None):
    """The kind that a Hugging Face configuration means.

    Args:
        names: list of str, of its id2label.
        problem_type: as it stands there; None: a number if there is one output, else one label.
    """
    if problem_type is None:
        problem_type = OneLabel.problem_type if len(names) > 1 else Number.problem_type
    for kind in KINDS.values():
        if kind.problem_type == problem_type:
            return kind(names[0]) if kind is Number else kind(names)
    known = [kind.problem_type for kind in KINDS.values()]
    raise ValueError(f"problem_type must be one of {known}; got {problem_type!r}")
