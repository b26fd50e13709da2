"""What depends on the backend: the one place, beside serving/, that knows its name."""

import functools
import math

import keras
from keras import ops

# Parts of a matrix that one vector is multiplied with, at most.
_PARTS = {"tensorflow": 4, "jax": 8}
# With so many vectors a transposed matrix is the left factor, see `times_transposed`.
_FROM_THE_LEFT = range(4, 257)


def on_tensorflow():
    """Whether Keras runs on TensorFlow."""
    return keras.backend.backend() == "tensorflow"


def compiled(model, function):
    """Compile `function` for the backend in use.

    TensorFlow: a `tf.function` without XLA, whose batch and length axes are left open, so that new
    lengths do not trace anew. JAX: `jax.jit`, one compilation per shape; the model's variables go
    in as arguments, so that they are not frozen into the program. torch: eager in inference mode.

    Args:
        model: the `keras.Model` or layer whose variables `function` reads.
        function: takes tensors, returns a tree of tensors; calls only `keras.ops` and `model`.

    Returns:
        A function of the same tensors (or arrays). It reads the weights of each call, so training
        may go on in between; after `quantize` or `enable_lora` compile anew.
    """
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()](
        model, function
    )


def compiled_step(model, function):
    """Compile a step that Python calls again and again: trees of tensors in, a tree out.

    Unlike `compiled` it takes any trees and keeps sizes that are the same in every call; TensorFlow
    traces once more where a size changes for the first time, and then leaves it open. JAX compiles
    for every shape, and torch runs eagerly.

    Args:
        model: what has the `variables` that `function` reads: a model, or several as one object.
        function: as for `compiled`, of trees.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False, jit_compile=False, reduce_retracing=True)
    return {"jax": _jax, "torch": _torch}[backend](model, function)


def shapes_are_dynamic():
    """Whether a compiled loop may carry tensors whose shape changes (not so on JAX)."""
    return keras.backend.backend() != "jax"


def shapes_may_depend_on_values(tensor):
    """Whether shapes of what is computed from `tensor` may, here and now: not on JAX, not where XLA
    or `torch.compile` compiles, not for symbols, and not on accelerators, which would wait."""
    if isinstance(tensor, keras.KerasTensor) or not shapes_are_dynamic():
        return False
    if on_tensorflow():
        import tensorflow as tf
        from tensorflow.python.ops import control_flow_util

        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        in_xla = graph is not None and control_flow_util.GraphOrParentsInXlaContext(graph)
        return not in_xla and not tf.config.list_logical_devices("GPU")
    import torch

    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def rows_taken(x, numbers, back):
    """Rows of x by number, zeros for the number behind the last: x (R, D), numbers (S,) -> (S, D).

    Args:
        x: (R, D).
        numbers: (S,) int32 from 0 to R, none below R twice.
        back: (R,) int32 from 0 to S, the numbers of the rows of what is taken that give x again. So
            the gradient is taken, too, where it would be added up.
    """
    if not on_tensorflow():
        return ops.take(_with_zeros(x), numbers, axis=0)
    import tensorflow as tf

    @tf.custom_gradient
    def take(x):
        return tf.gather(_with_zeros(x), numbers), lambda slope: tf.gather(_with_zeros(slope), back)

    return take(x)


def _with_zeros(x):
    """x (R, D) with a row of zeros behind."""
    return ops.pad(x, [[0, 1], [0, 0]])


def is_traced(tensor):
    """Whether `tensor` is a placeholder of a graph or a compilation that has no value yet."""
    if isinstance(tensor, keras.KerasTensor):
        return True
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.is_tensor(tensor) and tf.is_symbolic_tensor(tensor)
    if backend == "jax":
        import jax

        return isinstance(tensor, jax.core.Tracer)
    import torch

    return torch.compiler.is_compiling()


def value_at_hand(tensor):
    """The numpy value of `tensor` where looking costs next to nothing, else None.

    None while tracing, for tensors on an accelerator (looking would wait for it), and inside
    `compiled` functions. For checks of input, which must cost nothing where speed counts.
    """
    if is_traced(tensor):
        return None
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return tensor.numpy() if "CPU" in tensor.device else None
    if backend == "jax":
        on_cpu = all(device.platform == "cpu" for device in tensor.devices())
        return keras.ops.convert_to_numpy(tensor) if on_cpu else None
    import torch

    if tensor.device.type != "cpu" or torch.is_inference_mode_enabled():
        return None
    return tensor.detach().numpy()


def vector_products(x, y, transposed=False):
    """Vectors times matrices: x (..., 1, X), y (..., X, Y) -> (..., 1, Y).

    `transposed`: y is (..., Y, X).

    On TensorFlow by an operation that oneDNN does not take over. That wakes all threads for every
    product, however small, and takes 1.5 to 3 times as long for a step of attention on CPUs.
    On JAX without swapping axes, for which XLA would copy y.
    """
    if on_tensorflow() and keras.backend.standardize_dtype(x.dtype) == "float32":
        import tensorflow as tf

        return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=x.dtype, adj_y=transposed)
    if not transposed:
        return ops.matmul(x, y)
    if keras.backend.backend() == "jax":
        return ops.einsum("...ix,...jx->...ij", x, y)
    return ops.matmul(x, ops.swapaxes(y, -1, -2))


def vector_times_matrix(x, y):
    """One vector times a matrix: x (1, X), y (X, Y) -> (1, Y), as in a step of decoding one row.

    On CPUs in parts, each of which reads one stretch of memory from its beginning to its end: on
    JAX XLA gives every thread some columns otherwise, and on TensorFlow one thread multiplies a
    vector (see `vector_products`), so that parts are what others can take.
    """
    backend = keras.backend.backend()
    is_plain = keras.backend.standardize_dtype(y.dtype) == "float32"
    if not is_plain or backend not in _PARTS or (backend == "jax" and not _jax_runs_on_cpus()):
        return ops.matmul(x, y)
    parts = math.gcd(y.shape[0], _PARTS[backend])
    x, y = ops.reshape(x, (parts, 1, -1)), ops.reshape(y, (parts, -1, y.shape[1]))
    return ops.sum(vector_products(x, y), axis=0)


def times_transposed(x, y):
    """Vectors times a transposed matrix, a table of words: x (R, X), y (Y, X) -> (R, Y).

    In the order that takes less time on CPUs for so many: for few vectors, though not for two or
    three, table times vectors is up to twice as fast as vectors times transposed table.
    """

    def from_the_left():
        # Three axes: for matrices, TensorFlow takes another kernel, which is slower here.
        product = ops.matmul(ops.expand_dims(y, 0), ops.expand_dims(ops.transpose(x), 0))
        return ops.transpose(product, (0, 2, 1))[0]

    def from_the_right():
        if not on_tensorflow():
            return ops.matmul(x, ops.transpose(y))
        import tensorflow as tf

        return tf.matmul(x, y, transpose_b=True)  # which copies nothing, outside of graphs either

    count = ops.shape(x)[0]
    if not isinstance(count, int):
        pays = ops.logical_and(count >= _FROM_THE_LEFT.start, count < _FROM_THE_LEFT.stop)
        return ops.cond(pays, from_the_left, from_the_right)
    if count == 1:
        return ops.reshape(ops.matmul(y, ops.reshape(x, (-1, 1))), (1, -1))
    return from_the_left() if count in _FROM_THE_LEFT else from_the_right()


def rows_first(x):
    """x (P, R, Y) float32 -> (R, P, Y)."""
    if not on_tensorflow():
        return ops.swapaxes(x, 0, 1)
    import tensorflow as tf

    # As whole numbers: oneDNN takes over what swaps axes of floats, see `vector_products`.
    same_bits = tf.bitcast(x, tf.int32)
    return tf.bitcast(tf.transpose(same_bits, (1, 0, 2)), x.dtype)


def softmax_of_few(x):
    """Softmax over the last axis for a step of decoding; see `vector_products` for the reason."""
    return ops.exp(ops.log_softmax(x)) if on_tensorflow() else ops.softmax(x)


def adam_in_place(variable, momentum, velocity, gradient, learning_rate, step, constants):
    """Adam's update of one `tf.Variable` as one operation; TensorFlow alone has it.

    Args:
        variable, momentum, velocity: variables of one shape and type, assigned to.
        gradient: of that shape; a table's gradient by rows is summed over repeated ids.
        learning_rate: scalar.
        step: number of this update, from 1.
        constants: (beta 1, beta 2, epsilon) of Kingma and Ba 2015, in Keras' form ("epsilon hat").
    """
    import tensorflow as tf

    beta_1, beta_2, epsilon = (tf.cast(number, variable.dtype) for number in constants)
    step = tf.cast(step, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.handle,
        v=velocity.handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=epsilon,
        grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
    )


def adamw_in_place(variable, momentum, velocity, gradient, learning_rate, step, constants):
    """The update of one variable by AdamW (Loshchilov and Hutter 2019, algorithm 2).

    On torch it is one operation, on TensorFlow one and another for the decay.

    Args:
        variable, momentum, velocity: variables of one shape and type, assigned to.
        gradient: of that shape.
        learning_rate: scalar tensor.
        step: number of this update, from 1, a scalar tensor.
        constants: (beta 1, beta 2, epsilon as in algorithm 1 of Kingma and Ba 2015, weight decay).
    """
    update = {"tensorflow": _adamw_tensorflow, "jax": _adamw, "torch": _adamw_torch}
    update[keras.backend.backend()](
        variable, momentum, velocity, gradient, learning_rate, step, constants
    )


def dense_gradients(gradients):
    """Gradients of tables by rows (TensorFlow) as tensors of the tables' shape; None stays."""
    if not on_tensorflow():
        return gradients
    import tensorflow as tf

    return [g if g is None else tf.convert_to_tensor(g) for g in gradients]


