"""The embedded labelled data: short English reviews of many kinds of things, written for this.

reviews_train.tsv and reviews_test.tsv have the columns text, label (positive or negative) and
thing. Both labels are equally frequent for every thing. More than half of the things of the test
part do not occur in training. The words alone say little: what is liked in one review is missed in
the next, and negations, concessions and plain facts ("It turned inside out") carry the judgement.
"""

from pathlib import Path

from recipes.data.labelled import read_examples

FILES = {
    "train": Path(__file__).with_name("reviews_train.tsv"),
    "test": Path(__file__).with_name("reviews_test.tsv"),
}


def read(split):
    """The Examples of "train" or "test"; their labels are "positive" and "negative"."""
    return read_examples(FILES[split], "classification")
