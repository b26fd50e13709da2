"""What the SavedModel of a `TextGenerator` serves."""

import numpy as np
from keras import ops

from zoo.decoding.state import is_end
from zoo.tasks.generation_options import search_with_row_options


def signatures(generator, options):
    """{name: `zoo.serving.Signature`}; see `TextGenerator.export`. TensorFlow only.

    Args:
        generator: a `TextGenerator` without prefix and draft.
        options: `GenerationOptions`.
    """
    from zoo.serving import Signature

    continuation = generator.continuation
    end_ids, pad_id = (continuation.end_id, *options.end_ids), continuation.pad_id
    tokenizer = generator.tokenizer.graph(generator.longest_prompt(options))
    limit = options.max_new_tokens

    def answer(prompt, search_of, limits):
        ids, mask = tokenizer.encode_prompts(prompt)
        some = ops.any(mask, axis=1)  # (B,)
        longest = ops.max(limits, initial=1)
        result = continuation.run(search_of(ids, mask), ids, mask, longest, limits)
        new, length = result.ids[:, 0], result.lengths[:, :1]  # (B, L), (B, 1)
        kept = ops.arange(ops.shape(new)[1], dtype="int32") < length
        kept = ops.logical_and(kept, ops.logical_not(is_end(new, end_ids)))
        kept = ops.logical_and(kept, some[:, None])
        return {
            "text": tokenizer.decode(ops.where(kept, new, -1)),
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

    inputs = {
        "prompt": ([None], "string"),
        "max_new_tokens": ([None], "int32"),
        "temperature": ([None], "float32"),
        "top_k": ([None], "int32"),
        "top_p": ([None], "float32"),
        "seed": ([None], "int32"),
    }
    prompts = _warm_up_prompts(generator.tokenizer)
    shared = {"resources": [tokenizer]}
    return {
        "serving_default": Signature(
            serving_default,
            inputs={"prompt": inputs["prompt"]},
            examples=[{"prompt": each} for each in prompts],
            **shared,
        ),
        "generate": Signature(
            generate,
            inputs=inputs,
            examples=[_warm_up_request(each, limit) for each in prompts],
            **shared,
        ),
    }


def _warm_up_prompts(tokenizer):
    text = tokenizer.decode([[i % tokenizer.vocabulary_size for i in range(24)]])[0]
    return [[""], [text], [text[:5], text, ""], [text] * 8]


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
