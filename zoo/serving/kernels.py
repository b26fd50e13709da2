"""How a SavedModel stores the matrices that vectors are multiplied by."""

from zoo.layers.panels import in_panels
from zoo.layers.projection import Projection


def copies_in_panels(model, table=None):
    """Copies of a model's matrices for `zoo.layers.panels.matrices_in_panels`.

    A SavedModel has copies of its own in any case. In panels TensorFlow multiplies by them faster
    on CPUs: few vectors, as a step of decoding has, by far, and many as fast as otherwise.

    Args:
        model: a built model. Quantized layers and those that compute in another type than float32
            are left as they are.
        table: the `TokenEmbedding` of the model that makes its logits, or None.

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
    if table is not None and _is_plain(table.table):
        matrices[table] = tf.transpose(table.table.embeddings)
    return {
        layer: tf.Variable(in_panels(matrix), trainable=False, name=f"{layer.name}_panels")
        for layer, matrix in matrices.items()
    }


def _is_plain(layer):
    return layer.quantization_mode is None and layer.compute_dtype == "float32"
