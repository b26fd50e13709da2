"""The embedded reviews: balanced, without repetition, and not solved by their words alone."""

import collections
import re

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from recipes.data.labelled import Columns, read_examples
from recipes.data.reviews import FILES, read


@pytest.fixture(scope="module")
def reviews():
    return {split: read(split) for split in FILES}


@pytest.fixture(scope="module")
def things():
    columns = Columns(label="thing")
    return {
        split: read_examples(file, "classification", columns).labels
        for split, file in FILES.items()
    }


def test_there_are_enough_and_they_are_short(reviews):
    assert len(reviews["train"]) >= 300
    assert len(reviews["test"]) >= 100
    for examples in reviews.values():
        assert all(3 <= len(text.split()) <= 40 for text in examples.texts)
        assert all(text == text.strip() and text[-1] in ".!?" for text in examples.texts)


def test_labels_are_balanced_in_every_thing(reviews, things):
    for split, examples in reviews.items():
        counts = collections.Counter(zip(things[split], examples.labels, strict=True))
        for thing in set(things[split]):
            assert counts[thing, "positive"] == counts[thing, "negative"] > 0


def test_most_things_of_the_test_part_are_new(things):
    new = set(things["test"]) - set(things["train"])
    assert len(new) > len(set(things["test"])) / 2
    assert sum(thing in new for thing in things["test"]) > len(things["test"]) / 2


def test_no_review_stands_twice_or_nearly_in_both_parts(reviews):
    texts = {split: examples.texts for split, examples in reviews.items()}
    assert len({text.lower() for part in texts.values() for text in part}) == sum(
        map(len, texts.values())
    )
    words = {
        split: [set(re.findall(r"\w+", text.lower())) for text in texts[split]] for split in texts
    }
    for one in words["test"]:
        for other in words["train"]:
            assert len(one & other) / len(one | other) < 0.5, (one, other)


def test_words_alone_do_not_solve_it(reviews):
    train, test = reviews["train"], reviews["test"]
    baseline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    accuracy = baseline.fit(train.texts, train.labels).score(test.texts, test.labels)
    assert 0.5 < accuracy < 0.85
