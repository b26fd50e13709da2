"""Models that are made from a configuration."""

import dataclasses

import keras


class Configured:
    """What a `keras.Model` with a frozen dataclass as its `config` says of itself to Keras.

    The constructor takes the configuration, or a dict of its fields, as `config`.
    """

    def get_config(self):
        # Not the base class's: what it adds is how it was compiled.
        return {
            "config": dataclasses.asdict(self.config),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
