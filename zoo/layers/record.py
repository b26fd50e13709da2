"""What attention does, for pictures: layers hand it to an open recorder."""

import contextlib
from typing import Any, NamedTuple

from keras import ops

from zoo.compiled import is_traced

_open_recorders = []


class AttentionCall(NamedTuple):
    """One call of an attention layer.

    Attributes:
        path: of the layer.
        cross: whether keys and values come from a context.
        scale: factor on the scores.
        query: (B, N, T, H), and key, value: (B, M, S, H), rotary positions included.
        mask: (B or 1, T or 1, S) bool, True where a query may attend; None: everywhere.
        weights: (B, N, T, S), before dropout.
    """

    path: str
    cross: bool
    scale: float
    query: Any
    key: Any
    value: Any
    mask: Any
    weights: Any


@contextlib.contextmanager
def record_attention():
    """Collect the attention weights of every attention layer that runs inside the block.

        with zoo.layers.record_attention() as maps:
            model(x)

    Eager calls only. Weights are those before dropout: each row sums to one over what may be
    attended, or is zero where nothing may.

    Yields:
        dict: path of the attention layer -> list with one numpy array (B, N, T, S) for each call
        of that layer, in order.

    Raises:
        RuntimeError: when an attention layer runs inside a compiled function (`fit`, `predict`, a
            `tf.function`, `jax.jit`): call the model itself.
    """
    maps = {}

    def keep(call):
        maps.setdefault(call.path, []).append(ops.convert_to_numpy(call.weights))

    with _open(keep):
        yield maps


@contextlib.contextmanager
def record_attention_calls():
    """Collect all of every attention call inside the block: queries, keys and values too.

    Yields:
        list of `AttentionCall`s with numpy arrays, in the order of the calls.

    Raises:
        RuntimeError: as `record_attention`.
    """
    calls = []

    def keep(call):
        arrays = {
            name: ops.convert_to_numpy(getattr(call, name))
            for name in ("query", "key", "value", "mask", "weights")
            if getattr(call, name) is not None
        }
        calls.append(call._replace(**arrays))

    with _open(keep):
        yield calls


@contextlib.contextmanager
def _open(keep):
    _open_recorders.append(keep)
    try:
        yield
    finally:
        _open_recorders.remove(keep)


def recording():
    """Whether a recorder is open."""
    return bool(_open_recorders)


def record(call):
    """Hand an `AttentionCall` to the recorders that are open."""
    for keep in _open_recorders:
        if is_traced(call.weights):
            raise RuntimeError(
                "record_attention needs eager calls: inside fit(), predict() or a compiled "
                f"function the weights of {call.path} have no values. Call the model directly: "
                "model(x)"
            )
        keep(call)
