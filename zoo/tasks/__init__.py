"""Tasks: a model and its tokenizers; strings in, strings out."""

from zoo.tasks.saving import load_task
from zoo.tasks.translator import Translation, Translator

__all__ = ["Translation", "Translator", "load_task"]
