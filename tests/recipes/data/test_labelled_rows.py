"""The stratified hold-out."""

import collections

import pytest

from recipes.data.labelled import Examples, Questions, TaggedWords, split


def _examples(counts):
    labels = [label for label, count in counts.items() for _ in range(count)]
    return Examples([f"text {row}" for row in range(len(labels))], None, labels)


def test_labels_are_in_proportion():
    examples = _examples({"a": 61, "b": 31, "c": 7, "d": 1})
    rest, held_out = split(examples, 0.2, seed=3)
    counts = collections.Counter(held_out.labels)
    assert len(held_out) == 20
    assert counts == {"a": 12, "b": 6, "c": 2} or counts == {"a": 12, "b": 7, "c": 1}
    assert sorted(rest.texts + held_out.texts) == sorted(examples.texts)
    assert "d" in rest.labels


def test_the_split_depends_on_the_seed_alone():
    examples = _examples({"a": 53, "b": 47})
    assert split(examples, 0.3, 5) == split(examples, 0.3, 5)
    assert split(examples, 0.3, 5) != split(examples, 0.3, 6)


def test_equal_texts_stay_together():
    examples = Examples(["same"] * 23 + [f"text {i}" for i in range(17)], None, ["a", "b"] * 20)
    for seed in range(11):
        rest, held_out = split(examples, 0.25, seed)
        assert not set(rest.texts) & set(held_out.texts)


def test_pairs_and_several_labels():
    labels = [("a",)] * 40 + [("a", "rare")] * 10 + [()] * 10
    texts = [f"text {row}" for row in range(60)]
    rest, held_out = split(Examples(texts, texts[::-1], labels), 0.1, 0)
    assert collections.Counter(held_out.labels) == {("a",): 4, ("a", "rare"): 1, (): 1}
    assert all(
        texts.index(text) + texts.index(pair) == 59
        for part in (rest, held_out)
        for text, pair in zip(part.texts, part.pairs, strict=True)
    )


def test_scores_are_held_out_over_the_whole_scale():
    scores = [(row * 7) % 100 / 20 for row in range(100)]
    _, held_out = split(Examples([str(row) for row in range(100)], None, scores), 0.1, 1)
    assert sorted(int(score * 2) for score in held_out.labels) == list(range(10))


def test_tagged_sentences():
    tagged = TaggedWords(
        [[f"w{row}", "x"] for row in range(40)], [["O", "O"]] * 30 + [["B-a", "O"]] * 10
    )
    rest, held_out = split(tagged, 0.2, 2)
    assert collections.Counter(map(tuple, held_out.tags)) == {("O", "O"): 6, ("B-a", "O"): 2}
    assert len(rest) == 32


def test_questions_about_one_context_stay_together():
    contexts = [f"context {row // 3}" for row in range(60)]
    ids = [str(row) for row in range(60)]
    questions = Questions(ids, ids, contexts, [[("c", 0)]] * 60)
    rest, held_out = split(questions, 0.2, 4)
    assert len(set(held_out.contexts)) == 4
    assert len(held_out) == 12
    assert not set(rest.contexts) & set(held_out.contexts)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, 20])
def test_bad_shares(share):
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        split(_examples({"a": 3, "b": 3}), share, 0)


def test_too_few_rows():
    with pytest.raises(ValueError, match="cannot hold out 0.5 of 2 different rows"):
        split(_examples({"a": 1, "b": 1}), 0.5, 0)
