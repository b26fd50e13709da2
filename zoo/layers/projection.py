"""Projections: one `keras.layers.Dense` for several products of the same vectors."""

import keras

from zoo.layers.initializers import SideBySide


def projection(name, parts, input_shape, use_bias, initializer, dtype):
    """A built Dense layer whose outputs are `parts`, side by side.

    Call it with (B*T, D): of three axes, Keras makes a general tensor product on TensorFlow, a
    dozen operations on shapes, in which product, bias and activation are no longer fused.

    Args:
        name: of the layer.
        parts: list with the size of each part.
        input_shape: of what is projected, (..., D).
        use_bias: whether the projection has biases.
        initializer: a Keras initializer, applied to each part by its own fan.
        dtype: a dtype policy.
    """
    initializer = initializer.clone()
    dense = keras.layers.Dense(
        sum(parts),
        use_bias=use_bias,
        kernel_initializer=SideBySide(initializer, parts) if len(parts) > 1 else initializer,
        name=name,
        dtype=dtype,
    )
    dense.build(input_shape)
    return dense
