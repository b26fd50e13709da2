"""Questions about texts to answers that stand in them."""

import keras
import numpy as np
from keras import ops

from zoo.models import BERTSpanSelector
from zoo.tasks.answer_metrics import answer_f1, best_threshold
from zoo.tasks.answers import (
    Answer,
    EncodedWindows,
    check_answers,
    check_right_answers,
    tokens_of_answers,
)
from zoo.tasks.spans import (
    Spans,
    best_answers,
    null_margins,
    spans_of_rows,
    spans_of_windows,
)
from zoo.tasks.text_task import TextTask, check_texts, chosen
from zoo.text import PackedWindows, WindowRule
from zoo.text.checks import check_text
from zoo.text.windows import substrings_in_graph

_LONGEST = 384  # tokens of a window, as in `run_squad.py` of Devlin et al. 2019
_WINDOWS_AT_A_TIME = 32  # in a SavedModel: bounds its memory, whatever the length of a context


class QuestionAnswerer(TextTask):
    """A `BERTSpanSelector` with its tokenizer: finds the answer to a question in a context.

    `answerer(["Who came?"], ["Ann came."])` -> `[Answer("Ann", 0.93, 0, 3)]`. Contexts of any
    length are read in windows that overlap, see `zoo.text.WindowRule`; the best span of all windows
    is the answer (Devlin et al. 2019, 4.2 and 4.3). To train one, fit its model:

        inputs, targets, rows = answerer.encode(questions, contexts, answers)
        answerer.model.compile(optimizer, answerer.loss())
        answerer.model.fit(inputs, targets)

    The SavedModel has the signature `serving_default(question: string [B], context: string [B]) ->
    {answer: string [B], score: float32 [B], start: int32 [B], end: int32 [B]}`; start and end
    count Unicode code points, each invalid part of UTF-8 as the one U+FFFD that it is read as.

    Args:
        model: a `zoo.models.BERTSpanSelector`.
        tokenizer: as for `TextTask`.
        max_length: longest window in tokens, question and special tokens included. None: 384, or
            as many as the model has positions if these are less.
        max_question_length: longest question in tokens; longer ones lose their tail.
        stride: tokens that neighbouring windows share; at least twice `max_answer_length` less 2,
            so that no answer is missed.
        max_answer_length: longest answer in tokens.
        null_threshold: by how much the empty answer's sum of logits, the least of all windows, may
            exceed the best span's before the answer is "" (`fit_null_threshold` finds it); None:
            "" only for a context without words.

    Raises:
        TypeError, ValueError: as for `TextTask` and `zoo.text.WindowRule`; or max_answer_length
            or null_threshold is out of range.
    """

    model_class = BERTSpanSelector

    def __init__(
        self,
        model,
        tokenizer,
        max_length=None,
        max_question_length=64,
        stride=128,
        max_answer_length=30,
        null_threshold=None,
    ):
        if max_length is None and isinstance(model, BERTSpanSelector):
            max_length = min(_LONGEST, model.config.num_positions)
        super().__init__(model, tokenizer, max_length)
        self.windows = WindowRule(max_length, max_question_length, stride)
        if not isinstance(max_answer_length, int) or max_answer_length < 1:
            raise ValueError(
                f"max_answer_length must be an integer of at least 1; got {max_answer_length!r}"
            )
        is_number = isinstance(null_threshold, (int, float)) and np.isfinite(null_threshold)
        if null_threshold is not None and not is_number:
            raise ValueError(
                f"null_threshold must be a finite number, or None; got {null_threshold!r}"
            )
        self.max_answer_length = max_answer_length
        self.null_threshold = null_threshold

    def __call__(self, questions, contexts, batch_size=32):
        """The answers to questions.

        Args:
            questions, contexts: lists of N str; a question's answer is looked for in its context.
            batch_size: windows at a time.

        Returns:
            list of N `Answer`.
        """
        questions, contexts = _checked_pairs(questions, contexts)
        spans = self._spans(questions, contexts, 1, batch_size)
        found = zip(contexts, *_numpy(best_answers(spans, self.null_threshold)), strict=True)
        return [Answer.of(*each) for each in found]

    def n_best(self, questions, contexts, n, batch_size=32):
        """The n best answers to each question, the empty one never among them.

        Args:
            questions, contexts, batch_size: as for a call.
            n: how many, at least 1.

        Returns:
            list of N lists of at most n `Answer`, best first; fewer where the context has fewer.
        """
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be an integer of at least 1; got {n!r}")
        questions, contexts = _checked_pairs(questions, contexts)
        spans = self._spans(questions, contexts, n, batch_size)
        columns = _numpy((spans.exist, spans.probabilities, spans.starts, spans.ends))
        return [
            [Answer.of(context, *each) for exists, *each in zip(*row, strict=True) if exists]
            for context, *row in zip(contexts, *columns, strict=True)
        ]

    def encode(self, questions, contexts, answers=None):
        """What fine-tuning takes: the windows of all contexts, and where the answers stand.

        Args:
            questions, contexts: lists of N str.
            answers: list of N pairs (text, start), start in Unicode code points of the context, or
                None for a question without an answer. Tokens that an answer holds only in part
                belong to it. None: no targets.

        Returns:
            `EncodedWindows`.

        Raises:
            ValueError: lists of unequal length; an answer that does not stand where it should, or
                has no token.
        """
        questions, contexts = _checked_pairs(questions, contexts)
        if answers is not None:
            answers = check_answers(answers, contexts)
        questions, contexts = self._pieces(questions), self._pieces(contexts)
        windows, packed = self.windows.pack(questions, contexts, self.tokenizer.special_ids)
        targets = None
        if answers is not None:
            ends = tokens_of_answers(answers, contexts)
            first, last = (x[windows.rows] - windows.begins for x in ends)
            inside = (first >= 0) & (last < windows.lengths)
            first, last = (
                np.where(inside, 2 + windows.question_lengths + x, 0).astype("int32")
                for x in (first, last)
            )
            targets = {"start_logits": first, "end_logits": last}
        return EncodedWindows(packed.inputs, targets, windows.rows)

    def loss(self):
        """The losses on the model's outputs that belong to `encode`'s targets."""
        return {
            name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for name in ("start_logits", "end_logits")
        }

    def fit_null_threshold(self, questions, contexts, answers, metric=answer_f1, batch_size=32):
        """Set `null_threshold` to what is best on questions of which some have no answer.

        Args:
            questions, contexts: lists of N str.
            answers: list of N lists of str, the right answers; [] where there is none.
            metric: function of a right answer and a given one, 0 to 1, as those of
                `zoo.tasks.answer_metrics`; the best over the right answers counts.
            batch_size: windows at a time.

        Returns:
            The threshold, in units of logits.

        Raises:
            ValueError: lists of unequal length, or all questions or none have an answer.
        """
        questions, contexts = _checked_pairs(questions, contexts)
        answers = check_right_answers(answers, len(questions))
        spans = self._spans(questions, contexts, 1, batch_size)
        found = _numpy((spans.starts[:, 0], spans.ends[:, 0]))
        texts = [text[a:b] for text, a, b in zip(contexts, *found, strict=True)]
        scored = [
            max((metric(text, predicted) for text in right), default=0.0)
            for right, predicted in zip(answers, texts, strict=True)
        ]
        silent = [float(not right) for right in answers]
        self.null_threshold = best_threshold(_numpy(null_margins(spans)), scored, silent)
        return self.null_threshold

    def row(self, question, context):
        """What the model reads of a question and the first window of a context: arrays (1, T)."""
        inputs = self.encode([question], [context]).inputs
        length = int(inputs["padding_mask"][0].sum())
        return {name: array[:1, :length] for name, array in inputs.items()}

    def answer(self, inputs, n=1):
        """The fields of `zoo.text.PackedWindows` to the n best `Spans` of each window, in Unicode
        code points."""
        windows = PackedWindows(**inputs)
        logits = self.model(windows.inputs)
        spans = spans_of_windows(
            logits["start_logits"],
            logits["end_logits"],
            windows.may_start,
            windows.may_end,
            self.max_answer_length,
            n,
        )
        return spans._replace(
            starts=ops.take_along_axis(windows.starts, spans.starts, axis=1),
            ends=ops.take_along_axis(windows.ends, spans.ends, axis=1),
        )

    def settings(self):
        return {
            **super().settings(),
            "max_question_length": self.windows.max_question_length,
            "stride": self.windows.stride,
            "max_answer_length": self.max_answer_length,
            "null_threshold": self.null_threshold,
        }

    def signatures(self):
        from zoo.serving import Signature

        graph = self.tokenizer.graph()

        def answer(question, context):
            pieces = graph.pieces(question), graph.pieces(context)
            windows, packed = self.windows.pack_in_graph(*pieces, self.tokenizer.special_ids)
            spans = spans_of_rows(self._in_parts(packed._asdict()), windows.counts)
            score, start, end = best_answers(spans, self.null_threshold)
            text = substrings_in_graph(context, start, end)
            return {"answer": text, "score": score, "start": start, "end": end}

        texts = self.warm_up_texts()
        examples = [{"question": row, "context": row} for row in texts]
        long = " ".join(texts[1] * self.max_length)[: 8 * self.max_length]
        examples.append({"question": texts[1], "context": [long]})
        inputs = {"question": ([None], "string"), "context": ([None], "string")}
        return {"serving_default": Signature(answer, inputs, examples, [graph])}

    def _in_parts(self, inputs):
        """`answer` of a few windows at a time."""
        num_windows = ops.shape(inputs["token_ids"])[0]
        numbers, whole = (ops.zeros((num_windows, 1), dtype) for dtype in ("float32", "int32"))
        found = Spans(numbers, whole, whole, numbers[:, 0], numbers[:, 0])

        def answer_some(first, *found):
            last = ops.minimum(first + _WINDOWS_AT_A_TIME, num_windows)
            spans = self.answer({name: x[first:last] for name, x in inputs.items()})
            places = ops.arange(first, last, dtype="int32")[:, None]
            found = (
                ops.scatter_update(old, places, new) for old, new in zip(found, spans, strict=True)
            )
            return (last, *found)

        _, *found = ops.while_loop(lambda first, *_: first < num_windows, answer_some, (0, *found))
        return Spans(*found)

    def _spans(self, questions, contexts, n, batch_size):
        """The n best `Spans` of N contexts, in code points; lists that were checked."""
        if not batch_size >= 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size!r}")
        questions, contexts = self._pieces(questions), self._pieces(contexts)
        num_rows = len(contexts.ids)
        found = _no_spans(num_rows, n)
        order = sorted(range(num_rows), key=lambda row: len(contexts.ids[row]))
        for start in range(0, num_rows, batch_size):
            members = order[start : start + batch_size]
            pieces = (chosen(x, members) for x in (questions, contexts))
            windows, packed = self.windows.pack(*pieces, self.tokenizer.special_ids)
            spans = self._spans_of_windows(packed, n, batch_size)
            joined = spans_of_rows(spans, ops.convert_to_tensor(windows.counts, "int32"))
            for whole, some in zip(found, _numpy(joined), strict=True):
                whole[members] = some
        return _tensors(found)

    def _spans_of_windows(self, packed, n, batch_size):
        """The n best `Spans` of `PackedWindows`; windows of like length go together."""
        lengths = packed.padding_mask.sum(axis=1)
        found = _no_spans(len(lengths), n)
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            width = lengths[members].max()
            inputs = {name: x[members, :width] for name, x in packed._asdict().items()}
            for whole, some in zip(found, self.answers(inputs, batch_size, n), strict=True):
                whole[members] = some
        return _tensors(found)

    def _pieces(self, texts):
        """`Pieces` of N texts; of equal ones, as the contexts of SQuAD, once."""
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        return chosen(self.tokenizer.pieces(list(numbers)), [numbers[text] for text in texts])


def _no_spans(count, n):
    """Arrays for the `Spans` of `count` windows or rows."""
    numbers, whole = (np.zeros((count, n), dtype) for dtype in ("float32", "int32"))
    return Spans(numbers, whole, whole.copy(), *np.zeros((2, count), "float32"))


def _tensors(spans):
    return Spans(*map(ops.convert_to_tensor, spans))


def _numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def _checked_pairs(questions, contexts):
    """Both as lists of str, equally many."""
    sides = {"questions": questions, "contexts": contexts}
    for name, texts in sides.items():
        sides[name] = check_texts(name, texts)
        for row, text in enumerate(sides[name]):
            check_text(text, row, name)
    questions, contexts = sides.values()
    if len(questions) != len(contexts):
        raise ValueError(
            f"contexts must be as many as questions, {len(questions)}; got {len(contexts)}"
        )
    return questions, contexts
