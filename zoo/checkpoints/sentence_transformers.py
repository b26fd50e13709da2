"""Folders of the sentence-transformers library: what stands beside the model's own files."""

import dataclasses
import json
from pathlib import Path, PurePosixPath

from zoo.checkpoints.safetensors_folder import read_json

_MODULES_FILE = "modules.json"
_MODEL_FILE = "sentence_bert_config.json"
_LIBRARY_FILE = "config_sentence_transformers.json"
_TOKENIZER_FILE = "tokenizer_config.json"
_CONFIG_FILE = "config.json"
_POOLING_FOLDER = "1_Pooling"
_NORMALIZE_FOLDER = "2_Normalize"

# Last parts of the class names in modules.json that we compute, in the only order we compute.
_MODULES = ["Transformer", "Pooling", "Normalize"]
_TYPE = "sentence_transformers.models."
# Their modes of pooling, as files of version 6 name them, and ours.
_POOLINGS = {"mean": "mean", "cls": "first"}
# The flags that older files have instead; exactly one must be set.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclasses.dataclass(frozen=True)
class SentenceTransformer:
    """What such a folder says (Reimers and Gurevych 2019, arXiv:1908.10084, 3).

    Attributes:
        folder: where the model and its tokenizer lie.
        pooling: "mean" or "first", see `zoo.tasks.TextEmbedder`.
        normalize: whether embeddings have length 1.
        max_length: longest row in tokens, or None where it does not say.
        lowercase: whether texts are lowercased, whatever the tokenizer does.
    """

    folder: Path
    pooling: str
    normalize: bool
    max_length: int | None
    lowercase: bool


def open_sentence_transformer(folder):
    """What a folder says, or None: it is not of the sentence-transformers library.

    Raises:
        FileNotFoundError: a file that another one names is missing.
        ValueError: a file is damaged, or asks for what is not supported.
    """
    folder = Path(folder)
    if not (folder / _MODULES_FILE).is_file():
        return None
    paths = _module_paths(folder)
    library = _optional(folder, _LIBRARY_FILE)
    prompt = (library.get("prompts") or {}).get(library.get("default_prompt_name"))
    if prompt:
        raise ValueError(
            f"{folder / _LIBRARY_FILE}: default_prompt_name must be null; got {prompt!r}, which "
            "would be put before every text"
        )
    model = folder / paths["Transformer"]
    config = _optional(model, _MODEL_FILE)
    task = config.get("transformer_task", "feature-extraction")
    if task != "feature-extraction":
        raise ValueError(
            f"{model / _MODEL_FILE}: transformer_task must be 'feature-extraction'; got {task!r}"
        )
    max_length = config.get("max_seq_length")
    if max_length is None:  # version 6 leaves it to the tokenizer
        max_length = _optional(model, _TOKENIZER_FILE).get("model_max_length")
    return SentenceTransformer(
        folder=model,
        pooling=_pooling(folder / paths["Pooling"]),
        normalize="Normalize" in paths,
        max_length=None if max_length is None else int(max_length),
        lowercase=bool(config.get("do_lower_case")),
    )


def write_sentence_transformer(folder, size, pooling, normalize, max_length):
    """Write the library's files into a folder that has the model's and the tokenizer's.

    Args:
        folder: path.
        size: D of the embeddings.
        pooling, normalize, max_length: see `SentenceTransformer`.
    """
    folder = Path(folder)
    paths = {"Transformer": "", "Pooling": _POOLING_FOLDER, "Normalize": _NORMALIZE_FOLDER}
    if not normalize:
        del paths["Normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": _TYPE + name}
        for i, (name, path) in enumerate(paths.items())
    ]
    flags = {name: _POOLINGS.get(mode) == pooling for name, mode in _FLAGS.items()}
    for path in paths.values():
        (folder / path).mkdir(exist_ok=True)
    _write(folder / _MODULES_FILE, modules)
    _write(folder / _MODEL_FILE, {"max_seq_length": max_length, "do_lower_case": False})
    pooling_file = folder / _POOLING_FOLDER / _CONFIG_FILE
    _write(pooling_file, {"word_embedding_dimension": size, **flags})
    _write(folder / _LIBRARY_FILE, {"prompts": {}, "default_prompt_name": None})


def _module_paths(folder):
    """{last part of a module's class name: its folder}, in order."""
    file = folder / _MODULES_FILE
    try:
        modules = json.loads(file.read_text(encoding="utf-8"))
        names = [str(module["type"]).rpartition(".")[2] for module in modules]
        paths = [PurePosixPath(module["path"]) for module in modules]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged: {error!r}") from error
    if names not in (_MODULES, _MODULES[:2]):
        raise ValueError(f"{file}: the modules must be {_MODULES} or {_MODULES[:2]}; got {names}")
    for path in paths:
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{file}: a path must lie inside the folder; got {str(path)!r}")
    return dict(zip(names, paths, strict=True))


def _pooling(folder):
    """Our name of the mode in a folder's config.json."""
    config = read_json(folder, _CONFIG_FILE)
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for flag, mode in _FLAGS.items() if config.get(flag)] or ["mean"]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise ValueError(
            f"{folder / _CONFIG_FILE}: the pooling mode must be one of {list(_POOLINGS)}; "
            f"got {' and '.join(map(str, modes))}"
        )
    return _POOLINGS[modes[0]]


def _optional(folder, name):
    return read_json(folder, name) if (folder / name).is_file() else {}


def _write(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
