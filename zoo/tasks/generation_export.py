"""A `TextGenerator` as a SavedModel: how it is written and what it serves."""

import dataclasses

import numpy as np
from keras import ops

from zoo.decoding.state import is_end
from zoo.layers.panels import matrices_in_panels
from zoo.tasks.generation_options import search_with_row_options
from zoo.tasks.task import Task
from zoo.tasks.warm_up import warm_up_texts
from zoo.text import decode_behind_in_graph

# Of the signature "generate"; "serving_default" has the first.
_INPUTS = {
    "prompt": ([None], "string"),
    "max_new_tokens": ([None], "int32"),
    "temperature": ([None], "float32"),
    "top_k": ([None], "int32"),
    "top_p": ([None], "float32"),
    "seed": ([None], "int32"),
}


class GenerationExport(Task):
    """The half of `zoo.tasks.TextGenerator` that makes a SavedModel of it."""

    def export(self, folder, **options):
        """Write a SavedModel that TF Serving runs: tokenizer, loop and cache are in the graph.

        Signatures:

        - `serving_default(prompt: string [B]) -> {text: string [B], score: float32 [B]}`: the best
          continuation by the options, or the first one drawn, every row by the same seed;
        - `generate(prompt: string [B], max_new_tokens: int32 [B], temperature: float32 [B],
          top_k: int32 [B], top_p: float32 [B], seed: int32 [B]) -> {text, score}`, a row's own
          options: temperature 0 takes the most probable token, top_k 0 and top_p 1 rule nothing
          out, max_new_tokens is at most the one of the export.

        Invalid UTF-8 is read as U+FFFD, long prompts lose their beginning, and an empty prompt
        where the tokenizer has no start id gives an empty text with score 0. Stop strings are cut
        off in Python only: an export refuses them.

        Matrices are stored in panels (`zoo.layers.panels`): few rows are faster so on CPUs, by far,
        and hundreds of tokens at once, as the prompts of a large batch are, a little slower.

        Args:
            folder: NAME/VERSION, VERSION a whole number; must not exist.
            **options: fields of `GenerationOptions` that differ from the task's.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: an impossible option; or the generator has a prefix or a draft.
            RuntimeError: another backend is in use, and the TensorFlow process that exports in its
                place failed.
        """
        from zoo.serving import export

        self._exported_options(options)  # refuses here what the other process would refuse
        export(self, folder, options)

    def signatures(self, **options):
        """What the SavedModel serves: {name: `zoo.serving.Signature`}. TensorFlow only."""
        return _signatures(self, self._exported_options(options))

    def _exported_options(self, options):
        options = dataclasses.replace(self.options, **options)
        if options.stop:
            raise ValueError(f"stop must be empty in an export; got {options.stop!r}")
        if self.continuation.prefix or self.continuation.draft is not None:
            raise ValueError(
                "a generator with a prefix or a draft is not exported: export the one that it was "
                "made from"
            )
        self.longest_prompt(options)
        return options


def _signatures(generator, options):
    """{name: `zoo.serving.Signature`}; see `GenerationExport.export`.

    Args:
        generator: a `TextGenerator` without prefix and draft.
        options: `GenerationOptions`.
    """
    from zoo.serving import Signature
    from zoo.serving.kernels import copies_in_panels

    continuation = generator.continuation
    copies = copies_in_panels(continuation.model)
    end_ids, pad_id = (continuation.end_id, *options.end_ids), continuation.pad_id
    tokenizer = generator.tokenizer.graph(generator.longest_prompt(options))
    limit = options.max_new_tokens

    def answer(prompt, search_of, limits):
        ids, mask = tokenizer.encode_prompts(prompt)
        some = ops.any(mask, axis=1)  # (B,)
        longest = ops.max(limits, initial=1)
        with matrices_in_panels(copies):
            result = continuation.run(search_of(ids, mask), ids, mask, longest, limits)
        new, length = result.ids[:, 0], result.lengths[:, :1]  # (B, L), (B, 1)
        kept = ops.arange(ops.shape(new)[1], dtype="int32") < length
        kept = ops.logical_and(kept, ops.logical_not(is_end(new, end_ids)))
        kept = ops.logical_and(kept, some[:, None])
        return {
            "text": decode_behind_in_graph(
                tokenizer.decode, ops.where(mask, ids, -1), ops.where(kept, new, -1)
            ),
            "score": ops.where(some, result.scores[:, 0], 0.0),
        }

    def serving_default(prompt):
        num_rows = ops.shape(prompt)[0]

        def for_rows(value, dtype):
            return ops.full((num_rows,), value, dtype=dtype)

        def search(ids, mask):
            values = {name: for_rows(x, "float32") for name, x in options.row_values.items()}
            seeds = for_rows(options.seed, "int32")
            return continuation.search(options, values, seeds, ids, mask)

        return answer(prompt, search, for_rows(limit, "int32"))

    def generate(prompt, max_new_tokens, temperature, top_k, top_p, seed):
        search = search_with_row_options(end_ids, pad_id, temperature, top_k, top_p, seed)
        return answer(prompt, lambda ids, mask: search, ops.clip(max_new_tokens, 1, limit))

    prompts = warm_up_texts(generator.tokenizer)
    shared = {"resources": [tokenizer]}
    return {
        "serving_default": Signature(
            serving_default,
            inputs={"prompt": _INPUTS["prompt"]},
            examples=[{"prompt": each} for each in prompts],
            **shared,
        ),
        "generate": Signature(
            generate,
            inputs=_INPUTS,
            examples=[_warm_up_request(each, limit) for each in prompts],
            **shared,
        ),
    }


def _warm_up_request(prompts, limit):
    count = len(prompts)
    return {
        "prompt": prompts,
        "max_new_tokens": np.full(count, min(limit, 8), "int32"),
        "temperature": np.linspace(0, 1, count, dtype="float32"),
        "top_k": np.full(count, 5, "int32"),
        "top_p": np.full(count, 0.9, "float32"),
        "seed": np.arange(count, dtype="int32"),
    }
