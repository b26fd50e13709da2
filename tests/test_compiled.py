import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import gradient, natively_compiled, to_numpy
from zoo.compiled import (
    compiled,
    is_traced,
    rows_first,
    shapes_are_dynamic,
    softmax_of_few,
    times_transposed,
    value_at_hand,
    vector_products,
    vector_times_matrix,
)
from zoo.layers import FeedForward, scaled_dot_product_attention

BACKEND = keras.backend.backend()


@pytest.fixture
def layer():
    layer = FeedForward(5)
    layer.build((None, None, 3))
    return layer


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 7, 3)).astype("float32")


def test_the_same_as_eager_and_a_tree_of_results(layer, x):
    call = compiled(layer, lambda x, y: {"sum": layer(x) + y, "pair": (ops.max(x), ops.min(y))})
    for length in (7, 4, 1):
        found = to_numpy(call(x[:, :length], x[:, :length] * 2))
        expected = to_numpy(layer(x[:, :length])) + x[:, :length] * 2
        np.testing.assert_allclose(found["sum"], expected, atol=1e-5)
        np.testing.assert_allclose(found["pair"], (x[:, :length].max(), 2 * x[:, :length].min()))


def test_arrays_and_tensors_of_any_rank_and_dtype(layer):
    call = compiled(layer, lambda ids, scale: ops.cast(ids, "float32") * scale)
    ids = np.array([[1, 2]], "int32")
    for given in (ids, ids.astype("int64"), ops.convert_to_tensor(ids)):
        np.testing.assert_allclose(to_numpy(call(given, np.float32(0.5))), [[0.5, 1.0]])
    np.testing.assert_allclose(to_numpy(call(ids[0], np.float32(2))), [2, 4])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX compiles each shape, torch none")
def test_new_lengths_do_not_trace_anew(layer, x):
    traces = []

    def function(x):
        traces.append(tuple(x.shape))
        return layer(x)

    call = compiled(layer, function)
    for length in (7, 4, 1):
        call(x[:, :length])
        call(x[:1, :length])
    assert traces == [(None, None, None)]


@pytest.mark.skipif(BACKEND != "jax", reason="what is frozen into a program is JAX's trap")
def test_jax_compiles_a_shape_once(layer, x):
    traces = []

    def function(x):
        traces.append(x.shape)
        return layer(x)

    call = compiled(layer, function)
    for length in (7, 4, 7, 4):
        call(x[:, :length])
        layer.outer.bias.assign_add(np.ones(3))
    assert traces == [(2, 7, 3), (2, 4, 3)]


def test_weights_that_were_assigned_are_seen(layer, x):
    call = compiled(layer, lambda x: layer(x))
    before = to_numpy(call(x))
    layer.outer.bias.assign(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(to_numpy(call(x)), before + [1, 2, 3], atol=1e-5)


def test_weights_that_were_trained_are_seen(layer, x):
    model = keras.Sequential([layer])
    call = compiled(model, lambda x: model(x))
    before = to_numpy(call(x))
    model.compile("sgd", "mse", jit_compile=False if BACKEND == "tensorflow" else "auto")
    model.fit(x, np.ones_like(x), verbose=0)
    after = to_numpy(call(x))
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, to_numpy(model(x)), atol=1e-5)


def test_results_may_be_trained_on(x):
    # torch refuses tensors that were made in inference mode.
    embedding = keras.layers.Embedding(11, 3)
    embedding.build((None, None))
    choose = compiled(embedding, lambda ids: (ids + 1, embedding(ids)))
    ids, vectors = choose(np.array([[1, 2]], "int32"))
    slope = gradient(lambda x: ops.sum(embedding(ids) * vectors * x), np.ones((1, 2, 3)))
    np.testing.assert_allclose(
        slope, to_numpy(embedding(np.array([[2, 3]]))) * to_numpy(vectors), atol=1e-6
    )


def test_is_traced(layer, x):
    seen = []

    def function(x):
        seen.append((is_traced(x), value_at_hand(x) is None))
        return x

    assert not is_traced(ops.convert_to_tensor(x))
    assert is_traced(keras.Input((3,)))
    compiled(layer, function)(x)
    traced = BACKEND != "torch"  # which runs eagerly, but in inference mode
    assert seen == [(traced, True)]
    if traced:
        natively_compiled(function)(x)
        assert seen[1] == (True, True)


def test_value_at_hand(x):
    np.testing.assert_array_equal(value_at_hand(ops.convert_to_tensor(x)), x)
    assert value_at_hand(keras.Input((3,))) is None


def test_only_jax_keeps_shapes():
    assert shapes_are_dynamic() == (BACKEND != "jax")


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_vectors_times_matrices(rng, transposed, dtype):
    x, y = rng.normal(size=(2, 3, 1, 5)), rng.normal(size=(2, 3, 5, 7))
    given = np.swapaxes(y, -1, -2) if transposed else y
    found = vector_products(*(ops.cast(a.astype("float32"), dtype) for a in (x, given)), transposed)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    tolerance = 1e-5 if dtype == "float32" else 0.1
    np.testing.assert_allclose(to_numpy(ops.cast(found, "float32")), x @ y, atol=tolerance)


