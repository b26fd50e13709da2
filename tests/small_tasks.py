"""A small task of every kind with random weights, and texts for it."""

import functools
import io

import keras
import sentencepiece

import zoo
from tests.backends import randomize
from tests.small_bert import small_model, small_tokenizer
from tests.small_generators import CHARACTERS, small_generator, small_gpt
from zoo import models, tasks

SOURCES = ["a cat sat", "two cats sit", "the cat is there"]


@functools.cache
def small_translator():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SOURCES * 3),
        model_writer=model,
        vocab_size=31,
        model_type="bpe",
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    tokenizer = zoo.text.SentencePieceTokenizer(model.getvalue())
    keras.utils.set_random_seed(3)
    model = zoo.models.Transformer.from_size(
        "tiny",
        vocab_size=tokenizer.vocabulary_size,
        hidden_dim=28,
        feed_forward_dim=11,
        num_heads=7,
        num_encoder_layers=1,
        num_decoder_layers=2,
    )
    # A random model knows no end: short translations are quick ones.
    limits = {"length_factor": 0.5, "length_offset": 3, "beam_size": 2}
    return zoo.tasks.Translator(randomize(model, scale=0.4), tokenizer, **limits)


def bert_task(task_class, *settings, **sizes):
    return task_class(small_model(task_class.model_class, **sizes), small_tokenizer(), *settings)


def small_scorer():
    characters = CHARACTERS + "\n:?"
    gpt = small_gpt(vocab_size=len(characters) + 1, num_positions=97)
    model = randomize(models.GPTReward.from_model(gpt), scale=0.3)
    return tasks.AnswerScorer(model, zoo.text.CharacterTokenizer(characters, with_end=True))


# name: (function that makes the task, texts for its `attention`)
TASKS = {
    "Translator": (small_translator, ("the cat sat", "two cats")),
    "TextClassifier": (
        lambda: bert_task(tasks.TextClassifier, ["x", "y", "z"], num_labels=3),
        ("the film was goodly",),
    ),
    "pairs": (
        lambda: bert_task(tasks.TextClassifier, ["x", "y"], 2, num_labels=2),
        ("the film", "was goodly"),
    ),
    "TextTagger": (
        lambda: bert_task(tasks.TextTagger, ["O", "B-X", "I-X"], num_labels=3),
        ("the film was goodly",),
    ),
    "QuestionAnswerer": (
        lambda: tasks.QuestionAnswerer(
            small_model(models.BERTSpanSelector), small_tokenizer(), 23, 5, 7, 4
        ),
        ("good food", "the food was very good " * 5),
    ),
    "TextEmbedder": (lambda: bert_task(tasks.TextEmbedder), ("the film was goodly",)),
    "MaskFiller": (lambda: bert_task(tasks.MaskFiller), ("the [MASK] was goodly",)),
    "TextGenerator": (small_generator, ("once upon",)),
    "AnswerScorer": (small_scorer, ("hello there", " yes")),
}
