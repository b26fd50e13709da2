"""Searches behind prompts: what a call, a stream and a served graph do alike."""

import numpy as np
from keras import ops

from zoo import decoding
from zoo.compiled import compiled, compiled_step, shapes_are_dynamic

# Where shapes are compiled, prompts and continuations are rounded up to so many tokens.
_BUCKET = 32


class Continuation:
    """A `GPT` that reads prompts and lets a search go on behind them.

    Args:
        model: a `zoo.models.GPT`.
        end_id, pad_id: ids of the searches.
        prefix: list of int, ids that stand before every prompt. All but the last are read once,
            here; the last begins every prompt, so that none is empty.
        draft: a smaller `GPT` that guesses ahead, or None.
        num_drafts: tokens that it guesses at a time.

    Attributes:
        variables: of all models that are read.
        room: tokens that a prompt and its continuation may have together.
    """

    def __init__(self, model, end_id, pad_id, prefix=(), draft=None, num_drafts=4):
        self.model, self.draft, self.num_drafts = model, draft, num_drafts
        self.end_id, self.pad_id = end_id, pad_id
        self.prefix = list(prefix)
        held = self.prefix[:-1]
        self._compiled = {}
        self._models = [model] if draft is None else [model, draft]
        positions = min(each.config.num_positions for each in self._models)
        # Guesses may go beyond the last token that is kept.
        self.room = positions - len(held) - (0 if draft is None else num_drafts + 1)
        self._read = [read_alone(each, held) for each in self._models] if held else None

    @property
    def variables(self):
        return [variable for each in self._models for variable in each.variables]

    def search(self, options, values, seeds, ids, mask):
        """The search of `GenerationOptions`; ids (B, P), mask (B, P), else as `options.search`."""
        if self.draft is None:
            prompt = ops.where(mask, ids, -1)
            held = self.prefix[:-1]  # the last is the first of `ids`
            if held:
                held = ops.broadcast_to(
                    ops.convert_to_tensor([held], dtype="int32"), (ops.shape(ids)[0], len(held))
                )
                prompt = ops.concatenate([held, prompt], axis=1)
            return options.search(self.end_id, self.pad_id, values, seeds, prompt)
        penalty = decoding.LengthPenalty(options.length_penalty)
        ends = (self.end_id, *options.end_ids)
        return decoding.SpeculativeGreedy(
            self.draft.decode, self.num_drafts, ends, self.pad_id, penalty
        )

    def run(self, search, ids, mask, longest, limits):
        """Prompts to a `zoo.decoding.Result`; runs inside a compiled function.

        Args:
            search: a search of `zoo.decoding`.
            ids: (B, P) int32, prompts aligned right.
            mask: (B, P) bool, True where a token stands.
            longest: most new tokens, whole number or () int32.
            limits: (B,) int32, the rows' own.
        """
        cache, last = self.start(ids, mask)
        return decoding.run(search, self.model.decode, cache, last, longest, limits)

    def start(self, ids, mask):
        """Read all but the last token of the prompts: -> the cache, or `CachePair`, and the last
        tokens (B, 1)."""
        # A column of padding in front, so that there is something to read.
        before = ops.pad(ids[:, :-1], [[0, 0], [1, 0]])  # (B, P)
        real = ops.pad(mask[:, :-1], [[0, 0], [1, 0]])
        caches = []
        for number, model in enumerate(self._models):
            cache = self._cache(model, number, ops.shape(ids)[0], ops.shape(ids)[1] + 1)
            caches.append(model.read(before, cache, real)[1])
        cache = caches[0] if self.draft is None else decoding.CachePair(*caches)
        return cache, ids[:, -1:]

    def result(self, batch, seeds, options, num_rows):
        """What a search finds behind a batch of prompts, by one compiled function.

        Args:
            batch: `zoo.text.Prompts` of B prompts.
            seeds: (B,) int32 array.
            options: `GenerationOptions`; its stop strings are not looked for.
            num_rows: most prompts of a batch: all are compiled for that where shapes are.

        Returns:
            A `zoo.decoding.Result` of arrays.
        """
        longest = options.max_new_tokens
        if not shapes_are_dynamic():
            longest = min(_rounded(longest), self.room - batch.token_ids.shape[1])

        def run(ids, mask, limits, seeds, *values):
            values = dict(zip(options.row_values, values, strict=True))
            search = self.search(options, values, seeds, ids, mask)
            most = ops.max(limits, initial=1) if shapes_are_dynamic() else longest
            return self.run(search, ids, mask, most, limits)

        # Where shapes are fixed, the function knows how far it goes.
        key = () if shapes_are_dynamic() else (longest,)
        whole = self._compile(key, options, compiled, run)
        return _in_numpy(whole(*self._inputs(batch, seeds, options, num_rows)))

    def steps(self, batch, seeds, options, has_ended=None):
        """The same step by step: yields the `Result` after every token.

        Args:
            batch, seeds, options: as for `result`.
            has_ended: function of a `Result` of arrays: which sequences shall go on no more, (B, n)
                bool array; or None.
        """
        inputs = self._inputs(batch, seeds, options, len(batch.token_ids))
        ids, mask, limits, seeds, *values = (ops.convert_to_tensor(x) for x in inputs)
        values = dict(zip(options.row_values, values, strict=True))
        search = self.search(options, values, seeds, ids, mask)
        cache, last = self.start(ids, mask)
        steps = decoding.stream(
            search,
            self.model.decode,
            cache,
            last,
            options.max_new_tokens,
            limits,
            compile_step=lambda step: self._compile(("step",), options, compiled_step, step),
            has_ended=None if has_ended is None else lambda result: has_ended(_in_numpy(result)),
        )
        yield from map(_in_numpy, steps)

    def _compile(self, key, options, compiler, function):
        """`function` compiled, or what was compiled before for such options and the same key."""
        variables = tuple(map(id, self.variables))  # LoRA changes which there are
        key = (*key, options.structure, variables)
        if key not in self._compiled:
            kept = {old: run for old, run in self._compiled.items() if old[-1] == variables}
            self._compiled = {**kept, key: compiler(self, function)}
        return self._compiled[key]

    def _inputs(self, batch, seeds, options, num_rows):
        """Arrays of a batch: ids, mask, limits, seeds and the options' values for each row. Shapes
        are rounded up where each is compiled."""
        ids, mask = batch
        count = len(ids)
        if not shapes_are_dynamic():
            room = self.room - options.max_new_tokens
            missing = min(_rounded(ids.shape[1]), room) - ids.shape[1]
            widths = ((0, num_rows - count), (missing, 0))
            ids, mask = np.pad(ids, widths), np.pad(mask, widths)
            seeds = np.pad(seeds, (0, num_rows - count))
        limits = np.full(len(ids), options.max_new_tokens, "int32")
        limits[count:] = 1  # rows that only fill the batch up
        values = [np.full(len(ids), x, "float32") for x in options.row_values.values()]
        return ids, mask, limits, seeds, *values

    def _cache(self, model, number, num_rows, length):
        """A cache with room for `length` tokens, behind the prefix where there is one."""
        if self._read is None:
            return model.start(num_rows, length)
        first = ops.zeros((num_rows,), dtype="int32")
        if shapes_are_dynamic():
            return self._read[number].compact(first)  # which grows
        return self._read[number].take_rows(first).extend(length)


def _in_numpy(result):
    return decoding.Result(*(ops.convert_to_numpy(x) for x in result))


def _rounded(length):
    return -(-length // _BUCKET) * _BUCKET


def read_alone(model, ids):
    """The cache of a `GPT` that has read ids, list of int, as its only row."""
    read = compiled_step(model, lambda row: model.read(row, model.start(1, len(ids)))[1])
    return read(np.asarray([ids], "int32"))
