import numpy as np
import pytest
import scipy.special

from tests.backends import to_numpy
from tests.small_generators import small_generator

TEXTS = ["hello there", "a", "漢 and more words", "", "ab"]
PROMPTS = ["well", "", "one two", "x", "a long prompt of words"]


@pytest.fixture(scope="module")
def generator():
    return small_generator()


def expected(generator, before, ids):
    """Log-probabilities of ids behind `before`, in float64 and one text at a time."""
    row = [*before, *ids]
    if len(row) < 2:
        return np.zeros(0)
    logits = to_numpy(generator.model({"token_ids": np.array([row[:-1]], "int32")}))[0]
    log_probs = scipy.special.log_softmax(logits.astype("float64"), axis=-1)
    count = min(len(ids), len(row) - 1)
    return np.array([log_probs[t - 1, row[t]] for t in range(len(row) - count, len(row))])


def check(generator, scores, befores, counted=None):
    for i, score in enumerate(scores):
        ids = generator.tokenizer.encode([TEXTS[i]])[0]
        values = expected(generator, befores[i], ids)
        np.testing.assert_allclose(score.log_probs, values, atol=1e-4)
        np.testing.assert_allclose(score.log_prob, values.sum(), atol=1e-3)
        assert score.ids == (ids if befores[i] else ids[1:])


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_texts_behind_prompts(generator, batch_size):
    tokenizer = generator.tokenizer
    befores = [tokenizer.encode([text])[0] or [tokenizer.start_id] for text in PROMPTS]
    check(generator, generator.score(TEXTS, PROMPTS, batch_size), befores)


def test_texts_alone_follow_the_start(generator):
    check(generator, generator.score(TEXTS), [[generator.tokenizer.start_id]] * 5)


def test_without_a_start_the_first_token_is_not_counted():
    generator = small_generator(with_end=False)
    scores = generator.score(TEXTS)
    check(generator, scores, [[]] * 5)
    assert [len(score.ids) for score in scores] == [10, 0, 15, 0, 1]


def test_a_prefix_stands_before_prompts(generator):
    prefixed = generator.with_prefix("so ")
    found = prefixed.score(TEXTS, PROMPTS[:1] * 5)
    whole = generator.score(TEXTS, ["so " + PROMPTS[0]] * 5)
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-4)


def test_wrong_arguments_are_named(generator):
    with pytest.raises(ValueError, match="prompts must be as many as the 5 texts; got 1"):
        generator.score(TEXTS, ["a"])
    with pytest.raises(
        ValueError, match=r"texts\[1\] has 71 tokens with its prompt; at most .* 61"
    ):
        generator.score(["a", "b" * 70])
    with pytest.raises(TypeError, match="texts must be a list of str"):
        generator.score("a")
