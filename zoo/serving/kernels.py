"""How a SavedModel stores the matrices that vectors are multiplied by."""

from zoo.layers.panels import in_panels
from zoo.layers.projection import Projection


def copies_in_panels(model):
    """Copies of a model's matrices for `zoo.layers.panels.matrices_in_panels`.

    A SavedModel has copies of its own in any case. In panels TensorFlow multiplies by them faster
    on CPUs where vectors are few, as in a step of decoding, and up to a tenth more slowly where
    there are hundreds.

    Args:
        model: a built model. Quantized layers and those that compute in another type than float32
            are left as they are, and so are tables of embeddings, but for the one in the model's
            `logits_embedding`, if it has such a thing.

    Returns:
        {`Projection`: `tf.Variable` (P, X, 64) for its kernel (X, Y)}, and for the table (V, D)
        {`TokenEmbedding`: `tf.Variable` (P, D, 64)}.
    """
    import tensorflow as tf

    matrices = {
        layer: layer.kernel
        for layer in model._flatten_layers()
        if isinstance(layer, Projection) and _is_plain(layer)
    }
    embedding = getattr(model, "logits_embedding", None)
    if embedding is not None and _is_plain(embedding.table):
        matrices[embedding] = tf.transpose(embedding.table.embeddings)
    return {
        layer: tf.Variable(in_panels(matrix), trainable=False, name=f"{layer.name}_panels")
        for layer, matrix in matrices.items()
    }


def _is_plain(layer):
    return layer.quantization_mode is None and layer.compute_dtype == "float32"
