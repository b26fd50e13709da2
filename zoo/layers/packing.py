"""Real tokens of padded rows, one behind the other: what there is to compute without padding."""

import dataclasses
from typing import Any

from keras import ops

from zoo.compiled import rows_taken, shapes_may_depend_on_values


@dataclasses.dataclass(frozen=True, eq=False)
class Packing:  # no tuple: Keras refuses to pass tensors and numbers in one tree
    """Where the R real tokens of B padded rows of T tokens stand.

    Attributes:
        places: (R,) int32, rising, the place of each among all B * T.
        numbers: (B * T,) int32, which of the R stands in a place; R where padding does.
        is_whole: () bool, whether nothing is padding. Then nothing is moved either.
        shape: B and T, whole numbers or () int32.
    """

    places: Any
    numbers: Any
    is_whole: Any
    shape: Any

    @classmethod
    def of(cls, real):
        """The packing of real (B, T) bool, or None where a compiled function may not have shapes
        that depend on values. First tokens count as real, so that every row has one."""
        if not shapes_may_depend_on_values(real):
            return None
        rows, length = ops.shape(real)
        first = ops.arange(length, dtype="int32") == 0
        flat = ops.reshape(ops.logical_or(real, first), (-1,))  # (B * T,)
        places = ops.cast(ops.nonzero(flat)[0], "int32")  # (R,)
        numbers = ops.cumsum(ops.cast(flat, "int32")) - 1
        numbers = ops.where(flat, numbers, ops.cast(ops.size(places), "int32"))
        return cls(places, numbers, ops.all(flat), (rows, length))

    def pack(self, x):
        """x (B * T, D) -> (R, D)."""
        return ops.cond(self.is_whole, lambda: x, lambda: rows_taken(x, self.places, self.numbers))

    def spread(self, x):
        """x (R, D) -> (B * T, D), zeros where padding stands."""
        return ops.cond(self.is_whole, lambda: x, lambda: rows_taken(x, self.numbers, self.places))
