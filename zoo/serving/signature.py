"""What an export serves: named functions over TensorFlow tensors."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Signature:
    """One named function of a SavedModel, with what a server needs to call and to warm it.

    TF Serving merges the requests of several callers into one batch, so the first axis of every
    input and output is the batch, and a row's result must not depend on the rows beside it.

    Args:
        function: takes the inputs as keyword arguments (TensorFlow tensors) and returns a dict
            {output name: dense tensor (B, ...)}. It is traced once, without autograph or XLA.
        inputs: {argument name: (shape, dtype)}, for example `{"text": ([None], "string")}`.
        examples: warm-up requests, {argument name: array or nested list} each. A server sends them
            before it takes traffic: cover the empty, the typical and the longest input.
        resources: TensorFlow trackables that `function` reads beside its variables: tokenizers,
            lookup tables. (Variables need no mention: tracing finds them.)
    """

    function: Callable[..., Mapping[str, Any]]
    inputs: Mapping[str, tuple[Sequence[int | None], str]]
    examples: Sequence[Mapping[str, Any]]
    resources: Sequence[Any] = ()
