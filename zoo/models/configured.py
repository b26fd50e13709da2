"""Models that are made from a configuration."""

import dataclasses

import keras

from zoo.folders import new_folder


class Configured:
    """What a `keras.Model` with a frozen dataclass as its `config` says of itself.

    The constructor takes the configuration, or a dict of its fields, as `config`. A subclass has
    `write_pretrained(folder)`, which writes the transformers library's files into a folder.

    Attributes:
        config_class: the dataclass.
    """

    config_class = None
    quantizations = ()  # arguments of each call of `quantize`

    @classmethod
    def from_size(cls, size, **overrides):
        """A model with random weights.

        Args:
            size: one of `zoo.models.sizes()`, see the class.
            **overrides: fields of the configuration, and arguments of the class (`num_labels` where
                there are labels, `name`, `dtype`).

        Raises:
            ValueError: an unknown size.
        """
        names = {field.name for field in dataclasses.fields(cls.config_class)}
        fields = {name: value for name, value in overrides.items() if name in names}
        own = {name: value for name, value in overrides.items() if name not in names}
        return cls(cls.config_class.from_size(size, **fields), **own)

    def save_pretrained(self, folder):
        """Write a new folder that `from_pretrained` and the transformers library read.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: that library cannot express the configuration; the message says what it
                needs.
        """
        with new_folder(folder) as temporary:
            self.write_pretrained(temporary)

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
