"""What the page asks of each task, and what it shows as its answer."""

import functools
from typing import NamedTuple

import numpy as np
from keras import ops

from zoo import tasks
from zoo.text import ChatTemplate
from zoo.visual.tokens import visible

_MOST = 8  # entries of a list of probabilities


class Field(NamedTuple):
    """A text that the page asks for.

    Attributes:
        label: what it is.
        example: what stands there first.
        optional: whether it may be left empty.
    """

    label: str
    example: str
    optional: bool = False


class Line(NamedTuple):
    """One line of an answer.

    Attributes:
        text: what it says.
        share: probability or other number from 0 to 1, drawn as a bar; None: no bar.
        note: a number or name beside it.
    """

    text: str
    share: float | None = None
    note: str = ""


class Answer(NamedTuple):
    """What a task makes of texts.

    Attributes:
        title: of the lines.
        lines: list of `Line`s.
        following: for each query of a decoder a list of `Line`s, the tokens that may come after it;
            () where there are none.
        attended: the texts whose attention belongs to it, as `task.attention` takes them.
    """

    title: str
    lines: list
    attended: list
    following: tuple = ()


@functools.singledispatch
def fields_of(task):
    """The `Field`s that a task reads, in the order of its arguments.

    Raises:
        ValueError: the page knows no such task.
    """
    raise ValueError(f"there is no page for a task of class {type(task).__name__}")


@functools.singledispatch
def answer_of(task, texts):
    """The `Answer` of a task to texts, as many as it has fields."""
    raise ValueError(f"there is no page for a task of class {type(task).__name__}")


@fields_of.register
def _(task: tasks.Translator):
    return [
        Field("Sentence", "The meeting is on March 3, 1987 at a quarter past four."),
        Field("Translation, or nothing for the model's own", "", optional=True),
    ]


@answer_of.register
def _(task: tasks.Translator, texts):
    found = task.n_best([texts[0]], n=min(3, task.beam_size))[0]
    lines = [Line(text, note=f"score {score:.3f}") for text, score in found]
    title = "Translation" if len(lines) == 1 else "Translations, best first"
    return Answer(title, lines, [texts[0], texts[1] or lines[0].text])


@fields_of.register
def _(task: tasks.TextClassifier):
    first = Field("Text", "She turned on the light.")
    return [first] if task.num_texts == 1 else [first, Field("Second text", "The bag was light.")]


@answer_of.register
def _(task: tasks.TextClassifier, texts):
    (scores,) = task.scores(*([text] for text in texts))
    if isinstance(task.labels, tasks.Number):
        return Answer("Number", [Line(f"{float(scores[0]):.4g}")], texts)
    order = np.argsort(-scores, kind="stable")
    return Answer("Classes", [_share(task.labels.names[i], scores[i]) for i in order], texts)


@fields_of.register
def _(task: tasks.TextTagger):
    return [Field("Text", "Ann Lee moved to New York in March.")]


@answer_of.register
def _(task: tasks.TextTagger, texts):
    (tagged,) = task(list(texts))
    return Answer("Tags", [Line(word.text, word.score, word.tag) for word in tagged], texts)


@fields_of.register
def _(task: tasks.QuestionAnswerer):
    return [
        Field("Question", "Who turned on the light?"),
        Field("Context", "Ann came home late. She turned on the light and put down her bag."),
    ]


@answer_of.register
def _(task: tasks.QuestionAnswerer, texts):
    (found,) = task.n_best([texts[0]], [texts[1]], n=3)
    return Answer("Answers", [_share(answer.text, answer.score) for answer in found], texts)


@fields_of.register
def _(task: tasks.TextEmbedder):
    return [
        Field("Text", "She turned on the light."),
        Field("Text to compare it with, or nothing", "The lamp was switched on.", optional=True),
    ]


@answer_of.register
def _(task: tasks.TextEmbedder, texts):
    (embedding,) = task([texts[0]])
    numbers = ", ".join(f"{value:.3f}" for value in embedding[:6])
    lines = [Line(f"{numbers}, \u2026", note=f"{len(embedding)} numbers")]
    if texts[1]:
        cosine = float(task.similarity([texts[0]], [texts[1]])[0, 0])
        lines.append(Line("cosine with the other text", max(cosine, 0.0), f"{cosine:.3f}"))
    return Answer("Embedding", lines, texts[:1])


@fields_of.register
def _(task: tasks.MaskFiller):
    return [Field("Text with gaps", f"She turned on the {task.tokenizer.tokens.mask}.")]


@answer_of.register
def _(task: tasks.MaskFiller, texts):
    (gaps,) = task(list(texts), k=min(5, task.tokenizer.vocabulary_size))
    lines = [
        _share(fill.token, fill.score)._replace(note=f"gap {number}, {fill.score:.1%}")
        for number, fills in enumerate(gaps, 1)
        for fill in fills
    ]
    return Answer("What may stand in the gaps", lines, texts)


@fields_of.register
def _(task: tasks.TextGenerator):
    return [Field("Beginning of a text", "She turned on the")]


@answer_of.register
def _(task: tasks.TextGenerator, texts):
    ids = task.row(texts[0])
    logits = ops.cast(task.model({"token_ids": ids}, training=False), "float32")[0]
    shares = ops.softmax(logits[:, : task.tokenizer.vocabulary_size])  # (T, V)
    shares, best = ops.top_k(shares, min(_MOST, task.tokenizer.vocabulary_size))
    shares, best = ops.convert_to_numpy(shares), ops.convert_to_numpy(best)
    following = tuple(
        [_share(visible(token), share) for token, share in zip(names, row, strict=True)]
        for names, row in zip(map(task.tokenizer.spell, best), shares, strict=True)
    )
    return Answer("Next token", following[-1], texts, following)


@fields_of.register
def _(task: tasks.AnswerScorer):
    template = ChatTemplate()
    return [
        Field("Prompt, spelled as in training", template.prompt("How do I turn on the light?")),
        Field("Answer, as it stands behind the prompt", template.answer("Press the switch.")),
    ]


@answer_of.register
def _(task: tasks.AnswerScorer, texts):
    (score,) = task([texts[0]], [texts[1]])
    return Answer("Score, made at the last token", [Line(f"{score:.4f}")], texts)


def _share(text, share):
    return Line(text, float(share), f"{float(share):.1%}")
