"""A task and what is inside it for one text, as JSON for the page."""

import base64
from pathlib import Path

import numpy as np

from zoo.models import GPTConfig
from zoo.visual.answers import answer_of, fields_of
from zoo.visual.tokens import shortened, visible

MOST_CHARACTERS = 2000
MOST_TOKENS = 128  # a map of more cannot be read, and a page of more is large
_TITLES = {"encoder": "Encoder", "decoder": "Decoder", "cross": "Decoder to encoder"}


def load_run(run):
    """The task of a run: a folder that `task.save` wrote, or a recipe's run folder with its `task`.

    Raises:
        ValueError: neither is there.
    """
    import zoo

    folder = Path(run)
    if (folder / "task.json").is_file():
        return zoo.load(folder)
    if (folder / "task" / "task.json").is_file():
        return zoo.load(folder / "task")
    raise ValueError(
        f"run: {str(folder)!r} is neither a folder that task.save() wrote nor the run folder of a "
        "recipe whose training has ended"
    )


class Explorer:
    """A task as the page sees it.

    Args:
        task: a task of `zoo.tasks`.

    Raises:
        ValueError: the page knows no such task.
    """

    def __init__(self, task):
        self.task = task
        self.fields = fields_of(task)

    def form(self):
        """What the page asks for: a dict for JSON."""
        config = self.task.model.config
        is_gpt = isinstance(config, GPTConfig)
        return {
            "task": type(self.task).__name__,
            "parameters": self.task.model.count_params(),
            "fields": [field._asdict() for field in self.fields],
            # What queries and keys are made of beside x W.
            "bias": not is_gpt or config.use_bias,
            "rotary": is_gpt and config.positions == "rotary",
        }

    def look(self, texts):
        """All that the page shows of texts: a dict for JSON.

        Args:
            texts: list of str, one a field; an optional one may be empty or left out.

        Raises:
            ValueError: too few or too many texts, too long ones, or what the task refuses.
        """
        texts = self._checked(texts)
        answer = answer_of(self.task, texts)
        found = self.task.attention(*answer.attended)
        for attention in found.values():
            _check_length(max(len(attention.queries), len(attention.keys)))
        return {
            "texts": texts,
            "answer": {
                "title": answer.title,
                "lines": _lines(answer.lines),
                "following": [_lines(lines) for lines in answer.following],
            },
            "attention": [_as_json(attention) for attention in found.values()],
        }

    def _checked(self, texts):
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError("texts must be a list of strings")
        if len(texts) > len(self.fields):
            raise ValueError(f"texts must be at most {len(self.fields)}; got {len(texts)}")
        texts = texts + [""] * (len(self.fields) - len(texts))
        for field, text in zip(self.fields, texts, strict=True):
            if not text.strip() and not field.optional:
                raise ValueError(f"{field.label}: give a text")
            if len(text) > MOST_CHARACTERS:
                raise ValueError(
                    f"{field.label}: at most {MOST_CHARACTERS} characters; got {len(text)}"
                )
        # Before the model reads them: a translation of a long text takes long.
        tokenizer = next(iter(self.task.tokenizers().values()))
        _check_length(sum(map(len, tokenizer.encode(texts))))
        return texts


def _check_length(num_tokens):
    if num_tokens > MOST_TOKENS:
        raise ValueError(f"at most {MOST_TOKENS} tokens can be shown; got {num_tokens}")


def _as_json(attention):
    return {
        "kind": attention.kind,
        "title": _TITLES[attention.kind],
        "queries": _shown(attention.queries),
        "keys": _shown(attention.keys),
        "following": [token and _shown([token])[0] for token in attention.following],
        "layers": attention.num_layers,
        "heads": attention.num_heads,
        "keyHeads": attention.key.shape[1],
        "size": attention.query.shape[-1],
        "scale": attention.scale,
        "allowed": _base64(attention.allowed, "uint8"),
        **{
            name: _base64(getattr(attention, name), "<f4")
            for name in ("weights", "query", "key", "value")
        },
    }


def _lines(lines):
    """Lines as dicts; JSON has no word for what is not finite."""
    return [
        {**line._asdict(), "share": line.share if np.isfinite(line.share or 0.0) else None}
        for line in lines
    ]


def _shown(tokens):
    return [shortened(visible(token), 24) for token in tokens]


def _base64(array, dtype):
    return base64.b64encode(array.astype(dtype).tobytes()).decode("ascii")
