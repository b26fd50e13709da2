"""Tasks: a model and its tokenizers; strings in, strings out."""

from zoo.tasks.labels import ManyLabels, Number, OneLabel
from zoo.tasks.saving import load_task
from zoo.tasks.text_classifier import TextClassifier
from zoo.tasks.translator import Translation, Translator

__all__ = [
    "ManyLabels",
    "Number",
    "OneLabel",
    "TextClassifier",
    "Translation",
    "Translator",
    "load_task",
]
