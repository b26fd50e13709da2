"""`Adam` against the paper's formulas in numpy and against Keras' own."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy

WEIGHT = np.array([[0.5, -1.0], [2.0, 0.25], [0.0, 3.0]], "float32")
GRADIENTS = np.array(
    [[[1.0, -2.0], [0.0, 0.5], [3.0, 0.0]], [[0.1, 0.2], [-4.0, 0.0], [1.0, 1.0]]], "float32"
)


def adam(weight, gradients, rate, beta_1, beta_2, epsilon, decay=0.0):
    """Kingma and Ba 2015, section 2, with the order of computation of its last paragraph."""
    weight = weight.astype("float64")
    momentum, velocity = np.zeros_like(weight), np.zeros_like(weight)
    for step, gradient in enumerate(gradients.astype("float64"), 1):
        weight = weight - rate * decay * weight
        momentum = beta_1 * momentum + (1 - beta_1) * gradient
        velocity = beta_2 * velocity + (1 - beta_2) * gradient**2
        size = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight = weight - size * momentum / (np.sqrt(velocity) + epsilon)
    return weight


def updated(optimizer, gradients=GRADIENTS):
    variable = keras.Variable(WEIGHT)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return to_numpy(variable.value)


def test_formulas_of_the_paper():
    found = updated(zoo.training.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3))
    np.testing.assert_allclose(found, adam(WEIGHT, GRADIENTS, 0.01, 0.8, 0.95, 1e-3), rtol=1e-6)


def test_decoupled_weight_decay():
    found = updated(zoo.training.Adam(0.01, 0.8, 0.95, 1e-3, weight_decay=0.5))
    expected = adam(WEIGHT, GRADIENTS, 0.01, 0.8, 0.95, 1e-3, 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"amsgrad": True}, {"clipnorm": 0.3}, {"global_clipnorm": 0.3}, {"weight_decay": 0.1}, {}],
)
def test_same_numbers_as_keras(options):
    found = updated(zoo.training.Adam(0.02, **options))
    np.testing.assert_allclose(found, updated(keras.optimizers.Adam(0.02, **options)), atol=1e-6)


def test_repeated_ids_of_a_table_are_added_before_they_are_squared():
    embedding = keras.layers.Embedding(3, 2, name="table")
    model = keras.Sequential([keras.Input((4,), dtype="int32"), embedding])
    embedding.set_weights([WEIGHT])
    model.compile(zoo.training.Adam(0.01, 0.8, 0.95, 1e-3), Sum(), jit_compile=False)
    ids, factors = np.array([[1, 1, 2, 1]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    for _ in range(2):
        model.train_on_batch(ids, factors)
    by_row = np.array([[0.0, 0.0], [7.0, 7.0], [3.0, 3.0]], "float32")
    expected = adam(WEIGHT, np.stack([by_row, by_row]), 0.01, 0.8, 0.95, 1e-3)
    np.testing.assert_allclose(to_numpy(embedding.embeddings.value), expected, rtol=1e-6)


class Sum(keras.losses.Loss):
    """The sum of a vector's values times its label: its gradient is the label."""

    def __init__(self):
        super().__init__(reduction="sum")

    def call(self, y_true, y_pred):
        return keras.ops.sum(y_pred, axis=-1) * keras.ops.cast(y_true, y_pred.dtype)


def test_half_precision_weights():
    variable = keras.Variable(WEIGHT, dtype="bfloat16")
    optimizer = zoo.training.Adam(0.01, epsilon=1e-3)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(GRADIENTS[0], "bfloat16")], [variable])
    expected = adam(WEIGHT, GRADIENTS[:1], 0.01, 0.9, 0.999, 1e-3)
    found = to_numpy(keras.ops.cast(variable.value, "float32"))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_saved_and_loaded_with_its_state(tmp_path):
    inputs, labels = np.ones((2, 3), "float32"), np.ones((2, 1), "float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(zoo.training.Adam(0.1, weight_decay=0.2), "mse")
    model.fit(inputs, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is type(model.optimizer)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for one in (model, again):
        one.fit(inputs, labels, verbose=0)
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_variables_excluded_from_weight_decay():
    optimizer = zoo.training.Adam(0.01, 0.8, 0.95, 1e-3, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    kept, decayed = keras.Variable(WEIGHT, name="bias"), keras.Variable(WEIGHT, name="kernel")
    optimizer.build([kept, decayed])
    gradient = keras.ops.convert_to_tensor(GRADIENTS[0])
    optimizer.apply([gradient, gradient], [kept, decayed])
    for variable, decay in ((kept, 0.0), (decayed, 0.5)):
        expected = adam(WEIGHT, GRADIENTS[:1], 0.01, 0.8, 0.95, 1e-3, decay)
        np.testing.assert_allclose(to_numpy(variable.value), expected, rtol=1e-6)


def test_accumulated_gradients():
    optimizer = zoo.training.Adam(
        0.01, 0.8, 0.95, 1e-3, weight_decay=0.5, gradient_accumulation_steps=2
    )
    expected = adam(WEIGHT, GRADIENTS.mean(axis=0, keepdims=True), 0.01, 0.8, 0.95, 1e-3, 0.5)
    np.testing.assert_allclose(updated(optimizer), expected, rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a strategy of TensorFlow")
def test_replicas_of_a_distribution_strategy():
    # A process of its own: logical devices must exist before TensorFlow starts.
    program = """
import keras, numpy as np, tensorflow as tf, zoo
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x, y = np.arange(12.0).reshape(4, 3) / 10, np.arange(4.0)[:, None]

def trained(strategy):
    with strategy.scope():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "linear", True, "ones")])
        model.compile(zoo.training.Adam(0.01, weight_decay=0.1), "mse", jit_compile=False)
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()

one = trained(tf.distribute.get_strategy())
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
for a, b in zip(one, two, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
