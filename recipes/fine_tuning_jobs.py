"""What differs between kinds of fine-tuning: data, task, labels of rows, metric, answers.

A job has `kind`, `read`, `label_names`, `make_task`, `rows`, `loss`, `check`, `gold`, `predicted`,
`measure`, `main_metric` and `answer`; `Job` and recipes/bert_finetune.py do with it what all of
them have in common.
"""

import collections

import numpy as np

from recipes import metrics
from recipes.data import labelled

_WEIGHTED = ("classification", "pair", "tagging")
_CHUNK = 1000  # texts packed at a time: a long one widens its chunk, not all
_KIND_OF_LABELS = {"multilabel": "ManyLabels", "regression": "Number"}


class Job:
    """What is the same for all of them.

    Args:
        settings: the recipe's, see `recipes.bert_finetune.Train`.
    """

    def __init__(self, settings):
        self.settings = settings
        self.kind = settings.task
        self.main_metric = settings.metric or metrics.MAIN.get(self.kind)

    def check_settings(self):
        """Raise ValueError for class weights of labels that are no classes, of which one holds."""
        if self.settings.class_weights and self.kind not in _WEIGHTED:
            allowed = ", ".join(_WEIGHTED)
            raise ValueError(f"class_weights are for {allowed}; the task is {self.kind}")

    def check_metric(self, task, data):
        """Raise ValueError, before a long training, if the data has no such main metric."""
        names = list(self.measure(task, self.gold(data), self.right(data)))
        if self.main_metric not in names:
            raise ValueError(f"metric must be one of {', '.join(names)}; got {self.main_metric!r}")

    def right(self, data):
        """What `predicted` gives if all of it is right."""
        return self.gold(data)

    def score(self, task, data, batch_size):
        """{metric: value} of the data."""
        return self.measure(task, self.gold(data), self.predicted(task, data, batch_size))


class TextJob(Job):
    """Classification of texts or pairs, several labels a text, or a number."""

    def read(self, file):
        """The rows of a file, `recipes.data.labelled.Examples`."""
        settings = self.settings
        columns = labelled.Columns(
            settings.text_column or None,
            settings.pair_column or None,
            settings.label_column or None,
            header={"yes": True, "no": False}.get(settings.header),
            separator=settings.separator,
        )
        return labelled.read_examples(file, self.kind, columns, settings.format or None)

    def label_names(self, data, source):
        """Labels found in the training data, in order; of numbers none."""
        return [] if self.kind == "regression" else labelled.label_names(data.labels, source)

    def texts(self, data):
        """All texts, to train a vocabulary from."""
        return [*data.texts, *(data.pairs or ())]

    def make_task(self, start, names, data):
        """The task to train, from `start(task class, number of labels, **arguments)`."""
        import zoo

        kind = _KIND_OF_LABELS.get(self.kind, "OneLabel")
        labels = getattr(zoo.tasks, kind)(*([names] if names else []))
        num_texts = 1 if data.pairs is None else 2
        return start(
            zoo.tasks.TextClassifier, len(labels.names), labels=labels, num_texts=num_texts
        )

    def rows(self, task, data, is_training):
        """(`zoo.text.EncodedRows`, `zoo.text.RowLabels`) of the data."""
        import zoo

        packed = [
            task.tokenizer.encode_batch(
                data.texts[first : first + _CHUNK],
                data.pairs and data.pairs[first : first + _CHUNK],
                max_length=task.max_length,
            )
            for first in range(0, len(data), _CHUNK)
        ]
        rows = zoo.text.EncodedRows.from_packed(packed, task.tokenizer)
        weights = None
        if is_training and self.settings.class_weights:
            of_label = class_weights(data.labels)
            weights = [of_label[label] for label in data.labels]
        return rows, zoo.text.RowLabels(task.labels.targets(data.labels), weights)

    def loss(self, task):
        """Arguments of `compile` for the loss: a sum, for batches whose weights sum to 1."""
        return {"loss": task.labels.loss(reduction="sum")}

    def check(self, task, data, source):
        """Raise ValueError if the data has labels that the task does not know."""
        if self.kind != "regression":
            labelled.label_ids(data.labels, list(task.labels.names), source)

    def gold(self, data):
        """The labels of the rows."""
        return data.labels

    def predicted(self, task, data, batch_size):
        """A label, a list of labels or a number for each row."""
        return task.labels.read(task.scores(data.texts, data.pairs, batch_size))

    def measure(self, task, gold, predicted):
        """{metric: value}."""
        if self.kind == "regression":
            return metrics.regression(gold, predicted)
        if self.kind == "multilabel":
            targets = task.labels.targets
            return metrics.multilabel(targets(gold), targets(predicted))
        return metrics.classification(gold, predicted, self._positive(task))

    def _positive(self, task):
        names = task.labels.names
        positive = self.settings.positive or (names[-1] if len(names) == 2 else None)
        if positive is not None and positive not in names:
            raise ValueError(f"positive must be one of {list(names)}; got {positive!r}")
        return positive

    def answer(self, task, lines, batch_size):
        """JSON values for lines "text", or "text<TAB>second text" for pairs."""
        columns = columns_of(lines, task.num_texts)
        scores = task.scores(*columns, batch_size=batch_size)
        for label, row in zip(task.labels.read(scores), scores, strict=True):
            if self.kind == "regression":
                yield {"score": label}
            else:
                named = dict(zip(task.labels.names, row.tolist(), strict=True))
                yield {"label": label, "scores": named}