def _adamw(variable, momentum, velocity, gradient, learning_rate, step, constants):
    beta_1, beta_2, epsilon, decay = constants
    dtype = variable.dtype
    step = ops.cast(step, "float32")
    size = ops.cast(learning_rate / (1.0 - ops.power(beta_1, step)), dtype)
    correction = ops.cast(1.0 / (1.0 - ops.power(beta_2, step)), dtype)
    kept = 1.0 - ops.cast(learning_rate, dtype) * decay
    gradient = ops.cast(gradient, dtype)
    momentum.assign(beta_1 * momentum + (1.0 - beta_1) * gradient)
    velocity.assign(beta_2 * velocity + (1.0 - beta_2) * ops.square(gradient))
    spread = ops.sqrt(velocity * correction) + epsilon
    variable.assign(variable * kept - size * momentum / spread)


def _adamw_tensorflow(variable, momentum, velocity, gradient, learning_rate, step, constants):
    beta_1, beta_2, epsilon, decay = constants
    if decay:
        rate = ops.cast(learning_rate, variable.dtype)
        variable.assign(variable * (1.0 - rate * decay))
    # The operation adds its epsilon to sqrt(velocity), before the correction of the bias.
    step = ops.cast(step, "float32")
    epsilon = epsilon * ops.sqrt(1.0 - ops.power(beta_2, step))
    state = momentum.value, velocity.value
    adam_in_place(variable, *state, gradient, learning_rate, step, (beta_1, beta_2, epsilon))


