import numpy as np
import pytest
from keras import ops

from zoo.decoding.top import top_k, top_log_probs


@pytest.mark.parametrize("size", [7, 640, 1009, 1200])
def test_top_k_is_a_sort(size):
    x = np.random.default_rng(0).normal(size=(2, 3, size)).astype("float32")
    values, indices = map(ops.convert_to_numpy, top_k(ops.convert_to_tensor(x), 7))
    order = np.argsort(-x, axis=-1)[..., :7]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_array_equal(values, np.take_along_axis(x, order, -1))


def test_top_k_of_mostly_ruled_out_numbers():
    x = np.full((1, 1200), -np.inf, "float32")
    x[0, [3, 700, 701]] = [1.0, 3.0, 2.0]
    values, indices = map(ops.convert_to_numpy, top_k(ops.convert_to_tensor(x), 5))
    assert indices[0, :3].tolist() == [700, 701, 3]
    assert values[0].tolist() == [3.0, 2.0, 1.0, -np.inf, -np.inf]


def test_log_probs():
    x = np.asarray([[1.0, 3.0, 2.0], [500.0, -500.0, 499.0]], "float32")
    values, indices = map(ops.convert_to_numpy, top_log_probs(ops.convert_to_tensor(x), 2))
    assert indices.tolist() == [[1, 2], [0, 2]]
    np.testing.assert_allclose(values[0], [-0.4076060, -1.4076060], rtol=1e-5)
    np.testing.assert_allclose(values[1], [-0.3132617, -1.3132617], rtol=1e-5)
