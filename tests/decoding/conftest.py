import keras
import numpy as np
import pytest
from keras import ops

from zoo.compiled import compiled
from zoo.decoding import capacity, stream
from zoo.layers.cache import Cache, write


class Markov:
    """A language whose next token depends on the last two, and a table of its own a row.

    Args:
        logits: (B, V, V, V): row, last but one token, last token, next token.
    """

    def __init__(self, logits):
        self.logits = np.asarray(logits, "float32")

    @classmethod
    def random(cls, num_rows, vocab_size, seed, scale=2.0):
        shape = (num_rows, *[vocab_size] * 3)
        return cls(np.random.default_rng(seed).normal(size=shape) * scale)

    def rows(self, rows):
        return Markov(self.logits[rows])

    def decode(self, ids, cache):
        num_rows, num_beams = ops.shape(cache.beam["last"])
        vocab_size = self.logits.shape[-1]
        length = ops.shape(ids)[1] // num_beams
        ids = ops.reshape(ids, (num_rows, num_beams, length))
        before = ops.concatenate([cache.beam["last"][..., None], ids[..., :-1]], axis=-1)
        flat = ops.reshape(cache.row["table"], (-1, vocab_size))  # (B * V * V, V)
        row = ops.arange(num_rows, dtype="int32")[:, None, None]
        logits = ops.take(flat, (row * vocab_size + before) * vocab_size + ids, axis=0)
        logits = ops.reshape(logits, (num_rows, num_beams * length, vocab_size))
        return logits, self.written(ids, cache)

    def written(self, ids, cache):
        """The cache with ids (B, K, t) in its slots, as a model would write keys."""
        num_rows, num_beams, length = ops.shape(ids)
        total = num_beams * length
        new = ops.reshape(ids, (num_rows, 1, total, 1))
        return cache._replace(
            row={**cache.row, "slots": (write(*cache.row["slots"], new, cache.index),)},
            beam={"last": ids[..., -1], "visible": cache.place(total).visible},
            index=cache.index_after(total),
        )

    def cache(self, capacity):
        num_rows = len(self.logits)
        slots = ops.zeros((num_rows, 1, capacity, 1), dtype="int32")
        return Cache(
            row={"table": ops.convert_to_tensor(self.logits), "slots": (slots,)},
            beam={
                "last": ops.zeros((num_rows, 1), dtype="int32"),
                "visible": ops.zeros((num_rows, 1, capacity), dtype="bool"),
            },
            index=ops.zeros((), dtype="int32"),
        )

    def search(self, driver, search, max_new_tokens, prompt=None, **arguments):
        """What `driver`, `run` or `stream`, finds after a prompt of one 0, in numpy."""
        if prompt is None:
            prompt = np.zeros((len(self.logits), 1), "int32")
        slots = capacity(prompt.shape[1], search.num_hypotheses, max_new_tokens)

        def whole(prompt):
            cache = self.cache(slots)
            return driver(search, self.decode, cache, prompt, max_new_tokens, **arguments)

        prompt = ops.convert_to_tensor(prompt, dtype="int32")
        if driver is stream:
            found = list(whole(prompt))[-1]
        else:
            found = compiled(keras.Sequential([]), whole)(prompt)
        return keras.tree.map_structure(ops.convert_to_numpy, found)

    def log_prob(self, row, tokens):
        """Log-probability of `tokens` after the prompt, in float64."""
        last, total = (0, 0), 0.0
        for token in tokens:
            logits = self.logits[row][last].astype("float64")
            total += logits[token] - np.log(np.exp(logits).sum())
            last = (last[1], token)
        return total


@pytest.fixture
def markov():
    return Markov
