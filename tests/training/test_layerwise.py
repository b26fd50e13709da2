"""`LayerwiseAdamW` against the paper's formulas in numpy and against torch's AdamW."""

import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from zoo.training import LayerwiseAdamW, PerUpdate, WarmupLinear, layerwise_rates

BETAS, EPSILON = (0.9, 0.999), 1e-8
SHAPES = {"table": (5, 3), "kernel": (3, 2), "bias": (2,), "gamma": (3,)}
DECAYED = ("table", "kernel")


def adamw(weight, gradients, rates, decay):
    """Loshchilov and Hutter 2019, algorithm 2, in float64."""
    weight = weight.astype("float64")
    momentum, velocity = np.zeros_like(weight), np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        momentum = BETAS[0] * momentum + (1 - BETAS[0]) * gradient
        velocity = BETAS[1] * velocity + (1 - BETAS[1]) * np.square(gradient, dtype="float64")
        first, second = momentum / (1 - BETAS[0] ** step), velocity / (1 - BETAS[1] ** step)
        weight = weight - rate * (first / (np.sqrt(second) + EPSILON) + decay * weight)
    return weight


def weights_and_gradients(updates, scale=1.0):
    rng = np.random.default_rng(11)
    weights = {name: rng.normal(size=shape).astype("float32") for name, shape in SHAPES.items()}
    gradients = [
        {name: (scale * rng.normal(size=shape)).astype("float32") for name, shape in SHAPES.items()}
        for _ in range(updates)
    ]
    return weights, gradients


def run(optimizer, weights, gradients):
    """{name: weight} after the updates; variables have paths as in a model."""
    variables = []
    for name, weight in weights.items():
        with keras.name_scope("model"):
            variables.append(keras.Variable(weight, name=name))
    optimizer.build(variables)
    for gradient in gradients:
        tensors = [keras.ops.convert_to_tensor(gradient[name]) for name in weights]
        optimizer.apply(tensors, variables)
    return {v.name: to_numpy(v.value) for v in variables}


def test_each_weight_with_its_own_rate_and_decay():
    weights, gradients = weights_and_gradients(5)
    rates = {"table": 0.25, "bias": 0.5}
    paths = {f"model/{name}": rate for name, rate in rates.items()}
    found = run(LayerwiseAdamW(0.01, 0.3, paths), weights, gradients)
    for name, weight in weights.items():
        rate, decay = 0.01 * rates.get(name, 1.0), 0.3 * (name in DECAYED)
        expected = adamw(weight, [g[name] for g in gradients], [rate] * 5, decay)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-7])
def test_same_numbers_as_torch_under_the_schedule_of_transformers(scale):
    """Two groups, clipping, linear fall; small gradients tell the epsilons apart."""
    torch = pytest.importorskip("torch")
    schedules = pytest.importorskip("transformers.optimization")
    weights, gradients = weights_and_gradients(7, scale)
    parameters = {n: torch.nn.Parameter(torch.tensor(w)) for n, w in weights.items()}
    groups = [
        {"params": [parameters[n] for n in DECAYED], "weight_decay": 0.1},
        {"params": [p for n, p in parameters.items() if n not in DECAYED], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=BETAS, eps=EPSILON)
    schedule = schedules.get_linear_schedule_with_warmup(optimizer, 0, 7)
    for gradient in gradients:
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name])
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        schedule.step()
    found = run(
        LayerwiseAdamW(WarmupLinear(0.01, 1, 7), 0.1, global_clipnorm=1.0), weights, gradients
    )
    for name, parameter in parameters.items():
        np.testing.assert_allclose(found[name], parameter.detach().numpy(), rtol=0, atol=1e-6)


def test_schedule_against_that_of_transformers():
    """The fall is the same with one warm-up update more; the rise there begins with 0."""
    torch = pytest.importorskip("torch")
    schedules = pytest.importorskip("transformers.optimization")
    warmup, total = 5, 23
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = schedules.get_linear_schedule_with_warmup(optimizer, warmup, total)
    theirs = []
    for _ in range(total):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    ours = WarmupLinear(0.5, warmup + 1, total)
    found = np.array([float(to_numpy(ours(update))) for update in range(total)])
    np.testing.assert_allclose(found[warmup:], theirs[warmup:], atol=1e-6)
    rise = found[:warmup] - theirs[:warmup]
    assert (rise > 0).all()
    assert (rise <= 0.5 / (warmup + 1) + 1e-6).all()


def test_accumulated_gradients_and_their_schedule():
    weights, gradients = weights_and_gradients(6)
    rate = WarmupLinear(0.01, 2, 3)
    optimizer = LayerwiseAdamW(
        PerUpdate(rate, 2), 0.3, {"model/kernel": 0.5}, gradient_accumulation_steps=2
    )
    found = run(optimizer, weights, gradients)
    rates = [float(to_numpy(rate(update))) for update in range(3)]
    for name, weight in weights.items():
        means = [(gradients[i][name] + gradients[i + 1][name]) / 2 for i in (0, 2, 4)]
        factor, decay = 0.5 if name == "kernel" else 1.0, 0.3 * (name in DECAYED)
        expected = adamw(weight, means, [factor * rate for rate in rates], decay)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)


