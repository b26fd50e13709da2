"""Attention weights for pictures: layers hand them to an open recorder."""

import contextlib

from keras import ops

from zoo.compiled import is_traced

_open_recorders = []


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
    _open_recorders.append(maps)
    try:
        yield maps
    finally:
        _open_recorders.pop()


def recording():
    """Whether a recorder is open."""
    return bool(_open_recorders)


def record(path, weights):
    """Hand `weights` (B, N, T, S) of the layer at `path` to the recorders that are open."""
    for maps in _open_recorders:
        if is_traced(weights):
            raise RuntimeError(
                "record_attention needs eager calls: inside fit(), predict() or a compiled "
                f"function the weights of {path} have no values. Call the model directly: model(x)"
            )
        maps.setdefault(path, []).append(ops.convert_to_numpy(weights))
