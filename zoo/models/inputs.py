"""Checks of what a model is called with."""

import keras
from keras import ops

from zoo.compiled import value_at_hand


def check_names(model, inputs, names):
    """Raise unless `inputs` is a dict that holds `names`."""
    given = tuple(inputs) if isinstance(inputs, dict) else type(inputs).__name__
    if not isinstance(inputs, dict) or not set(names) <= set(given):
        raise ValueError(f"{model}: inputs must be a dict with the keys {names}; got {given}")


def token_ids(name, ids, vocab_size):
    """`ids` as a tensor (B, T), after a look at it.

    Args:
        name: of the argument, for the error.
        ids: (B, T) of an integer dtype.
        vocab_size: V. Values are compared with it where that costs nothing: in eager calls on the
            CPU. Inside compiled functions an id beyond the table is undefined, as in Keras.

    Raises:
        ValueError: another rank or dtype, or an id that is not in the vocabulary.
    """
    ids = ops.convert_to_tensor(ids)
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if len(ids.shape) != 2 or "int" not in dtype:
        raise ValueError(
            f"{name} must be whole numbers of shape (B, T); got {dtype} of shape {tuple(ids.shape)}"
        )
    values = value_at_hand(ids)
    if values is not None and values.size and not 0 <= values.min() <= values.max() < vocab_size:
        wrong = values[(values < 0) | (values >= vocab_size)][0]
        raise ValueError(
            f"{name} must be ids of the vocabulary, at least 0 and below {vocab_size}; got {wrong}"
        )
    return ids
