"""The tokenizer files of a Marian (OPUS-MT) folder: reading, checking, writing."""

import dataclasses
import json
from pathlib import Path

_MODEL_FILES = ("source.spm", "target.spm")
_VOCABULARY_FILE = "vocab.json"
_TARGET_VOCABULARY_FILE = "target_vocab.json"
_SETTINGS_FILE = "tokenizer_config.json"
_DEFAULTS = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


@dataclasses.dataclass(frozen=True)
class MarianFiles:
    """What `source.spm`, `target.spm`, `vocab.json` and `tokenizer_config.json` hold.

    Args:
        source_model: bytes of the SentencePiece model of the source language.
        target_model: bytes of that of the target language.
        vocabulary: dict piece -> id, of the source, and of the target unless it has its own.
        target_vocabulary: dict piece -> id of the target (`separate_vocabs`), or None.
        settings: dict, `tokenizer_config.json`.

    Raises:
        ValueError: a vocabulary that is no map of pieces to ids or lacks the unknown piece, or a
            setting that is not supported; the message names it.
    """

    source_model: bytes
    target_model: bytes
    vocabulary: dict
    target_vocabulary: dict | None = None
    settings: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        _check_vocabulary(_VOCABULARY_FILE, self.vocabulary, self.token("unk_token"))
        if self.target_vocabulary is not None:
            unknown = self.token("unk_token")
            _check_vocabulary(_TARGET_VOCABULARY_FILE, self.target_vocabulary, unknown)
        if self.settings.get("sp_model_kwargs"):
            given = self.settings["sp_model_kwargs"]
            raise ValueError(f"{_SETTINGS_FILE}: sp_model_kwargs must be empty; got {given!r}")
        for entry in self.settings.get("added_tokens_decoder", {}).values():
            flags = [name for name in ("lstrip", "rstrip", "single_word") if entry.get(name)]
            if flags:
                raise ValueError(
                    f"{_SETTINGS_FILE}: the added token {entry['content']!r} has "
                    f"{', '.join(flags)}; only tokens without these are supported"
                )

    @classmethod
    def read(cls, folder):
        """Read the files of `folder`.

        Raises:
            FileNotFoundError: a file is missing; the message names it.
            ValueError: a file is damaged or asks for something that is not supported.
        """
        folder = Path(folder)
        settings = _read_settings(folder)
        separate = settings.get("separate_vocabs", False)
        models = [_read(folder / name) for name in _MODEL_FILES]
        target = _read_json(folder / _TARGET_VOCABULARY_FILE) if separate else None
        return cls(*models, _read_json(folder / _VOCABULARY_FILE), target, settings)

    def write(self, folder):
        """Write the files into an existing folder, as `read` and the transformers library read
        them."""
        folder = Path(folder)
        for name, model in zip(_MODEL_FILES, (self.source_model, self.target_model), strict=True):
            (folder / name).write_bytes(model)
        settings = {
            **self.settings,
            "separate_vocabs": self.target_vocabulary is not None,
            "tokenizer_class": "MarianTokenizer",
        }
        files = {_VOCABULARY_FILE: self.vocabulary, _SETTINGS_FILE: settings}
        if self.target_vocabulary is not None:
            files[_TARGET_VOCABULARY_FILE] = self.target_vocabulary
        for name, content in files.items():
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (folder / name).write_text(text, encoding="utf-8")

    def token(self, name):
        """The token in the role `name`: "eos_token", "unk_token" or "pad_token"."""
        return _content(self.settings.get(name) or _DEFAULTS[name])

    @property
    def special_tokens(self):
        """Tokens that stand for themselves in texts and that decoding leaves out."""
        roles = {name: self.token(name) for name in _DEFAULTS}
        for name, value in self.settings.items():
            if name.endswith("_token") and value:
                roles[name] = _content(value)
        more = self.settings.get("extra_special_tokens") or ()
        more = more or self.settings.get("additional_special_tokens") or ()
        more = more.values() if isinstance(more, dict) else more
        return list(dict.fromkeys([*roles.values(), *map(_content, more)]))

    @property
    def added_tokens(self):
        """dict token -> id of what is never handed to SentencePiece. The ids are those of the
        source's vocabulary, also on the target side, as MarianTokenizer has it."""
        entries = self.settings.get("added_tokens_decoder", {})
        ids = {entry["content"]: int(number) for number, entry in entries.items()}
        free = len(set(self.vocabulary) | set(ids))
        for token in self.special_tokens:
            if token not in ids:
                ids[token] = self.vocabulary.get(token, free)
                free += ids[token] == free
        return ids


def _read(file):
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{file.parent} is no folder of a Marian tokenizer: it has no {file.name}"
        ) from error


def _read_json(file):
    try:
        return json.loads(_read(file))
    except ValueError as error:
        raise ValueError(f"{file} is not valid JSON: {error}") from error


def _read_settings(folder):
    """`tokenizer_config.json`, with what older folders keep beside it."""
    present = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    settings = _read_json(folder / _SETTINGS_FILE) if _SETTINGS_FILE in present else {}
    if "added_tokens_decoder" in settings:
        return settings
    if "special_tokens_map.json" in present:
        settings = {**settings, **_read_json(folder / "special_tokens_map.json")}
    if "added_tokens.json" in present:
        added = _read_json(folder / "added_tokens.json")
        entries = {str(number): {"content": token} for token, number in added.items()}
        settings = {**settings, "added_tokens_decoder": entries}
    return settings


def _content(token):
    return token["content"] if isinstance(token, dict) else token


def _check_vocabulary(name, vocabulary, unknown):
    if not isinstance(vocabulary, dict) or not all(
        isinstance(number, int) and number >= 0 for number in vocabulary.values()
    ):
        raise ValueError(f"{name} must hold a JSON object from pieces to ids >= 0")
    if unknown not in vocabulary:
        raise ValueError(f"{name} must hold the unknown piece {unknown!r} (unk_token)")
