"""Checks of constructor arguments."""

import numbers


def positive(name, value):
    """`value` as a positive whole number; `name` is the argument's, for the error."""
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a positive whole number; got {value!r}")
    return int(value)
