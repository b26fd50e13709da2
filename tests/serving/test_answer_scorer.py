"""An AnswerScorer as a SavedModel: the numbers of the task, in every loader."""

import keras
import numpy as np
import pytest

from tests.backends import randomize
from tests.small_generators import CHARACTERS, small_gpt
from zoo.models import GPTReward
from zoo.tasks import AnswerScorer
from zoo.text import CharacterTokenizer

PROMPTS, ANSWERS = ["hello", "a", "one two"], ["yes", "no no", ""]

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the tagger's export through a process will do"
)


@pytest.fixture(scope="module")
def scorer():
    model = randomize(GPTReward.from_model(small_gpt()), scale=0.3)
    return AnswerScorer(model, CharacterTokenizer(CHARACTERS, with_end=True))


@pytest.fixture(scope="module")
def exported(scorer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "scorer" / "1"
    scorer.export(folder)
    return folder


@pytest.fixture
def score(predict):
    return lambda prompts, answers: predict({"prompt": prompts, "answer": answers})["score"]


def test_gives_the_numbers_of_the_task(score, scorer):
    np.testing.assert_allclose(score(PROMPTS, ANSWERS), scorer(PROMPTS, ANSWERS), atol=1e-5)


def test_rows_do_not_depend_on_each_other(score):
    together = score(PROMPTS, ANSWERS)
    for row, pair in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        np.testing.assert_allclose(score(*([text] for text in pair))[0], together[row], atol=1e-5)


def test_no_rows_and_long_rows(score):
    assert score([], []).shape == (0,)
    assert np.isfinite(score(["a" * 200], ["b" * 300])).all()
