"""A reward model as a task: strings in, one number an answer out."""

import numpy as np
import pytest

import zoo
from tests.backends import randomize
from tests.models_on_ids import forward
from tests.small_generators import CHARACTERS, small_gpt
from zoo.models import GPTReward
from zoo.tasks import AnswerScorer, TextGenerator
from zoo.text import CharacterTokenizer

PROMPTS, ANSWERS = ["hello", "a", "one two"], ["yes", "no no", ""]


def scorer():
    model = randomize(GPTReward.from_model(small_gpt()), scale=0.3)
    return AnswerScorer(model, CharacterTokenizer(CHARACTERS, with_end=True))


def test_an_answer_is_scored_behind_its_prompt_at_its_end():
    made = scorer()
    found = made(PROMPTS, ANSWERS, batch_size=2)
    for number, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        ids = [*made.tokenizer.encode([prompt + answer])[0], made.tokenizer.end_id]
        alone = forward(made.model, token_ids=np.array([ids], "int32"))
        np.testing.assert_allclose(found[number], alone[0], atol=1e-5)


def test_no_answers_have_no_scores():
    assert scorer()([], []).shape == (0,)


def test_saved_and_read_again_it_says_the_same(tmp_path):
    made = scorer()
    made.save(tmp_path / "scorer")
    read = zoo.load(tmp_path / "scorer")
    assert isinstance(read, AnswerScorer)
    np.testing.assert_allclose(read(PROMPTS, ANSWERS), made(PROMPTS, ANSWERS), atol=1e-6)


def test_prompts_and_answers_must_be_as_many():
    with pytest.raises(ValueError, match="answers must be as many as the 2 prompts; got 1"):
        scorer()(["a", "b"], ["c"])


def test_a_prompt_that_fills_the_model_is_refused():
    with pytest.raises(ValueError, match=r"prompts\[1\]: the prompt has 61 tokens"):
        scorer()(["a", "b" * 61], ["c", "c"])


def test_a_long_answer_is_read_as_far_as_it_goes():
    made = scorer()
    assert made(["a"], ["b" * 99]) == pytest.approx(made(["a"], ["b" * 60]))


def test_another_model_is_refused():
    tokenizer = CharacterTokenizer(CHARACTERS, with_end=True)
    with pytest.raises(TypeError, match="model must be a zoo.models.GPTReward; got a GPT"):
        AnswerScorer(small_gpt(), tokenizer)
    with pytest.raises(TypeError, match="model must be a zoo.models.GPT; got a GPTReward"):
        TextGenerator(scorer().model, tokenizer)
    with pytest.raises(ValueError, match="tokenizer has 33 ids, the model 32"):
        AnswerScorer(scorer().model, CharacterTokenizer(CHARACTERS + "!", with_end=True))