def test_moving_average():
    weights, gradients = weights_and_gradients(3)
    optimizer = LayerwiseAdamW(0.01, use_ema=True, ema_momentum=0.5)
    run(optimizer, weights, gradients)
    (average,) = (v for v in optimizer.variables if "kernel" in v.name and "average" in v.name)
    path = [
        adamw(weights["kernel"], [g["kernel"] for g in gradients[:n]], [0.01] * n, 0.01)
        for n in (1, 2, 3)
    ]
    expected = 0.5 * (0.5 * path[0] + 0.5 * path[1]) + 0.5 * path[2]
    np.testing.assert_allclose(to_numpy(average.value), expected, rtol=1e-5)


def test_repeated_ids_of_a_table_are_added_before_they_are_clipped():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(3, 2)])
    weight = np.array([[0.5, -1.0], [2.0, 0.25], [0.0, 3.0]], "float32")
    model.set_weights([weight])
    optimizer = LayerwiseAdamW(0.01, 0.0, global_clipnorm=1e-7)
    model.compile(optimizer, Sum(), jit_compile=False)
    model.train_on_batch(np.array([[1, 1, 2, 1]]), np.array([[1.0, 2.0, 3.0, 4.0]]))
    gradient = np.array([[0.0, 0.0], [7.0, 7.0], [3.0, 3.0]])
    clipped = 1e-7 * gradient / np.sqrt(np.square(gradient).sum())
    expected = adamw(weight, [clipped], [0.01], 0.0)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5)


class Sum(keras.losses.Loss):
    """The sum of a vector's values times its label: its gradient is the label."""

    def __init__(self):
        super().__init__(reduction="sum")

    def call(self, y_true, y_pred):
        return keras.ops.sum(y_pred, axis=-1) * keras.ops.cast(y_true, y_pred.dtype)


def test_half_precision_weights():
    weights, gradients = weights_and_gradients(1)
    variable = keras.Variable(weights["kernel"], dtype="bfloat16")
    optimizer = LayerwiseAdamW(0.01)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradients[0]["kernel"], "bfloat16")], [variable])
    expected = adamw(weights["kernel"], [gradients[0]["kernel"]], [0.01], 0.01)
    found = to_numpy(keras.ops.cast(variable.value, "float32"))
    np.testing.assert_allclose(found, expected, atol=0.02)


def dense_model(name, policy="float32"):
    layers = [
        keras.layers.Dense(2, name=f"{name}_low", dtype=policy),
        keras.layers.Dense(1, name=f"{name}_head", dtype=policy),
    ]
    for layer, size in zip(layers, (3, 2), strict=True):
        layer.build((None, size))  # here, lest the path depend on the model around it
    return keras.Sequential([keras.Input((3,)), *layers]), layers


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_fit_and_restore(policy):
    """The state of the optimizer is in its variables, whatever Keras wraps around it."""
    inputs, labels = np.ones((2, 3), "float32"), np.ones((2, 1), "float32")
    models = []
    for name in ("one", "two"):
        model, _ = dense_model(name, policy)
        model.compile(LayerwiseAdamW(0.1, 0.2, {f"{name}_low/kernel": 0.5}), "mse")
        models.append(model)
    one, two = models
    before = one.get_weights()
    one.fit(inputs, labels, epochs=2, verbose=0)
    assert all(np.abs(a - b).max() > 0.05 for a, b in zip(before, one.get_weights(), strict=True))
    two.set_weights(one.get_weights())
    two.optimizer.build(two.trainable_variables)
    for old, new in zip(one.optimizer.variables, two.optimizer.variables, strict=True):
        new.assign(to_numpy(old.value))
    for model in models:
        model.fit(inputs, labels, verbose=0)
    for old, new in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_saved_and_loaded(tmp_path):
    config = {"vocab_size": 5, "hidden_dim": 2, "feed_forward_dim": 3, "num_heads": 1}
    model = zoo.models.BERTClassifier({**config, "num_layers": 1, "num_positions": 3}, 2)
    rates = {f"{model.name}/classifier/kernel": 0.5}
    model.compile(LayerwiseAdamW(0.1, 0.2, rates), "mse")
    inputs = {"token_ids": np.array([[1, 2, 3]])}
    model.fit(inputs, np.ones((1, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert again.optimizer.get_config()["rates"] == rates
    for old, new in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(to_numpy(new.value), to_numpy(old.value))


def test_rates_by_level():
    _, (low, head) = dense_model("rates")
    rates = layerwise_rates([[], [low], [head]], 0.5)
    assert rates[head.kernel.path] == rates[head.bias.path] == 1.0
    assert rates[low.kernel.path] == 0.5
    assert layerwise_rates([[low], [], [head]], 0.5)[low.bias.path] == 0.25
    low.trainable = False
    assert low.kernel.path not in layerwise_rates([[low], [head]], 0.5)


def test_errors():
    with pytest.raises(ValueError, match="layer_decay must be above 0 and at most 1, got 1.5"):
        layerwise_rates([], 1.5)
    with pytest.raises(ValueError, match="amsgrad must be False"):
        LayerwiseAdamW(0.1, amsgrad=True)
    optimizer = LayerwiseAdamW(0.1, rates={"other/kernel": 0.5})
    with pytest.raises(ValueError, match="rates name 1 weights that do not train, such as other"):
        run(optimizer, *weights_and_gradients(1))
