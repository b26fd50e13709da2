"""The price of KL: fixed, or moved towards a target."""

import pytest

from zoo.training import AdaptiveKL, FixedKL


def test_a_fixed_price_stays():
    price = FixedKL(0.3)
    price.update(100.0, 64)
    assert price.coefficient == 0.3


def test_the_price_moves_by_the_error_and_at_most_a_fifth():
    price = AdaptiveKL(1.0, target=5.0, horizon=100)
    price.update(5.5, 50)  # 10 % too much, half of the horizon
    assert price.coefficient == pytest.approx(1.05)
    price.update(50.0, 100)
    assert price.coefficient == pytest.approx(1.05 * 1.2)
    price.update(0.0, 100)
    assert price.coefficient == pytest.approx(1.05 * 1.2 * 0.8)


def test_at_the_target_it_stays():
    price = AdaptiveKL(0.7, target=5.0, horizon=100)
    price.update(5.0, 99)
    assert price.coefficient == pytest.approx(0.7)


def test_it_stays_above_zero_however_many_answers_come():
    price = AdaptiveKL(1.0, target=5.0, horizon=10)
    price.update(0.0, 10**6)
    assert price.coefficient == pytest.approx(0.8)


def test_its_state_goes_on():
    price = AdaptiveKL(1.0, target=5.0, horizon=100)
    price.update(9.0, 64)
    other = AdaptiveKL(1.0, target=5.0, horizon=100)
    other.set_state(price.get_state())
    assert other.coefficient == price.coefficient


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0.0, 5.0), "coefficient"), ((1.0, 0.0), "target"), ((1.0, 5.0, -1), "horizon")],
)
def test_arguments_out_of_range_are_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        AdaptiveKL(*arguments)


def test_a_negative_price_is_refused():
    with pytest.raises(ValueError, match="at least 0; got -1"):
        FixedKL(-1)
