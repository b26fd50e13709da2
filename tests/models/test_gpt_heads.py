"""Scalar heads on a GPT: which token they read, and what they take over from other models."""

import keras
import numpy as np
import pytest

from tests.backends import randomize, to_numpy
from tests.small_gpts import SMALL, VARIANTS, V, forward, real_from, small
from zoo.checkpoints.weights import named_weights
from zoo.models import GPT, GPTReward, GPTValue


def reward_model(variant="gpt2"):
    return randomize(GPTReward(VARIANTS[variant]), scale=0.4)


def ids_of(rng, *shape):
    return rng.integers(V, size=shape).astype("int32")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("left", [True, False])
def test_the_reward_is_read_at_the_last_real_token(variant, left, rng):
    model, lengths = reward_model(variant), [7, 3, 5]
    ids, real = ids_of(rng, 3, 7), real_from(lengths, 7, left)
    found = forward(model, ids, padding_mask=real)
    alone = [forward(model, ids[i][real[i]][None])[0] for i in range(3)]
    np.testing.assert_allclose(found, alone, atol=1e-5)


def test_padding_may_hold_anything(rng):
    model, real = reward_model(), real_from([4, 6], 7, left=False)
    ids = ids_of(rng, 2, 7)
    found = forward(model, ids, padding_mask=real)
    other = forward(model, np.where(real, ids, (ids + 1) % V), padding_mask=real)
    np.testing.assert_allclose(found, other, atol=1e-5)


def test_answers_of_a_prompt_may_stand_side_by_side(rng):
    model, ids = reward_model(), ids_of(rng, 2, 3, 5)
    mask = np.broadcast_to(real_from([5, 4, 2], 5, left=False), ids.shape)
    found = forward(model, ids, padding_mask=mask)
    assert found.shape == (2, 3)
    flat = forward(model, ids.reshape(6, 5), padding_mask=mask.reshape(6, 5))
    np.testing.assert_allclose(found.reshape(-1), flat, atol=1e-5)


def test_values_are_those_of_the_texts_so_far(rng):
    model = randomize(GPTValue(SMALL), scale=0.4)
    ids = ids_of(rng, 2, 6)
    found = forward(model, ids)
    assert found.shape == (2, 6)
    np.testing.assert_allclose(found[:, :4], forward(model, ids[:, :4]), atol=1e-5)


def test_a_value_network_of_a_reward_model_begins_with_its_rewards(rng):
    reward = reward_model()
    reward.centre(1.5)
    ids = ids_of(rng, 2, 6)
    values = forward(GPTValue.from_model(reward), ids)
    np.testing.assert_allclose(values[:, -1], forward(reward, ids), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_reward_model_takes_over_the_blocks_of_a_language_model(variant):
    model = small(variant)
    reward = GPTReward.from_model(model)
    given, taken = named_weights(model), named_weights(reward)
    assert taken.keys() - given.keys() == {"score/kernel", "offset"}
    for path in taken.keys() & given.keys():
        np.testing.assert_array_equal(to_numpy(taken[path].value), to_numpy(given[path].value))
    spread = to_numpy(taken["score/kernel"].value).std()
    assert 0.3 < spread * np.sqrt(model.config.hidden_dim + 1) < 2.0


def test_a_new_value_head_says_zero(rng):
    assert not forward(GPTValue.from_model(small()), ids_of(rng, 2, 5)).any()


def test_centred_rewards_have_the_mean_zero(rng):
    model, ids = reward_model(), ids_of(rng, 5, 4)
    before = forward(model, ids)
    for _ in range(2):  # the second time there is nothing to shift
        model.centre(float(forward(model, ids).mean()))
        found = forward(model, ids)
        assert found.mean() == pytest.approx(0.0, abs=1e-5)
    np.testing.assert_allclose(found - found[0], before - before[0], atol=1e-5)


def test_keras_saves_and_reads_a_reward_model(tmp_path, rng):
    model, ids = reward_model(), ids_of(rng, 2, 4)
    model.save(tmp_path / "reward.keras")
    read = keras.saving.load_model(tmp_path / "reward.keras")
    np.testing.assert_allclose(forward(read, ids), forward(model, ids), atol=1e-6)


def test_another_family_is_refused():
    with pytest.raises(TypeError, match="model must be a GPT"):
        GPTReward.from_model(keras.Sequential())


def test_the_language_model_is_not_touched(rng):
    model, ids = small(), ids_of(rng, 1, 5)
    before = forward(model, ids)
    randomize(GPTReward.from_model(model), seed=5)
    np.testing.assert_array_equal(forward(model, ids), before)
    assert isinstance(model, GPT)
