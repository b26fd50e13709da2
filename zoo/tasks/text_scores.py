"""How probable texts are to a generator's model."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo.compiled import compiled, shapes_are_dynamic
from zoo.decoding.top import log_probs_of
from zoo.tasks.text_task import check_texts

# Where shapes are compiled, texts are rounded up to so many tokens.
_BUCKET = 32


class Score(NamedTuple):
    """How probable a text is.

    Attributes:
        log_prob: sum over its tokens, in nats.
        ids: list of int, the tokens.
        log_probs: (n,) float32 array, one for each of them.
    """

    log_prob: float
    ids: list
    log_probs: Any


class TextScores:
    """Log-probabilities of texts by teacher forcing: one pass, no search.

    Args:
        model: a `zoo.models.GPT`.
        tokenizer: its tokenizer.
        prefix: list of int, ids that stand before every prompt.
    """

    def __init__(self, model, tokenizer, prefix=()):
        self.model, self.tokenizer, self.prefix = model, tokenizer, list(prefix)
        self._compiled = {}

    def __call__(self, texts, prompts=None, batch_size=8):
        """The `Score` of each text; see `TextGenerator.score`."""
        texts = check_texts("texts", texts)
        rows = self.tokenizer.encode(texts)
        befores = [[] for _ in rows]
        if prompts is not None or self.tokenizer.start_id is not None:
            prompts = [""] * len(rows) if prompts is None else check_texts("prompts", prompts)
            ids, mask = self.tokenizer.encode_prompts(prompts)
            befores = [row[real].tolist() for row, real in zip(ids, mask, strict=True)]
        if len(befores) != len(rows):
            raise ValueError(
                f"prompts must be as many as the {len(rows)} texts; got {len(befores)}"
            )
        pairs = list(zip(befores, rows, strict=True))
        # What nothing stands before cannot be predicted.
        counted = [row if before or self.prefix else row[1:] for before, row in pairs]
        found = self.log_probs(pairs, batch_size)
        return [
            Score(float(values.sum()), ids, values)
            for ids, values in zip(counted, found, strict=True)
        ]

    def log_probs(self, pairs, batch_size):
        """Of the ids of each text, behind the ids of its prompt.

        Args:
            pairs: list of (ids of the prompt, ids of the text).
            batch_size: at a time; those of like length go together.

        Returns:
            list of (n,) float32 arrays; where no id stands before a text, its first is left out.

        Raises:
            ValueError: a prompt and its text are longer than the model's positions.
        """
        rows = [[*self.prefix, *before, *text] for before, text in pairs]
        longest = self.model.config.num_positions
        for number, row in enumerate(rows):
            if len(row) > longest:
                raise ValueError(
                    f"texts[{number}] has {len(row)} tokens with its prompt; at most the model's "
                    f"{longest} positions are allowed"
                )
        found = [np.zeros(0, "float32")] * len(rows)
        order = sorted(
            (i for i, row in enumerate(rows) if len(row) > 1), key=lambda i: len(rows[i])
        )
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            values = self._values([rows[i] for i in members], batch_size)
            for i, value in zip(members, values, strict=False):
                scored = min(len(pairs[i][1]), len(rows[i]) - 1)
                found[i] = value[len(rows[i]) - 1 - scored : len(rows[i]) - 1]
        return found

    def _values(self, rows, batch_size):
        """Log-probability of each id after the first: (B, T) float32 array, T >= longest - 1."""
        width, count = max(map(len, rows)), len(rows)
        if not shapes_are_dynamic():
            width = min(-(-width // _BUCKET) * _BUCKET, self.model.config.num_positions)
            count = batch_size
        batch = np.zeros((count, width), "int32")
        for number, row in enumerate(rows):
            batch[number, : len(row)] = row
        key = tuple(map(id, self.model.variables))  # LoRA changes which there are
        if key not in self._compiled:
            self._compiled = {key: compiled(self.model, self._predicted)}
        return ops.convert_to_numpy(self._compiled[key](batch))

    def _predicted(self, ids):
        logits = self.model({"token_ids": ids[:, :-1]}, training=False)
        logits = ops.cast(logits, "float32")  # (B, T, V)
        chosen = ops.take_along_axis(logits, ids[:, 1:, None], axis=-1)
        largest = ops.max(logits, axis=-1, keepdims=True)
        return log_probs_of(chosen, logits, largest)[..., 0]
