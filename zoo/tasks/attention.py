"""The attention of one text through a task's model, with its tokens: for pictures."""

import dataclasses
from typing import NamedTuple

import numpy as np


class HeadSteps(NamedTuple):
    """Scaled dot-product attention of one head, step by step: float32 arrays.

    "Attention is all you need", 3.2.1. `scores` = query key^T, `scaled` = scale * scores, `weights`
    = softmax of `scaled` over the allowed keys, `output` = weights value, before W^O joins the
    heads.

    Attributes:
        query: (T, H).
        key, value: (S, H).
        scores, scaled, weights: (T, S).
        allowed: (T, S) bool, where a query may attend.
        output: (T, H).
    """

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    scores: np.ndarray
    scaled: np.ndarray
    weights: np.ndarray
    allowed: np.ndarray
    output: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Attention:
    """One kind of attention of one text: L layers of N heads.

    Args:
        kind: "encoder" or "decoder", self-attention there, or "cross", the decoder's to the
            encoder.
        queries: tuple of T str, the tokens that look.
        keys: tuple of S str, the tokens that are looked at.
        following: tuple of T str, the token that comes after each query, which the decoder is to
            predict there; () in an encoder, and "" where nothing comes.
        weights: (L, N, T, S) float32; rows sum to one over what is allowed.
        query: (L, N, T, H) float32.
        key, value: (L, M, S, H) float32; N / M heads share each of the M.
        allowed: (L, T, S) bool, where a query may attend.
        scale: factor on the scores.
    """

    kind: str
    queries: tuple
    keys: tuple
    following: tuple
    weights: np.ndarray
    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    allowed: np.ndarray
    scale: float

    @classmethod
    def of_calls(cls, kind, calls, queries, keys, following=()):
        """Join the calls of a batch of one row.

        Args:
            kind, queries, keys, following: as for the class.
            calls: list of L `zoo.layers.AttentionCall`s, a layer each.

        Raises:
            ValueError: there are no calls, or heads that differ from layer to layer.
        """
        if not calls:
            raise ValueError(
                f"the model has no {kind} attention of zoo.layers.MultiHeadAttention to record"
            )
        shape = len(queries), len(keys)
        shapes = {(call.weights.shape, call.key.shape, call.scale) for call in calls}
        if len(shapes) > 1 or calls[0].weights.shape[-2:] != shape:
            raise ValueError(
                f"{kind} attention must be alike in all layers, over {shape[0]} x {shape[1]} "
                f"tokens; got {sorted(shapes)}"
            )
        stacked = {
            name: np.stack([getattr(call, name)[0] for call in calls]).astype("float32")
            for name in ("weights", "query", "key", "value")
        }
        masks = [True if call.mask is None else call.mask[0] for call in calls]
        allowed = np.stack([np.broadcast_to(mask, shape) for mask in masks])
        scale = float(calls[0].scale)
        return cls(
            kind,
            tuple(queries),
            tuple(keys),
            tuple(following),
            **stacked,
            allowed=allowed,
            scale=scale,
        )

    @property
    def num_layers(self):
        """L."""
        return self.weights.shape[0]

    @property
    def num_heads(self):
        """N."""
        return self.weights.shape[1]

    def check(self, layer, head=0):
        """Raise ValueError unless there is such a layer and head; both count from 0."""
        for name, given, count in (
            ("layer", layer, self.num_layers),
            ("head", head, self.num_heads),
        ):
            if not 0 <= given < count:
                raise ValueError(
                    f"{name} must be 0 to {count - 1} in this model's {self.kind} attention; "
                    f"got {given}"
                )

    def steps(self, layer, head):
        """The `HeadSteps` of one head; layer and head count from 0.

        Raises:
            ValueError: there is no such layer or head.
        """
        self.check(layer, head)
        shared = head * self.key.shape[1] // self.num_heads
        query = self.query[layer, head]
        key, value = self.key[layer, shared], self.value[layer, shared]
        scores, weights = query @ key.T, self.weights[layer, head]
        return HeadSteps(
            query=query,
            key=key,
            value=value,
            scores=scores,
            scaled=scores * np.float32(self.scale),
            weights=weights,
            allowed=self.allowed[layer],
            output=weights @ value,
        )
