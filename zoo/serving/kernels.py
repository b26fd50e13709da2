"""How a SavedModel stores the kernels of projections."""

from zoo.layers.projection import Projection


def turned_copies(model):
    """Copies of a model's kernels, stored the other way round, for `turned_kernels`.

    A SavedModel has copies of its own in any case. So stored they suit few rows, which is what a
    server that generates text gets most of the time: see `zoo.compiled.times_turned`.

    Args:
        model: a built model. Quantized projections and those that compute in another type than
            float32 are left as they are.

    Returns:
        {`Projection`: `tf.Variable` (Y, X) for its kernel (X, Y)}.
    """
    import tensorflow as tf

    return {
        layer: tf.Variable(tf.transpose(layer.kernel), trainable=False, name=f"{layer.name}_turned")
        for layer in model._flatten_layers()
        if isinstance(layer, Projection)
        and layer.quantization_mode is None
        and layer.compute_dtype == "float32"
    }
