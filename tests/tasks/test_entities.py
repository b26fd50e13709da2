"""Entities in rows of IOB2 tags, well-formed and not."""

import itertools

import pytest

from zoo.tasks.entities import Entity, TaggedToken, check_iob2, entities_of, spans_of_tags


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", []),
        ("O O", []),
        ("B-PER", [("PER", 0, 1)]),
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
        ("O I-PER I-PER O", [("PER", 1, 3)]),  # I after O begins one
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),  # and after another type
        ("I-PER B-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("B-work-of-art I-work-of-art", [("work-of-art", 0, 2)]),
    ],
)
def test_spans(tags, expected):
    assert spans_of_tags(tags.split()) == expected


def test_a_word_without_tag_is_outside():
    assert spans_of_tags(["B-X", "", "I-X"]) == [("X", 0, 1), ("X", 2, 3)]


def test_all_short_rows_are_read_as_conlleval_reads_them():
    get_entities = pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities
    for length in range(5):
        for tags in itertools.product(["O", "B-X", "I-X", "B-Y", "I-Y"], repeat=length):
            expected = [(kind, begin, end + 1) for kind, begin, end in get_entities(list(tags))]
            assert spans_of_tags(tags) == expected


def test_an_entity_is_the_text_between_its_words():
    text = "the  New\u00a0York Times"
    tokens = [
        TaggedToken("the", "O", 0.9, 0, 3),
        TaggedToken("New", "B-ORG", 0.5, 5, 8),
        TaggedToken("York", "I-ORG", 0.75, 9, 13),
        TaggedToken("Times", "I-ORG", 0.25, 14, 19),
    ]
    assert entities_of(text, tokens) == [Entity("New\u00a0York Times", "ORG", 0.5, 5, 19)]
    assert entities_of("", []) == []


@pytest.mark.parametrize("name", ["NOUN", "B-", "I", "S-PER", "", "LABEL_0", "o"])
def test_other_schemes_are_refused(name):
    check_iob2(["O", "B-PER", "I-PER"])
    with pytest.raises(ValueError, match="IOB2"):
        check_iob2(["O", name])
