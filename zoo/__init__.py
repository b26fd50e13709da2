"""Transformer, GPT and BERT for Keras 3: layers, models, decoding, tasks and SavedModels.

Importing `zoo` is instant: a subpackage, and with it keras and a backend, loads when it is first
used.
"""

import importlib

__version__ = "0.1.0"

_SUBPACKAGES = (
    "checkpoints",
    "decoding",
    "layers",
    "models",
    "serving",
    "tasks",
    "text",
    "training",
    "visual",
)

__all__ = [*_SUBPACKAGES, "load"]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_SUBPACKAGES])


def load(folder):
    """Load what `task.save(folder)` wrote: a task (strings in, strings out) with its weights.

    Args:
        folder: path of the saved task.

    Returns:
        The task, an instance of the class in `zoo.tasks` that saved it.
    """
    from zoo.tasks import load_task

    return load_task(folder)
