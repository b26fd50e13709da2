"""Layers that are made of layers given to their constructor."""

import keras


def build_part(part, *shapes):
    """Build `part`, unless another layer that shares it has built it."""
    if not part.built:
        part.build(*shapes)


def part_config(part):
    """Config of `part`, a layer or None, without what it was built with.

    Its weights shall lie under the path of the layer that holds it, so that one builds it.
    """
    config = keras.saving.serialize_keras_object(part)
    if config is not None:
        config.pop("build_config", None)
    return config


def parts_from_config(config, *names):
    """`config` with the parts called `names` as layers."""
    parts = {name: keras.saving.deserialize_keras_object(config[name]) for name in names}
    return {**config, **parts}
