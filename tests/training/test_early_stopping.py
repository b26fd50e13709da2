import types

import pytest

from zoo.training import EarlyStopping


def stopping_after(losses, **arguments):
    """The epoch, from 1, at which training would stop, or None."""
    callback = EarlyStopping("val_loss", mode="min", **arguments)
    model = types.SimpleNamespace(stop_training=False)
    callback.set_model(model)
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        # As in a training that is stopped and resumed after every epoch.
        state = callback.get_state()
        callback = EarlyStopping("val_loss", mode="min", **arguments)
        callback.set_model(model)
        callback.set_state(state)
        if model.stop_training:
            return epoch + 1
    return None


def test_stops_after_patience_without_a_new_best():
    assert stopping_after([3.0, 2.0, 2.5, 2.0, 1.0], patience=2) == 4
    assert stopping_after([3.0, 2.0, 2.5, 1.9, 2.0, 1.8], patience=2) is None


def test_small_gains_do_not_count():
    assert stopping_after([3.0, 2.95, 2.91], patience=2, min_gain=0.1) == 3


def test_max():
    callback = EarlyStopping("bleu", 1, "max")
    callback.set_model(types.SimpleNamespace(stop_training=False))
    for epoch, value in enumerate([10.0, 11.0, 10.5]):
        assert not callback.model.stop_training
        callback.on_epoch_end(epoch, {"bleu": value})
    assert callback.model.stop_training
    assert callback.best == 11.0


def test_missing_metric_is_named():
    with pytest.raises(ValueError, match=r"no metric 'val_loss', only \['loss'\]"):
        EarlyStopping("val_loss", 1, "min").on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("val_loss", 0, "min"), "patience must be at least 1, got 0"),
        (("val_loss", 1, "auto"), 'mode must be "min" or "max", got \'auto\''),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(*arguments)
