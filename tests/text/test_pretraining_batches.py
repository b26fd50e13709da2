import keras
import numpy as np
import pytest
from keras import ops

from zoo.models import BERTPretrainer
from zoo.text import (
    Documents,
    IdArrays,
    PretrainingBatches,
    PretrainingEvaluation,
    SpecialIds,
    TokenMasking,
)
from zoo.training import TokenAccuracy, TokenCrossEntropy, TokenLoss

IDS = SpecialIds()
V = 59
MASKING = TokenMasking(4, np.arange(V) < 5, np.zeros(V, bool))
SHAPE = {"rows": 7, "length": 23}
OUTPUTS = ("mlm_logits", "nsp_logits")


def documents(count=13):
    dice = np.random.Generator(np.random.PCG64(count))
    sizes = dice.integers(2, 19, count)
    rows = [dice.integers(5, V, dice.integers(1, 11)).tolist() for _ in range(sizes.sum())]
    return Documents(IdArrays.from_rows(rows, V, "x"), np.concatenate([[0], np.cumsum(sizes)]))


def training(**changes):
    return PretrainingBatches(documents(), IDS, MASKING, **{**SHAPE, **changes})


def evaluation(**changes):
    return PretrainingEvaluation(documents(), IDS, MASKING, **{**SHAPE, **changes})


def assert_equal(one, other):
    keras.tree.map_structure(np.testing.assert_array_equal, one, other)


def differ(one, other):
    return np.any(one[0]["token_ids"] != other[0]["token_ids"])


def test_one_shape_and_its_types():
    for batches in (training(), evaluation()):
        for step in range(5):
            inputs, labels, weights = batches[step]
            shapes = {name: (value.shape, str(value.dtype)) for name, value in inputs.items()}
            assert shapes == {
                "token_ids": ((7, 23), "int32"),
                "segment_ids": ((7, 23), "int32"),
                "padding_mask": ((7, 23), "bool"),
                "mask_positions": ((7, 4), "int32"),
            }
            for values, dtype in ((labels, "int32"), (weights, "float32")):
                assert [values[name].shape for name in OUTPUTS] == [(7, 4), (7,)]
                assert {str(value.dtype) for value in values.values()} == {dtype}
            assert set(np.unique(labels["nsp_logits"])) <= {0, 1}


def test_batches_are_a_function_of_seed_epoch_step():
    batches = training(seed=3, steps_per_epoch=5)
    stream = [batches[index] for index in range(15)]
    again = training(seed=3, steps_per_epoch=5)
    again.first_epoch = 2  # a training that goes on
    for step in reversed(range(5)):
        assert_equal(again[step], stream[10 + step])
        assert_equal(again.batch(2, step), stream[10 + step])
    assert differ(training(seed=4, steps_per_epoch=5)[0], stream[0])
    assert all(differ(one, other) for one, other in zip(stream, stream[1:], strict=False))


def test_masks_and_pairs_change_where_a_sentence_opens_again():
    """A pass over few openings: the same ones in another epoch give other examples."""
    few = Documents(
        IdArrays.from_rows([[5 + i] * 9 for i in range(8)], V, "x"), np.array([0, 7, 8])
    )
    batches = PretrainingBatches(few, IDS, MASKING, rows=6, length=23, steps_per_epoch=1)
    assert all(differ(batches[0], batches[step]) for step in range(1, 7))


def test_the_weights_of_an_update_sum_to_its_batches():
    for accumulate in (1, 3):
        batches = training(accumulate=accumulate, steps_per_epoch=6)
        for first in range(0, 6, accumulate):
            made = [batches.batch(1, first + number)[2] for number in range(accumulate)]
            for name in OUTPUTS:
                weights = np.stack([weight[name] for weight in made])
                assert weights.sum() == pytest.approx(accumulate, rel=1e-6)
                assert len(np.unique(weights[weights > 0])) == 1  # every token counts the same
    for weights in (batch[2] for batch in evaluation()):
        assert [weights[name].sum() for name in OUTPUTS] == pytest.approx([1, 1], rel=1e-6)


