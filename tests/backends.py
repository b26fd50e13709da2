"""What tests need of a backend by name: gradients, compilation, and random weights."""

import keras
import numpy as np
from keras import ops


def to_numpy(tree):
    """A tree of tensors as one of numpy arrays."""
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def run(layer, *inputs, **named_inputs):
    """`layer(*inputs)` as numpy. On JAX compiled as a whole: op by op takes several times as long,
    because each op is compiled for each shape."""
    if keras.backend.backend() == "jax":
        import jax

        return to_numpy(jax.jit(lambda args, kwargs: layer(*args, **kwargs))(inputs, named_inputs))
    return to_numpy(layer(*inputs, **named_inputs))


def randomize(layer, seed=0, scale=0.5):
    """Give every floating variable of `layer` random values: biases of zero would hide errors."""
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        if "float" in variable.dtype:
            variable.assign(rng.normal(0, scale, variable.shape))
    return layer


def gradient(function, x):
    """d function(x) / d x of a scalar function, for a float32 array x."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(x, "float32")
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(ops.convert_to_tensor(x, "float32")))
    import torch

    x = torch.tensor(np.asarray(x, "float32"), requires_grad=True)
    function(x).backward()
    return x.grad.numpy()


def natively_compiled(function):
    """The backend's own compiler around `function`; None on torch, which runs eagerly."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return None


def compile_and_fit(model, inputs, labels, **arguments):
    """A few updates by `fit` on the usual loss; returns the last loss."""
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    history = model.fit(inputs, labels, verbose=0, **arguments)
    return history.history["loss"][-1]
