"""Initializers of fused projections."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class SideBySide(keras.initializers.Initializer):
    """A kernel that holds several projections side by side, each initialized by its own fan.

    A Glorot bound computed for the fused kernel would see fan-out D + D + D and draw Q, K and V
    too small.

    Args:
        initializer: a Keras initializer, applied to each part.
        parts: sizes of the parts on the last axis.
    """

    def __init__(self, initializer, parts):
        self.initializer = keras.initializers.get(initializer)
        self.parts = list(parts)

    def __call__(self, shape, dtype=None):
        if shape[-1] != sum(self.parts):
            raise ValueError(f"parts must sum to the last axis of {shape}; got {self.parts}")
        return ops.concatenate(
            [self._of_part(i)((*shape[:-1], part), dtype) for i, part in enumerate(self.parts)], -1
        )

    def _of_part(self, i):
        """An initializer that draws other numbers for each part, however it is seeded."""
        config = self.initializer.get_config()
        seed = config.get("seed")
        if isinstance(seed, dict):  # a SeedGenerator draws anew at each call
            return self.initializer
        if seed is not None:
            config["seed"] = seed + i
        return self.initializer.__class__.from_config(config)

    def get_config(self):
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "parts": self.parts,
        }
