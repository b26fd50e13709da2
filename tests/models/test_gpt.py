"""One forward pass of a GPT. Its numbers are those of the transformers library:
tests/checkpoints."""

import keras
import numpy as np
import pytest

from tests.backends import to_numpy
from tests.models_on_ids import some_ids
from tests.small_gpts import SMALL, VARIANTS, V, forward, real_from, small
from zoo.layers import record_attention
from zoo.models import GPT

both = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture
def ids(rng):
    return some_ids(rng, 3, 7)


@both
def test_shapes(ids, variant):
    assert forward(small(variant), ids).shape == (3, 7, V)
    assert forward(small(variant), ids[:1, :1]).shape == (1, 1, V)


@both
def test_the_future_does_not_change_the_past(rng, ids, variant):
    logits = forward(small(variant), ids)
    for position in range(1, 7):
        changed = ids.copy()
        changed[:, position:] = (changed[:, position:] + 1 + some_ids(rng, 3, 7 - position)) % V
        perturbed = forward(small(variant), changed)
        np.testing.assert_allclose(
            perturbed[:, :position], logits[:, :position], atol=1e-5, rtol=1e-5
        )
        assert (np.abs(perturbed[:, position:] - logits[:, position:]).max(-1) > 1e-3).all()


@both
def test_the_past_changes_the_future(ids, variant):
    logits = forward(small(variant), ids)
    changed = ids.copy()
    changed[:, 0] = 3
    assert (np.abs(forward(small(variant), changed) - logits).max(-1) > 1e-4).all()


@both
@pytest.mark.parametrize("left", [True, False])
def test_padding_changes_nothing(rng, ids, variant, left):
    lengths = 7, 4, 1
    wide = some_ids(rng, 3, 11)  # whatever the padding holds
    real = real_from(lengths, 11, left)
    for row, length in enumerate(lengths):
        wide[row, real[row]] = ids[row, :length]
    logits = forward(small(variant), wide, padding_mask=real)
    assert np.isfinite(logits).all()
    for row, length in enumerate(lengths):
        alone = forward(small(variant), ids[row : row + 1, :length])[0]
        np.testing.assert_allclose(logits[row][real[row]], alone, atol=1e-5, rtol=1e-5)


@both
def test_batch_mates_change_nothing(rng, ids, variant):
    together = forward(small(variant), ids)
    for row in range(3):
        alone = forward(small(variant), ids[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5, rtol=1e-5)
    others = np.concatenate([ids[:1], some_ids(rng, 4, 7)])
    np.testing.assert_allclose(
        forward(small(variant), others)[0], together[0], atol=1e-5, rtol=1e-5
    )


def test_rows_of_padding_alone_give_numbers(ids):
    real = np.zeros((3, 7), bool)
    assert np.isfinite(forward(small(), ids, padding_mask=real)).all()


def test_learned_positions_matter_and_rotary_ones_are_relative(ids):
    same = np.full((1, 7), 5, "int32")
    logits = forward(small(), same)[0]
    assert np.abs(logits[1:] - logits[:-1]).max(-1).min() > 1e-3
    # A row of one token over and over: attention averages equal values, wherever they stand.
    logits = forward(small("present_day"), same)[0]
    np.testing.assert_allclose(logits[1:], logits[:-1], atol=1e-5)


def test_rotary_positions_have_no_longest_text(rng):
    ids = some_ids(rng, 1, 31)
    assert forward(small("present_day"), ids).shape == (1, 31, V)
    with pytest.raises(ValueError, match="may be at most 19 long; got 31"):
        small()({"token_ids": ids})


def test_fresh_weights_are_as_gpt2_draws_them():
    keras.utils.set_random_seed(3)
    model = GPT.from_size("gpt2", **{**SMALL, "hidden_dim": 98, "vocab_size": 101})
    for variable in model.trainable_variables:
        value = to_numpy(variable.value)
        if variable.path.endswith(("output/kernel", "outer/kernel")):
            assert value.std() == pytest.approx(0.02 / 2, rel=0.1), variable.path  # 2 layers
        elif variable.path.endswith(("kernel", "embeddings")):
            assert value.std() == pytest.approx(0.02, rel=0.1), variable.path
        else:
            assert (value == (1 if variable.path.endswith("gamma") else 0)).all()


def test_attention_is_recorded_under_paths(ids):
    real = real_from((7, 4, 1), 7)
    for rematerialize in (False, True):
        model = small(rematerialize=rematerialize)
        with record_attention() as maps:
            model({"token_ids": ids, "padding_mask": real})
        assert set(maps) == {f"{model.name}/decoder/block_{i}/self_attention" for i in range(2)}
        (weights,) = maps[f"{model.name}/decoder/block_1/self_attention"]
        assert weights.shape == (3, 7, 7, 7)
        assert (weights * ~np.tri(7, dtype=bool) == 0).all()
        assert (weights[1, :, :, :3] == 0).all()
        np.testing.assert_allclose(weights[0].sum(-1), 1, atol=1e-5)


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": None}, r"keys \('token_ids',\); got \('padding_mask', 'document_ids'\)"),
        ({"token_ids": np.full((3, 7), V)}, "token_ids must be ids of .* below 37; got 37"),
        ({"token_ids": np.full((3, 7), -1)}, "token_ids must be ids .* at least 0 .*; got -1"),
        ({"token_ids": np.ones((3, 7))}, "token_ids must be whole numbers .* got float32"),
        ({"token_ids": np.ones(7, "int32")}, r"token_ids must be .*shape \(B, T\); got .*\(7,\)"),
        ({"token_ids": np.ones((3, 0), "int32")}, r"must have .*token_ids, \(3, 0\); got \(3, 7\)"),
        ({"padding_mask": np.ones((3, 7), "int32")}, "padding_mask must be boolean.* got int32"),
        ({"padding_mask": np.ones((3, 6), "bool")}, r"padding_mask must have the shape.*\(3, 6\)"),
        ({"document_ids": np.zeros((3, 7))}, "document_ids must be whole numbers .* got float32"),
        ({"document_ids": np.full((3, 7), -1)}, "document_ids must be numbers of .*; got -1"),
        ({"document_ids": np.zeros((1, 7), "int32")}, r"document_ids must have .*; got \(1, 7\)"),
        ({"segment_ids": np.zeros((3, 7))}, r"may have the keys .*; got \['segment_ids'\] besides"),
    ],
)
def test_bad_inputs(ids, change, message):
    whole = {"padding_mask": ids != 0, "document_ids": np.zeros((3, 7), "int32")}
    inputs = {"token_ids": ids, **whole, **change}
    with pytest.raises(ValueError, match=message):
        small()({name: value for name, value in inputs.items() if value is not None})


def test_inputs_that_are_no_dict(ids):
    with pytest.raises(ValueError, match="inputs must be a dict with the keys"):
        small()(ids)