@pytest.mark.parametrize("transposed", [False, True])
def test_vectors_times_matrices_have_gradients(rng, transposed):
    x, y = (rng.normal(size=shape).astype("float32") for shape in ((2, 1, 5), (2, 5, 7)))
    slope = rng.normal(size=(2, 1, 7)).astype("float32")

    def total(x):
        matrices = np.swapaxes(y, -1, -2) if transposed else y
        products = vector_products(x, ops.convert_to_tensor(matrices), transposed)
        return ops.sum(products * ops.convert_to_tensor(slope))

    np.testing.assert_allclose(gradient(total, x), slope @ np.swapaxes(y, -1, -2), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [1, 5, 12, 64])
def test_a_vector_times_a_matrix(rng, size, dtype):
    x, y = rng.normal(size=(1, size)), rng.normal(size=(size, 7))
    found = vector_times_matrix(*(ops.cast(a.astype("float32"), dtype) for a in (x, y)))
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    tolerance = 1e-5 if dtype == "float32" else 0.02 * size
    np.testing.assert_allclose(to_numpy(ops.cast(found, "float32")), x @ y, atol=tolerance)


@pytest.mark.parametrize("num_rows", [0, 1, 2, 5, 300])
def test_vectors_times_a_transposed_matrix(rng, num_rows):
    shapes = (num_rows, 5), (7, 5)
    x, y = (ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in shapes)
    expected = to_numpy(x) @ to_numpy(y).T
    np.testing.assert_allclose(to_numpy(times_transposed(x, y)), expected, atol=1e-5)
    if num_rows or BACKEND == "tensorflow":
        call = compiled(FeedForward(5), lambda x: times_transposed(x, y))
        np.testing.assert_allclose(to_numpy(call(x)), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_transposed_matrix_of_half_precision(rng, dtype):
    x, y = (rng.normal(size=(size, 5)).astype("float32") for size in (1, 16))
    found = times_transposed(ops.cast(x, dtype), ops.cast(y, dtype))
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    np.testing.assert_allclose(to_numpy(ops.cast(found, "float32")), x @ y.T, atol=0.1)


@pytest.mark.parametrize("multiply", [vector_times_matrix, times_transposed])
@pytest.mark.parametrize("num_rows", [1, 2, 13])
def test_products_with_matrices_have_gradients(rng, multiply, num_rows):
    if multiply is vector_times_matrix and num_rows > 1:
        pytest.skip("takes one vector")
    x, y, slope = (
        rng.normal(size=shape).astype("float32")
        for shape in ((num_rows, 8), (16, 8), (num_rows, 16))
    )
    is_transposed = multiply is times_transposed

    def total(x, y):
        products = multiply(x, y if is_transposed else ops.transpose(y))
        return ops.sum(products * ops.convert_to_tensor(slope))

    by_x = gradient(lambda x: total(x, ops.convert_to_tensor(y)), x)
    np.testing.assert_allclose(by_x, slope @ y, atol=1e-5)
    by_y = gradient(lambda y: total(ops.convert_to_tensor(x), y), y)
    np.testing.assert_allclose(by_y, slope.T @ x, atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="oneDNN rewrites TensorFlow's graphs")
def test_a_single_query_uses_no_operation_that_onednn_takes_over():
    import tensorflow as tf

    def types(length):
        query, mask = tf.TensorSpec([None, 2, length, 3]), tf.TensorSpec([None, 1, 5], tf.bool)
        key = tf.TensorSpec([None, 2, 5, 3])
        attention = tf.function(scaled_dot_product_attention)
        graph = attention.get_concrete_function(query, key, key, mask).graph
        return {operation.type for operation in graph.get_operations()}

    taken_over = {"BatchMatMulV2", "Softmax"}
    assert not types(1) & taken_over
    assert taken_over <= types(4)


@pytest.mark.parametrize("shape", [(3, 2, 5), (1, 4, 2), (2, 0, 3)])
def test_rows_first(rng, shape):
    x = rng.normal(size=shape).astype("float32")
    found = to_numpy(rows_first(ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(found, x.transpose(1, 0, 2))


def test_softmax_of_few(rng):
    x = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]], "float32"))
    expected = [[1 / 8, 2 / 8, 5 / 8], [3 / 8, 3 / 8, 2 / 8]]
    np.testing.assert_allclose(to_numpy(softmax_of_few(x)), expected, atol=1e-6)
    far = to_numpy(softmax_of_few(np.array([[1e4, -1e30, -1e4]], "float32")))
    np.testing.assert_allclose(far, [[1, 0, 0]], atol=1e-6)
    assert to_numpy(softmax_of_few(np.zeros((0, 3), "float32"))).shape == (0, 3)
