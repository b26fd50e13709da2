"""A small corpus and a tokenizer trained on it."""

import random

import pytest

from zoo.text import train_sentencepiece

SYLLABLES = ["ka", "tze", "stra", "ße", "bäu", "me", "ü", "bung", "ïv", "é", "漢", "schläf", "ren"]


def sentences():
    """Sentences of made-up words, which allow a vocabulary of some hundred pieces."""
    dice = random.Random(11)
    words = ["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(211)]
    return [
        f"Die {' '.join(dice.choices(words, k=dice.randint(1, 13)))} {number}."
        for number in range(307)
    ]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    file = tmp_path_factory.mktemp("corpus") / "text.de"
    file.write_text("\n".join(sentences()) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def tokenizer(corpus):
    return train_sentencepiece(corpus, 151)
