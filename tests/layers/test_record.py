import keras
import numpy as np
import pytest

from tests.backends import natively_compiled, randomize, to_numpy
from zoo.layers import MultiHeadAttention, record_attention, record_attention_calls


def built(name="heads"):
    layer = MultiHeadAttention(2, name=name, dropout=0.5)
    layer.build((None, None, 6))
    return randomize(layer)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 5, 6)).astype("float32")


def test_weights_sum_to_one_over_what_may_be_attended(x):
    layer = built()
    mask = np.tri(5, dtype=bool)[None].repeat(3, axis=0)
    mask[1, 2] = False
    with record_attention() as maps:
        layer(x, attention_mask=mask)
    (weights,) = maps["heads"]
    assert isinstance(weights, np.ndarray)
    assert weights.shape == (3, 2, 5, 5)
    assert (weights[~mask[:, None].repeat(2, axis=1)] == 0).all()
    expected = mask.any(-1)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(weights.sum(-1), expected, atol=1e-6)


def test_recording_changes_nothing_and_is_before_dropout(x):
    layer = built()
    plain = to_numpy(layer(x))
    with record_attention() as maps:
        np.testing.assert_allclose(to_numpy(layer(x)), plain, atol=0)
        layer(x, training=True)
    np.testing.assert_allclose(maps["heads"][1], maps["heads"][0], atol=1e-6)


def test_every_call_is_recorded_under_its_layer(x):
    first, second = built("first"), built("second")
    with record_attention() as maps:
        first(x)
        second(x)
        first(x[:2])
    assert {path: [len(w) for w in weights] for path, weights in maps.items()} == {
        "first": [3, 2],
        "second": [3],
    }
    first(x)
    assert len(maps["first"]) == 2


def test_recorders_may_be_nested(x):
    layer = built()
    with record_attention() as outer:
        layer(x)
        with record_attention() as inner:
            layer(x)
        layer(x)
    assert (len(outer["heads"]), len(inner["heads"])) == (3, 1)


def test_a_recorder_closes_when_its_block_fails(x):
    layer = built()
    with pytest.raises(RuntimeError, match="in the block"), record_attention() as maps:
        raise RuntimeError("in the block")
    layer(x)
    assert maps == {}


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras runs torch eagerly")
@pytest.mark.parametrize("how", ["natively", "predict"])
def test_compiled_calls_give_a_clear_error(x, how):
    layer = built()
    model = keras.Sequential([layer])
    calls = {
        "natively": natively_compiled(lambda x: layer(x)),
        "predict": lambda x: model.predict(x, verbose=0),
    }
    message = r"needs eager calls.*the weights of heads.*model\(x\)"
    with record_attention(), pytest.raises(RuntimeError, match=message):
        calls[how](x)


def test_calls_hold_all_that_the_layer_did(x):
    layer = built()
    mask = np.tri(5, dtype=bool)[None]
    with record_attention_calls() as calls:
        layer(x, attention_mask=mask)
        layer(x)
    call, without_mask = calls
    assert (call.path, call.cross, without_mask.mask) == ("heads", False, None)
    scores = call.scale * call.query @ np.swapaxes(call.key, -1, -2)
    powers = np.where(call.mask[:, None], np.exp(scores), 0)
    np.testing.assert_allclose(call.weights, powers / powers.sum(-1, keepdims=True), atol=1e-5)
    heads = call.weights @ call.value
    joined = np.swapaxes(heads, 1, 2).reshape(3, 5, 6)
    expected = to_numpy(layer.output_projection(joined.reshape(15, 6))).reshape(3, 5, 6)
    np.testing.assert_allclose(expected, to_numpy(layer(x, attention_mask=mask)), atol=1e-5)
