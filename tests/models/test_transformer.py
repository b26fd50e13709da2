import numpy as np
import pytest

from tests.layers import reference
from tests.models_on_ids import some_ids
from tests.small_transformers import MARIAN, V, forward, small

# One forward pass.


@pytest.mark.parametrize(
    "overrides", [{}, {"norm_order": "pre"}, {"scale_embedding": False}, MARIAN]
)
def test_logits_equal_the_reference(source, target, overrides):
    model = small(**overrides)
    source = np.where(source == 0, model.config.pad_id, source)
    logits = forward(model, source, target)
    assert logits.shape == (3, 5, V)
    expected = reference.transformer(model, source, target)
    np.testing.assert_allclose(logits, expected, atol=1e-5 * np.abs(expected).max())


def test_the_future_does_not_change_the_past(rng, source, target):
    model = small()
    logits = forward(model, source, target)
    for position in range(1, 5):
        changed = target.copy()
        changed[:, position:] = some_ids(rng, 3, 5 - position)
        perturbed = forward(model, source, changed)
        np.testing.assert_allclose(
            perturbed[:, :position], logits[:, :position], atol=1e-5, rtol=1e-5
        )
        assert np.abs(perturbed[:, position:] - logits[:, position:]).max() > 1e-3


@pytest.mark.parametrize("ids", [{}, {"pad_id": 3, "start_id": 3}])
def test_padding_changes_nothing(source, target, ids):
    model = small(**ids)
    target[:, 0] = model.config.start_id
    padding = np.full((3, 3), model.config.pad_id)
    source = np.where(source == 0, model.config.pad_id, source)
    logits = forward(model, source, target)
    wider = forward(model, np.concatenate([source, padding], axis=1), target)
    np.testing.assert_allclose(wider, logits, atol=1e-5, rtol=1e-5)
    # Also on the left: positions count tokens.
    left = forward(model, np.concatenate([padding, source], axis=1), target)
    np.testing.assert_allclose(left, logits, atol=1e-5, rtol=1e-5)
    longer = np.concatenate([target, padding], axis=1)
    np.testing.assert_allclose(forward(model, source, longer)[:, :5], logits, atol=1e-5, rtol=1e-5)


def test_batch_mates_change_nothing(source, target):
    model = small()
    together = forward(model, source, target)
    for row, length in enumerate((7, 4, 2)):
        alone = forward(model, source[row : row + 1, :length], target[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5, rtol=1e-5)


def test_a_source_of_padding_alone_gives_numbers(target):
    assert np.isfinite(forward(small(), np.zeros((3, 7)), target)).all()


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_ids": None}, r"keys \('source_ids', 'target_ids'\); got \('target_ids',\)"),
        ({"source_ids": np.full((3, 4), 37)}, "source_ids must be ids .* below 37; got 37"),
        ({"source_ids": np.full((3, 4), -1)}, "source_ids must be ids .* at least 0 .*; got -1"),
        ({"target_ids": np.full((3, 4), 400)}, "target_ids must be ids .* below 37; got 400"),
        ({"source_ids": np.ones((3, 4))}, r"source_ids must be whole numbers .* got float32"),
        ({"target_ids": np.ones((3, 4, 1), "int32")}, r"target_ids .*got int32 of .*\(3, 4, 1\)"),
    ],
)
def test_bad_inputs(source, target, change, message):
    inputs = {"source_ids": source, "target_ids": target, **change}
    with pytest.raises(ValueError, match=message):
        small()({name: ids for name, ids in inputs.items() if ids is not None})


def test_inputs_that_are_no_dict(source):
    with pytest.raises(ValueError, match="inputs must be a dict with the keys"):
        small()(source)


def test_the_source_has_a_vocabulary_of_its_own(target):
    model = small(**MARIAN)
    model({"source_ids": np.full((1, 2), 40), "target_ids": target[:1]})
    with pytest.raises(ValueError, match="source_ids must be ids .* below 41; got 41"):
        model({"source_ids": np.full((1, 2), 41), "target_ids": target[:1]})
    with pytest.raises(ValueError, match="target_ids must be ids .* below 37; got 40"):
        model({"source_ids": np.full((1, 2), 40), "target_ids": np.full((1, 2), 40)})
