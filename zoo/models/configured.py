"""Models that are made from a configuration."""

import dataclasses

import keras


class Configured:
    """What a `keras.Model` with a frozen dataclass as its `config` says of itself to Keras.

    The constructor takes the configuration, or a dict of its fields, as `config`.
    """

    quantizations = ()  # arguments of each call of `quantize`

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """`keras.Model.quantize`, remembered: a `.keras` file of a quantized model can be read."""
        super().quantize(mode, config=config, filters=filters, **kwargs)
        call = {"mode": mode, "config": config, "filters": filters}
        self.quantizations = (*self.quantizations, call)

    def get_config(self):
        # Not the base class's: what it adds is how it was compiled.
        config = {
            "config": dataclasses.asdict(self.config),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }
        if self.quantizations:
            config["quantizations"] = keras.saving.serialize_keras_object(list(self.quantizations))
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        calls = keras.saving.deserialize_keras_object(config.pop("quantizations", []))
        model = cls(**config)
        for call in calls:
            model.quantize(**call)
        return model


def fields_of_size(sizes, size, overrides):
    """The fields of the size called `size`, with `overrides` instead of some.

    Raises:
        ValueError: an unknown size.
    """
    if size not in sizes:
        raise ValueError(f"size must be one of {tuple(sizes)}; got {size!r}")
    return {**sizes[size], **overrides}
