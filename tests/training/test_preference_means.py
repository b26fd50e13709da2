"""Learning from preferences: logs are means over a data set, accumulated batches are one batch."""

import keras
import numpy as np
import pytest

from tests.backends import randomize, to_numpy
from tests.small_gpts import SMALL, forward
from zoo.models import GPT, GPTReward
from zoo.text import (
    AnswerBatches,
    AnswerEvaluation,
    AnswerRows,
    CharacterTokenizer,
    PreferredAnswers,
    RankedAnswers,
)
from zoo.training import (
    DirectPreference,
    MeanRankingLoss,
    RankingLoss,
    dpo_losses,
    ranking_losses,
)
from zoo.training.direct_preference import answer_log_probs

PAIRS = 8


@pytest.fixture
def rows(rng):
    """Two answers each to eight prompts, of many lengths."""
    letters = np.array(list("abcdefgh"))
    texts = ["".join(rng.choice(letters, size)) for size in rng.integers(1, 9, 2 * PAIRS)]
    tokenizer = CharacterTokenizer("".join(letters), with_end=True)
    return AnswerRows.encode(tokenizer, ["ab"] * len(texts), texts, 19)


@pytest.fixture
def numbers():
    return np.arange(2 * PAIRS).reshape(PAIRS, 2)


@pytest.fixture
def ranked(rows, numbers):
    """What a reward model learns from, and how it is compiled with a reduction and a rate."""
    start = randomize(GPTReward(SMALL), scale=0.4).get_weights()

    def model(reduction, optimizer):
        model = GPTReward(SMALL)
        model.set_weights(start)
        model.compile(optimizer, RankingLoss(reduction), weighted_metrics=[MeanRankingLoss()])
        return model

    return RankedAnswers(rows, numbers, np.tile([0, 1], (PAIRS, 1))), model


@pytest.fixture
def preferred(rows, numbers, rng):
    """The same of a policy."""
    start = randomize(GPT(SMALL), scale=0.4).get_weights()

    def model(reduction, optimizer):
        policy = GPT(SMALL)
        policy.set_weights(start)
        model = DirectPreference(policy, 0.7, reduction)
        model.compile(optimizer)
        return model

    return PreferredAnswers(rows, numbers, -rng.uniform(3, 20, (PAIRS, 2))), model


def kinds(test):
    return pytest.mark.parametrize("kind", ["ranked", "preferred"])(test)


def losses_by_hand(kind, contents, model):
    """(PAIRS,) from the pure functions."""
    inputs, labels, _ = contents.batch(np.arange(PAIRS), PAIRS, int(contents.lengths.max()))
    if kind == "ranked":
        return to_numpy(ranking_losses(labels, to_numpy(model(inputs))))
    flat = {name: each.reshape(2 * PAIRS, -1) for name, each in (inputs | labels).items()
            if name != "reference"}  # fmt: skip
    logits = forward(
        model.policy,
        inputs["token_ids"].reshape(2 * PAIRS, -1),
        padding_mask=inputs["padding_mask"].reshape(2 * PAIRS, -1),
    )
    found = to_numpy(answer_log_probs(logits, flat["token_ids"], flat["answers"])).reshape(-1, 2)
    reference = labels["reference"]
    return to_numpy(
        dpo_losses(found[:, 0], found[:, 1], reference[:, 0], reference[:, 1], model.beta)
    )


@kinds
@pytest.mark.parametrize("reduction", ["mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_loss_of_an_evaluation_is_the_mean(kind, reduction, batch_size, request):
    contents, make = request.getfixturevalue(kind)
    model = make(reduction, "sgd")
    expected = losses_by_hand(kind, contents, model)
    assert np.ptp(expected) > 0.1
    found = model.evaluate(AnswerEvaluation(contents, batch_size), return_dict=True, verbose=0)
    assert found["loss"] == pytest.approx(expected.mean(), rel=1e-5)


@kinds
def test_accumulated_batches_equal_one(kind, request):
    contents, make = request.getfixturevalue(kind)

    def trained(reduction, batch_size, accumulate):
        steps = accumulate if (accumulate or 0) > 1 else None
        model = make(reduction, keras.optimizers.SGD(0.1, gradient_accumulation_steps=steps))
        batches = AnswerBatches(contents, batch_size, accumulate=accumulate, num_shapes=1)
        logs = model.fit(batches, steps_per_epoch=batches.steps_per_epoch, shuffle=False, verbose=0)
        assert int(model.optimizer.iterations) == 1
        return model.get_weights(), logs.history["loss"][0]

    before = make("sum", "sgd").get_weights()
    whole, loss = trained("mean_with_sample_weight", PAIRS, None)
    assert max(np.abs(a - b).max() for a, b in zip(whole, before, strict=True)) > 1e-3
    # Three, three and two pairs.
    for reduction, size, accumulate in (("sum", PAIRS, 1), ("sum", 3, 3)):
        found, same_loss = trained(reduction, size, accumulate)
        assert same_loss == pytest.approx(loss, rel=1e-5)
        for one, other in zip(whole, found, strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=2e-6)


def test_reductions_are_checked():
    with pytest.raises(ValueError, match="reduction must be .*; got 'mean'"):
        DirectPreference(GPT(SMALL), reduction="mean")
