import random

import numpy as np
from keras import ops

from zoo.training import seed_epoch


def test_dropout_is_a_function_of_seed_and_epoch(make_model):
    def draws(seed, epoch, model):
        seed_epoch(model, seed, epoch)
        ids = np.ones((5, 7), "int32")
        dropped = [ops.convert_to_numpy(model(ids, training=True)) for _ in range(2)]
        return np.stack(dropped), random.random(), np.random.random()

    model = make_model("sgd", "mse", dropout=0.3)
    first, *numbers = draws(3, 2, model)
    draws(3, 5, model)
    again, *same = draws(3, 2, model)
    np.testing.assert_array_equal(first, again)
    assert numbers == same
    assert not np.allclose(first[0], first[1])
    for seed, epoch in ((3, 3), (2, 2), (2, 3)):
        other, *different = draws(seed, epoch, model)
        assert not np.allclose(first, other)
        assert numbers != different


def test_layers_draw_different_numbers_and_weights_stay(make_model):
    model = make_model("sgd", "mse", dropout=0.3)
    before = [ops.convert_to_numpy(w).copy() for w in model.weights]
    seed_epoch(model, 3, 2)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)
    weights = {id(w) for w in model.weights}
    states = [ops.convert_to_numpy(v) for v in model.variables if id(v) not in weights]
    assert len(states) == 2
    assert states[0][0] != states[1][0]