class TaggingJob(Job):
    """A tag for every word: parts of speech, or entities in IOB2. The tags decide which of the two,
    and so the metric."""

    def read(self, file):
        """The sentences of a file, `recipes.data.labelled.TaggedWords`."""
        settings = self.settings
        columns = labelled.Columns(
            settings.text_column or None, None, settings.label_column or None
        )
        return labelled.read_examples(file, "tagging", columns, self.settings.format or None)

    def label_names(self, data, source):
        """Tags found in the training data, "O" first."""
        return labelled.label_names(data.tags, source)

    def texts(self, data):
        """All sentences, to train a vocabulary from."""
        return [" ".join(words) for words in data.words]

    def make_task(self, start, names, data):
        """The task to train, from `start(task class, number of labels, **arguments)`."""
        import zoo

        is_iob2 = metrics.is_iob2(names)
        self.main_metric = self.main_metric or metrics.MAIN["entities" if is_iob2 else "words"]
        return start(zoo.tasks.TextTagger, len(names), labels=names)

    def rows(self, task, data, is_training):
        """(`zoo.text.EncodedRows`, `zoo.text.TokenLabels`) of the data."""
        import zoo

        packed, label_rows = [], []
        names = list(task.labels.names)
        for first in range(0, len(data), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            part, first_pieces = task.tokenizer.encode_words(data.words[chunk], task.max_length)
            packed.append(part)
            ids = labelled.label_ids(data.tags[chunk], names)
            for row, tags, columns in zip(part.padding_mask, ids, first_pieces, strict=True):
                label_rows.append((tags, columns, int(row.sum())))
        rows = zoo.text.EncodedRows.from_packed(packed, task.tokenizer)
        weights = None
        if is_training and self.settings.class_weights:
            of_tag = class_weights(tag for tags in data.tags for tag in tags)
            weights = [of_tag[name] for name in names]
        return rows, zoo.text.TokenLabels.of_words(*zip(*label_rows, strict=True), weights)

    def loss(self, task):
        """Arguments of `compile` for the loss: a sum, for batches whose weights sum to 1."""
        return {"loss": task.labels.loss(reduction="sum")}

    def check(self, task, data, source):
        """Raise ValueError if the data has tags that the task does not know."""
        labelled.label_ids(data.tags, list(task.labels.names), source)

    def gold(self, data):
        """The tags of the words."""
        return data.tags

    def predicted(self, task, data, batch_size):
        """A tag for every word; words that were cut off have one that is wrong unless "O"."""
        return task.tag_words(data.words, batch_size)

    def measure(self, task, gold, predicted):
        """{metric: value}."""
        is_iob2 = metrics.is_iob2(task.labels.names)
        return (metrics.entities if is_iob2 else metrics.words)(gold, predicted)

    def answer(self, task, lines, batch_size):
        """JSON values for lines of words separated by white space."""
        words = [line.split() for line in lines]
        for row, tags in zip(words, task.tag_words(words, batch_size), strict=True):
            yield {"words": row, "tags": tags}


class QuestionJob(Job):
    """Answers to questions that stand in a context, or none."""

    def read(self, file):
        """The questions of a file, `recipes.data.labelled.Questions`."""
        return labelled.read_examples(file, "qa", None, self.settings.format or None)

    def label_names(self, data, source):
        """None: spans have no names."""
        return []

    def texts(self, data):
        """All texts, to train a vocabulary from."""
        return [*data.questions, *dict.fromkeys(data.contexts)]

    def make_task(self, start, names, data):
        """The task to train, from `start(task class, number of labels, **arguments)`."""
        import zoo

        # Shorter rows than BERT's 384 keep the proportions of its questions, overlap and answers.
        question = min(64, self.settings.max_length // 4)
        stride = min(128, (self.settings.max_length - question - 3) // 2)
        return start(
            zoo.tasks.QuestionAnswerer,
            None,
            max_question_length=question,
            stride=stride,
            max_answer_length=min(30, stride // 2 + 1),
        )

    def rows(self, task, data, is_training):
        """(`zoo.text.EncodedRows`, `zoo.text.SpanLabels`) of all windows of the data."""
        import zoo

        packed, targets = [], []
        for first in range(0, len(data), _CHUNK):
            part = data.select(range(first, min(first + _CHUNK, len(data))))
            answers = [found[0] if found else None for found in part.answers]
            windows = task.encode(part.questions, part.contexts, answers)
            packed.append(zoo.text.PackedTexts(**windows.inputs, starts=None, ends=None))
            targets.append(windows.targets)
        rows = zoo.text.EncodedRows.from_packed(packed, task.tokenizer)
        sides = ("start_logits", "end_logits")
        columns = (np.concatenate([target[side] for target in targets]) for side in sides)
        return rows, zoo.text.SpanLabels(*columns)

    def loss(self, task):
        """Arguments of `compile` for the loss: a sum, for batches whose weights sum to 1."""
        import keras

        sides = ("start_logits", "end_logits")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
        return {"loss": dict.fromkeys(sides, loss), "loss_weights": dict.fromkeys(sides, 0.5)}

    def check(self, task, data, source):
        """Nothing: every answer stands in its context."""

    def gold(self, data):
        """The right answers to each question, lists of str."""
        return [[text for text, _ in answers] for answers in data.answers]

    def right(self, data):
        """One of the right answers to each question."""
        return [answers[0] if answers else "" for answers in self.gold(data)]

    def predicted(self, task, data, batch_size):
        """An answer to each question, "" where there is none."""
        return [answer.text for answer in task(data.questions, data.contexts, batch_size)]

    def measure(self, task, gold, predicted):
        """{metric: value}."""
        return metrics.qa(gold, predicted)

    def answer(self, task, lines, batch_size):
        """JSON values for lines "question<TAB>context"."""
        for found in task(*columns_of(lines, 2), batch_size=batch_size):
            yield found._asdict()


def class_weights(labels):
    """{label: N / (L * its count)}, by which the L labels found weigh the same in total."""
    counts = collections.Counter(labels)
    return {label: counts.total() / (len(counts) * count) for label, count in counts.items()}


JOBS = {
    "classification": TextJob,
    "pair": TextJob,
    "multilabel": TextJob,
    "regression": TextJob,
    "tagging": TaggingJob,
    "qa": QuestionJob,
}


def columns_of(lines, count):
    """Lines of `count` columns between tabs as that many lists.

    Raises:
        ValueError: a line has another number; the message names it.
    """
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, 1):
        if len(row) != count:
            raise ValueError(f"line {number} has {len(row)} columns between tabs, not {count}")
    return [list(column) for column in zip(*rows, strict=True)]
