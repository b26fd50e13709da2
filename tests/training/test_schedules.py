import math

import keras
import numpy as np
import pytest
from keras import ops

from zoo.training import InverseSquareRoot, PerUpdate, WarmupCosine, WarmupLinear


def rates(schedule, *updates):
    """Rates of updates counted from 1, as Keras asks for them: from 0."""
    return [float(schedule(ops.convert_to_tensor(update - 1))) for update in updates]


def test_paper_schedule_by_hand():
    schedule = InverseSquareRoot.from_hidden_dim(16, warmup_updates=4)
    # 16^-0.5 = 1/4 times min(update^-0.5, update / 8)
    expected = [1 / 32, 2 / 32, 4 / 32, 0.25 / math.sqrt(5), 0.25 / 4]
    np.testing.assert_allclose(rates(schedule, 1, 2, 4, 5, 16), expected, rtol=1e-6)


def test_peak_form_is_the_same_curve():
    schedule = InverseSquareRoot(peak=0.6, warmup_updates=3)
    np.testing.assert_allclose(rates(schedule, 1, 3, 12), [0.2, 0.6, 0.3], rtol=1e-6)


def test_linear_by_hand():
    schedule = WarmupLinear(peak=0.8, warmup_updates=2, total_updates=5)
    expected = [0.4, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0]
    np.testing.assert_allclose(rates(schedule, *range(1, 8)), expected, rtol=1e-6, atol=1e-7)


def test_linear_to_a_final_share():
    schedule = WarmupLinear(peak=0.8, warmup_updates=1, total_updates=4, final=0.5)
    np.testing.assert_allclose(rates(schedule, 1, 3, 5, 99), [0.8, 0.6, 0.4, 0.4], rtol=1e-6)


def test_cosine_by_hand():
    schedule = WarmupCosine(peak=2.0, warmup_updates=2, total_updates=7)
    # Six steps from the peak of update 2 to the end behind update 7: the cosine of 0, 30, 90 ...
    expected = [1.0, 2.0, 1 + math.sqrt(0.75), 1.0, 1 - math.sqrt(0.75), 0.0]
    found = rates(schedule, 1, 2, 3, 5, 7, 8)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        InverseSquareRoot(0.1, 7),
        InverseSquareRoot.from_hidden_dim(32, 11),
        WarmupLinear(0.1, 7, 13, 0.25),
        WarmupCosine(0.1, 7, 13),
        PerUpdate(InverseSquareRoot(0.1, 7), 1),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_round_trip_and_no_update_at_rate_zero(schedule):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(copy) is type(schedule)
    assert copy.get_config() == schedule.get_config()
    found = rates(copy, *range(1, 14))
    assert min(found) > 0
    assert found.index(max(found)) + 1 in (7, 11)  # the peak is where the rise ends


def test_per_update_under_accumulation(make_model, batches_of):
    rate = PerUpdate(InverseSquareRoot(0.6, 3), 2)
    model = make_model(keras.optimizers.SGD(rate, gradient_accumulation_steps=2), "mse")
    batch = np.zeros((2, 3), "int32"), np.zeros((2, 3, 11), "float32")
    model.fit(batches_of([batch] * 4), verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.6, rel=1e-6)  # update 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InverseSquareRoot(0.0, 3), "peak must be above 0, got 0.0"),
        (lambda: InverseSquareRoot(0.1, 0), "warmup_updates must be at least 1, got 0"),
        (lambda: InverseSquareRoot.from_hidden_dim(0), "hidden_dim must be at least 1"),
        (lambda: WarmupLinear(0.1, 5, 4), "total_updates must be at least warmup_updates=5"),
        (lambda: PerUpdate(InverseSquareRoot(0.1, 3), 0), "accumulate must be at least 1, got 0"),
        (lambda: WarmupCosine(0.1, 5, 7, 1.5), "final must be at least 0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
