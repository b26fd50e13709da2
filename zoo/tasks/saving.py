"""A task in a folder: settings as JSON, the model, its tokenizers. Nothing in it is run."""

import importlib
import json
from pathlib import Path

import keras

from zoo.checkpoints.weights import check_merged, named_weights, read_weights, write_weights
from zoo.folders import new_folder

_TASK_FILE = "task.json"
_CONFIG_FILE = "config.json"
_WEIGHTS_FILE = "model.safetensors"
_FORMAT = 1

# Class names that a folder may hold, and where they live: a folder cannot name other code.
_TASKS = {
    "AnswerScorer": "zoo.tasks.answer_scorer",
    "MaskFiller": "zoo.tasks.mask_filler",
    "QuestionAnswerer": "zoo.tasks.question_answerer",
    "TextClassifier": "zoo.tasks.text_classifier",
    "TextEmbedder": "zoo.tasks.text_embedder",
    "TextGenerator": "zoo.tasks.text_generator",
    "TextTagger": "zoo.tasks.text_tagger",
    "Translator": "zoo.tasks.translator",
}
_TOKENIZERS = {
    "ByteBPETokenizer": "zoo.text",
    "CharacterTokenizer": "zoo.text",
    "LlamaTokenizer": "zoo.text",
    "MarianTokenizer": "zoo.text",
    "SentencePieceTokenizer": "zoo.text",
    "WordPieceTokenizer": "zoo.text",
}


def save_task(folder, task, settings, model, tokenizers):
    """Write a task into a new folder, all or nothing.

    Args:
        folder: path that must not exist yet.
        task: the task; its class must be one that `load_task` knows.
        settings: dict of JSON values, arguments of its constructor.
        model: the model, of a class registered with Keras; saved as configuration and safetensors.
        tokenizers: {name: tokenizer}, each saved in a folder of its own.

    Raises:
        FileExistsError: `folder` exists.
        ValueError: the model has LoRA that is not merged.
        OSError: the disk is full. Nothing is left behind.
    """
    check_merged(named_weights(model))
    description = {
        "format": _FORMAT,
        "task": type(task).__name__,
        "settings": settings,
        "model": keras.saving.get_registered_name(type(model)),
        "tokenizers": {name: type(each).__name__ for name, each in tokenizers.items()},
    }
    with new_folder(folder) as temporary:
        _write_json(temporary / _TASK_FILE, description)
        _write_json(temporary / _CONFIG_FILE, model.get_config())
        write_weights(temporary / _WEIGHTS_FILE, model)
        for name, tokenizer in tokenizers.items():
            tokenizer.save(temporary / name)


def load_task(folder):
    """Read what `task.save(folder)` wrote: a task with its model's weights and its tokenizers.

    Raises:
        ValueError: the folder is damaged, holds no task of this package, or a model whose class is
            not registered with Keras; the message names it.
    """
    folder = Path(folder)
    description = _read_json(folder / _TASK_FILE, folder)
    if description.get("format") != _FORMAT:
        raise ValueError(
            f"{folder} has format {description.get('format')!r}; this version reads {_FORMAT}"
        )
    try:
        model_class = _registered_model(description["model"], folder)
        task_class = _named(_TASKS, description["task"], folder)
        tokenizers = {
            name: _named(_TOKENIZERS, kind, folder).load(folder / name)
            for name, kind in description["tokenizers"].items()
        }
        settings = description["settings"]
    except KeyError as error:
        raise ValueError(f"{folder / _TASK_FILE} is damaged: it has no {error}") from error
    model = model_class.from_config(_read_json(folder / _CONFIG_FILE, folder))
    read_weights(folder / _WEIGHTS_FILE, model)
    return task_class.from_saved(model, tokenizers, settings)


def _registered_model(name, folder):
    """A model class that is registered with Keras: ours, or one that the caller has imported."""
    import zoo.models  # noqa: F401  (registers ours)

    found = keras.saving.get_registered_object(name)
    if found is None:
        raise ValueError(
            f"{folder} holds a model of class {name!r}, which is not registered: import the module "
            "that defines it first"
        )
    return found


def _named(known, name, folder):
    if name not in known:
        raise ValueError(f"{folder} holds a {name!r}; this version knows {sorted(known)}")
    return getattr(importlib.import_module(known[name]), name)


def _write_json(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(file, folder):
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(
            f"{folder} holds no saved task: {file.name} is missing. task.save(folder) writes one"
        ) from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{file} is damaged: it must hold a JSON object")
    return value