def _adamw_torch(variable, momentum, velocity, gradient, learning_rate, step, constants):
    import torch
    from torch.optim.adamw import adamw

    beta_1, beta_2, epsilon, decay = constants
    variable, momentum, velocity = variable.value, momentum.value, velocity.value
    before = ops.cast(step, "float32") - 1.0  # a new tensor, which torch counts up
    with torch.no_grad():
        adamw(
            [variable],
            [gradient.to(variable.dtype)],
            [momentum],
            [velocity],
            [],
            [before],
            fused=True,
            amsgrad=False,
            beta1=beta_1,
            beta2=beta_2,
            lr=ops.cast(learning_rate, "float32"),
            weight_decay=decay,
            eps=epsilon,
            maximize=False,
        )


def _tensorflow(model, function):
    import tensorflow as tf

    traced = tf.function(function, autograph=False, jit_compile=False)

    @functools.cache
    def with_open_shapes(*signature):
        specs = [tf.TensorSpec([None] * rank, dtype) for rank, dtype in signature]
        return traced.get_concrete_function(*specs)

    def call(*tensors):
        tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
        return with_open_shapes(*((t.shape.rank, t.dtype) for t in tensors))(*tensors)

    return call


def _jax_runs_on_cpus():
    import jax

    return jax.default_backend() == "cpu"


def _jax(model, function):
    import jax

    variables = model.variables

    @jax.jit
    def run(values, tensors):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*tensors)

    def call(*tensors):
        tensors = keras.tree.map_structure(ops.convert_to_tensor, tensors)
        return run([variable.value for variable in variables], tensors)

    return call


def _torch(model, function):
    import torch

    def call(*tensors):
        with torch.inference_mode():
            result = function(*keras.tree.map_structure(ops.convert_to_tensor, tensors))
        # Copies, because autograd refuses tensors made in inference mode, even ids to train on.
        return keras.tree.map_structure(ops.copy, result)

    return call
