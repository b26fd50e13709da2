"""Checks of what a model is called with."""

import keras
from keras import ops

from zoo.compiled import value_at_hand


def check_names(model, inputs, names, allowed=None):
    """Raise unless `inputs` is a dict that holds `names`, and nothing beyond `allowed` if given."""
    given = tuple(inputs) if isinstance(inputs, dict) else type(inputs).__name__
    if not isinstance(inputs, dict) or not set(names) <= set(given):
        raise ValueError(f"{model}: inputs must be a dict with the keys {names}; got {given}")
    unknown = [] if allowed is None else sorted(set(given) - set(allowed))
    if unknown:
        raise ValueError(f"{model}: inputs may have the keys {allowed}; got {unknown} besides")


def token_ids(name, ids, vocab_size):
    """`ids` (B, T) of a vocabulary of `vocab_size` as a tensor; see `numbers_below`."""
    return numbers_below(name, ids, vocab_size, "ids of the vocabulary")


def numbers_below(name, numbers, limit, what):
    """`numbers` as a tensor (B, T), after a look at it.

    Args:
        name: of the argument, for the error.
        numbers: (B, T) of an integer dtype.
        limit: what they must be below. Values are compared with it where that costs nothing: in
            eager calls on the CPU. Inside compiled functions a number beyond it is undefined, as
            in Keras.
        what: they are, for the error.

    Raises:
        ValueError: another rank or dtype, or a number that is negative or not below `limit`.
    """
    numbers = ops.convert_to_tensor(numbers)
    dtype = keras.backend.standardize_dtype(numbers.dtype)
    if len(numbers.shape) != 2 or "int" not in dtype:
        raise ValueError(
            f"{name} must be whole numbers of shape (B, T); got {dtype} of shape "
            f"{tuple(numbers.shape)}"
        )
    values = value_at_hand(numbers)
    if values is not None and values.size and not 0 <= values.min() <= values.max() < limit:
        wrong = values[(values < 0) | (values >= limit)][0]
        raise ValueError(f"{name} must be {what}, at least 0 and below {limit}; got {wrong}")
    return numbers


def real_tokens(padding_mask, ids):
    """`padding_mask` (B, T) bool, True where a token of `ids` stands, as a tensor; or None.

    Raises:
        ValueError: another dtype or shape.
    """
    if padding_mask is None:
        return None
    real = ops.convert_to_tensor(padding_mask)
    dtype = keras.backend.standardize_dtype(real.dtype)
    if dtype != "bool":
        raise ValueError(f"padding_mask must be boolean, True where a token stands; got {dtype}")
    check_shape_of("padding_mask", real, ids)
    return real


def check_shape_of(name, tensor, ids):
    """Raise unless both are (B, T), as far as that is known; `name` is the argument's."""
    given, wanted = tuple(tensor.shape), tuple(ids.shape)
    known = [(a, b) for a, b in zip(given, wanted, strict=False) if None not in (a, b)]
    if len(given) != len(wanted) or any(a != b for a, b in known):
        raise ValueError(f"{name} must have the shape of token_ids, {wanted}; got {given}")
