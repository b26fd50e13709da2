"""Projections: one dense layer for several products of the same vectors."""

import keras

from zoo.compiled import vector_times_matrix
from zoo.layers.initializers import SideBySide
from zoo.layers.panels import panels_of, times_panels


@keras.saving.register_keras_serializable("zoo")
class Projection(keras.layers.Dense):
    """`keras.layers.Dense` that multiplies a single vector, (1, D), in the backend's fastest way.

    That is what a step of decoding one row consists of. Called with (B*T, D): of three axes, Keras
    makes a general tensor product on TensorFlow, a dozen operations on shapes, in which product,
    bias and activation are no longer fused.
    """

    def call(self, inputs, training=None):
        panels = panels_of(self)
        if panels is not None:
            product = times_panels(inputs, panels, self.units)
        elif inputs.shape[0] == 1:
            product = vector_times_matrix(inputs, self.kernel)
        else:
            return super().call(inputs, training=training)
        product = product if self.bias is None else product + self.bias
        return self.activation(product)

    def quantize(self, mode=None, type_check=True, config=None):
        # Keras refuses subclasses, as they may compute otherwise; what this one computes otherwise
        # it does not where it is quantized.
        super().quantize(mode, type_check=False, config=config)


def projection(name, parts, input_shape, use_bias, initializer, dtype):
    """A built `Projection` whose outputs are `parts`, side by side.

    Args:
        name: of the layer.
        parts: list with the size of each part.
        input_shape: of what is projected, (..., D).
        use_bias: whether the projection has biases.
        initializer: a Keras initializer, applied to each part by its own fan.
        dtype: a dtype policy.
    """
    initializer = initializer.clone()
    dense = Projection(
        sum(parts),
        use_bias=use_bias,
        kernel_initializer=SideBySide(initializer, parts) if len(parts) > 1 else initializer,
        name=name,
        dtype=dtype,
    )
    dense.build(input_shape)
    return dense