def test_evaluation_is_one_pass():
    batches = evaluation()
    assert len(batches) == -(-batches.examples // 7)
    assert batches.examples % 7, "the last batch has rows to fill up"
    rows = [int((batches[index][2]["nsp_logits"] > 0).sum()) for index in range(len(batches))]
    assert rows == [7] * (len(batches) - 1) + [batches.examples % 7]
    last = batches[len(batches) - 1][2]
    assert not last["mlm_logits"][rows[-1] :].any()
    assert_equal(evaluation()[2], batches[2])
    assert differ(evaluation(seed=1)[2], batches[2])


def compiled_model(**optimizer):
    model = BERTPretrainer.from_size(
        "tiny", vocab_size=V, hidden_dim=14, num_heads=2, feed_forward_dim=11, num_positions=23,
        num_layers=1, dropout=0.0, attention_dropout=0.0, initializer_range=0.5,
    )  # fmt: skip
    losses = {name: TokenCrossEntropy(reduction="sum") for name in OUTPUTS}
    metrics = {
        name: [TokenLoss(loss, "cross_entropy"), TokenAccuracy()] for name, loss in losses.items()
    }
    model.compile(
        keras.optimizers.SGD(0.5, **optimizer),
        losses,
        weighted_metrics=metrics,
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    return model


def by_hand(model, batches):
    """Losses of every masked token and of every row, and who is right, in float64."""
    found = {name: ([], []) for name in OUTPUTS}
    for inputs, labels, weights in batches:
        outputs = model(inputs)
        for name in OUTPUTS:
            logits = ops.convert_to_numpy(outputs[name]).astype("float64")
            logits = logits.reshape(-1, logits.shape[-1])
            counted = weights[name].ravel() > 0
            label = labels[name].ravel()
            chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            found[name][0].extend(-np.log(chance[np.arange(len(label)), label])[counted])
            found[name][1].extend((logits.argmax(axis=1) == label)[counted])
    return {name: tuple(map(np.mean, values)) for name, values in found.items()}


def test_losses_are_means_over_tokens_and_rows():
    model, batches = compiled_model(), evaluation()
    expected = by_hand(model, batches)
    logs = model.evaluate(batches, return_dict=True, verbose=0)
    for name, (loss, accuracy) in expected.items():
        assert logs[f"{name}_cross_entropy"] == pytest.approx(loss, rel=1e-5)
        assert logs[f"{name}_accuracy"] == pytest.approx(accuracy, rel=1e-5)
    one = by_hand(model, [batches[0]])
    total = model.test_on_batch(*batches[0], return_dict=True)["loss"]
    assert float(total) == pytest.approx(sum(loss for loss, _ in one.values()), rel=1e-5)


def test_accumulated_batches_are_one_big_batch():
    split = training(accumulate=3, steps_per_epoch=3)
    parts = [split[step] for step in range(3)]
    joined = keras.tree.map_structure(lambda *x: np.concatenate(x), *parts)
    inputs, labels, weights = joined
    weights = {name: weight / 3 for name, weight in weights.items()}
    model = compiled_model(gradient_accumulation_steps=3)
    start = model.get_weights()
    model.fit(split, steps_per_epoch=3, epochs=1, shuffle=False, verbose=0)
    accumulated = model.get_weights()
    whole = compiled_model()
    whole.set_weights(start)
    whole.train_on_batch(inputs, labels, weights)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(accumulated, start, strict=True))
    for found, expected in zip(accumulated, whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [training, evaluation])
def test_rows_below_one(make):
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        make(rows=0)
    with pytest.raises(ValueError, match="length must be at least 5"):
        make(length=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 5000}, "rows must be at most"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be at least 1, got 0"),
        ({"steps_per_epoch": 7, "accumulate": 3}, "must be a multiple of accumulate=3"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        training(**changes)


def test_an_epoch_is_about_the_text():
    assert training().steps_per_epoch == len(documents().sentences.ids) // (7 * 23)
    assert training(rows=3, accumulate=2).steps_per_epoch % 2 == 0
