"""What a search may not generate, or must.

A constraint is a function (log-probabilities (B, K, V) float32, count () int32, limits (B,) int32)
-> (B, K, V): what it forbids at token number `count` gets `NEVER`, where `limits` are the rows'
longest lengths.
"""

from keras import ops

from zoo.decoding.top import top_k, top_log_probs

# As good as impossible, but finite: sums with it are numbers.
NEVER = -1e9


class NeverIds:
    """Ids that are never generated (`bad_words_ids` of single ids in the transformers library).

    Args:
        ids: the ids.
        renormalize: whether the probabilities of the others sum to one again.
    """

    def __init__(self, ids, renormalize=True):
        self.ids = tuple(ids)
        self.renormalize = renormalize

    def __call__(self, log_probs, count, limits):
        ids = ops.arange(log_probs.shape[-1], dtype="int32")  # (V,)
        banned = ops.any(ids[:, None] == ops.convert_to_tensor(self.ids, "int32"), axis=-1)
        log_probs = ops.where(banned, NEVER, log_probs)
        return ops.log_softmax(log_probs) if self.renormalize else log_probs

    def get_config(self):
        return {"ids": list(self.ids), "renormalize": self.renormalize}


class ForcedEnd:
    """A sequence that reaches its limit ends in the end token, which then costs nothing
    (`forced_eos_token_id` in the transformers library).

    Args:
        end_id: the id that ends a sequence.
    """

    def __init__(self, end_id):
        self.end_id = end_id

    def __call__(self, log_probs, count, limits):
        last = (count >= limits)[:, None, None]  # (B, 1, 1)
        is_end = ops.arange(log_probs.shape[-1], dtype="int32") == self.end_id  # (V,)
        return ops.where(last, ops.where(is_end, 0.0, NEVER), log_probs)

    def get_config(self):
        return {"end_id": self.end_id}


# What a saved task may name.
CONSTRAINTS = {"NeverIds": NeverIds, "ForcedEnd": ForcedEnd}


def best_tokens(logits, number, constraints, count, limits):
    """The most probable tokens under the constraints, in their order.

    Args:
        logits: (B, K, V) float32.
        number: how many.
        constraints: tuple of constraints.
        count: () int32, which token is chosen, from 1.
        limits: (B,) int32.

    Returns:
        log-probabilities (B, K, number), falling, and token ids (B, K, number) int32.
    """
    if not constraints:
        return top_log_probs(logits, number)
    log_probs = ops.log_softmax(logits)
    for constraint in constraints:
        log_probs = constraint(log_probs, count, limits)
    return top_k(log_probs, number)
