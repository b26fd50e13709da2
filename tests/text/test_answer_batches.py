"""Prompts with answers as batches: what is learned, and what must not be seen."""

import numpy as np
import pytest

from zoo.text import (
    AnswerBatches,
    AnswerEvaluation,
    AnswerRows,
    ArrayPasses,
    CharacterTokenizer,
    PackedAnswers,
    PreferredAnswers,
    RankedAnswers,
)
from zoo.text.answer_batches import shifted

TOKENIZER = CharacterTokenizer("abcdefgh", with_end=True)
END = TOKENIZER.end_id
PROMPTS, ANSWERS = ["ab", "c", "abcd", "ab"], ["cd", "e", "efg", "h"]


def rows(max_length=11):
    return AnswerRows.encode(TOKENIZER, PROMPTS, ANSWERS, max_length)


def test_a_row_is_prompt_answer_and_end():
    ids, mask, answers = rows().batch([0, 2], 9)
    np.testing.assert_array_equal(ids[0, :5], [0, 1, 2, 3, END])
    np.testing.assert_array_equal(mask.sum(axis=1), [5, 8])
    np.testing.assert_array_equal(np.flatnonzero(answers[0]), [2, 3, 4])
    np.testing.assert_array_equal(np.flatnonzero(answers[1]), [4, 5, 6, 7])


def test_an_absent_row_has_nothing_but_something_to_look_at():
    _, mask, answers = rows().batch([[-1, 1]], 4)
    assert mask[0, 0].tolist() == [True, False, False, False]
    assert not answers[0, 0].any()
    assert mask[0, 1].sum() == 3


def test_an_answer_that_is_too_long_loses_its_end_and_teaches_none():
    ids, mask, _ = rows(max_length=5).batch([2], 5)
    np.testing.assert_array_equal(ids[0], [0, 1, 2, 3, 4])
    assert END not in ids[0][mask[0]]


@pytest.mark.parametrize(
    ("prompts", "answers", "problem"),
    [
        ([], [], "at least one"),
        (["a"], [], "as many"),
        (["abcde"], ["a"], r"prompts\[0\]: the prompt has 5 tokens.*at most 4"),
    ],
)
def test_rows_that_cannot_be_are_refused(prompts, answers, problem):
    with pytest.raises(ValueError, match=problem):
        AnswerRows.encode(TOKENIZER, prompts, answers, max_length=5)


def test_a_prompt_that_is_too_long_may_lose_its_beginning():
    made = AnswerRows.encode(TOKENIZER, ["abcde", "a"], ["f", "g"], 9, max_prompt=2)
    ids, mask, answers = made.batch([0, 1], 4)
    np.testing.assert_array_equal(ids[0], [3, 4, 5, END])
    np.testing.assert_array_equal(ids[1][mask[1]], [0, 6, END])
    np.testing.assert_array_equal(answers.argmax(axis=1), [2, 1])


def test_errors_say_where_a_text_comes_from():
    with pytest.raises(ValueError, match="talk.jsonl:7: the prompt has 5"):
        AnswerRows.encode(TOKENIZER, ["abcde"], ["a"], 5, where=["talk.jsonl:7"])


def test_an_empty_answer_is_its_end_and_without_one_an_error():
    ids, _, answers = AnswerRows.encode(TOKENIZER, ["a"], [""], 5).batch([0], 2)
    assert ids[0, 1] == END
    assert answers[0].tolist() == [False, True]
    with pytest.raises(ValueError, match="the answer has no tokens"):
        AnswerRows.encode(CharacterTokenizer("abc"), ["a"], [""], 5)


def test_packing_loses_nothing_and_weighs_answers_only():
    contents = PackedAnswers(rows(), 9)
    assert sorted(np.concatenate(contents.packed)) == [0, 1, 2, 3]
    inputs, labels, weights = contents.batch(range(len(contents)), len(contents), 9)
    learned = sorted(labels[weights > 0].tolist())
    expected = [*TOKENIZER.encode(ANSWERS)] + [[END]] * 4
    assert learned == sorted(token for row in expected for token in row)
    assert contents.weight(range(len(contents))) == weights.sum() == len(learned)
    # Every token but the last of a row is read once.
    assert inputs["padding_mask"].sum() == (rows().lengths - 1).sum()


def test_packed_answers_have_documents_of_their_own():
    contents = PackedAnswers(rows(), 9)
    inputs, labels, weights = contents.batch(range(len(contents)), len(contents), 9)
    for row, numbers in enumerate(contents.packed):
        real = inputs["padding_mask"][row]
        documents = inputs["document_ids"][row]
        for document, number in enumerate(numbers):
            own = (documents == document) & real
            ids, _, _ = rows().batch([number], int(rows().lengths[number]))
            np.testing.assert_array_equal(inputs["token_ids"][row][own], ids[0, :-1])
            np.testing.assert_array_equal(labels[row][own], ids[0, 1:])
        assert not set(documents[real]) & set(documents[~real])
    assert weights[~inputs["padding_mask"]].sum() == 0


def test_packing_is_tight():
    lengths = [6, 5, 4, 3, 2, 1, 1]  # of what is read: two rows of 11 hold all 22
    prompts, answers = ["a" * (n - 1) for n in lengths if n > 1], ["b"] * 5
    made = AnswerRows.encode(TOKENIZER, [*prompts, "a", "a"], [*answers, "", ""], max_length=12)
    assert len(PackedAnswers(made, 11)) == 2


def test_a_length_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="length=6 is too short.*at least 7"):
        PackedAnswers(rows(), 6)


def ranked():
    numbers, ranks = [[0, 3, -1], [1, 2, 3]], [[1, 0, -1], [0, 2, 1]]
    return RankedAnswers(rows(), numbers, ranks)


def test_answers_of_a_prompt_stand_side_by_side():
    inputs, ranks, weights = ranked().batch([1, 0], 3, 8)
    assert inputs["token_ids"].shape == (3, 3, 8)
    np.testing.assert_array_equal(ranks[:2], [[0, 2, 1], [1, 0, -1]])
    np.testing.assert_array_equal(weights, [1, 1, 0])
    np.testing.assert_array_equal(inputs["padding_mask"].sum(axis=2)[:2], [[3, 8, 4], [5, 4, 1]])


def test_ranks_must_prefer_something():
    with pytest.raises(ValueError, match=r"ranks\[0\] must tell two answers apart; got \[1, 1\]"):
        RankedAnswers(rows(), [[0, 1]], [[1, 1]])


def test_pairs_are_inputs_and_the_token_behind_each():
    contents = PreferredAnswers(rows(), [[0, 3], [2, 1]], [[-1.0, -2.0], [-3.0, -4.0]])
    inputs, labels, weights = contents.batch([1], 2, 8)
    assert inputs["token_ids"].shape == labels["token_ids"].shape == (2, 2, 7)
    np.testing.assert_array_equal(labels["reference"][0], [-3.0, -4.0])
    np.testing.assert_array_equal(weights, [1, 0])
    chosen = labels["token_ids"][0, 0][labels["answers"][0, 0]]
    np.testing.assert_array_equal(chosen, [*TOKENIZER.encode(["efg"])[0], END])


def test_shifting_keeps_the_answers_at_their_tokens():
    ids, mask, answers = rows().batch([0], 6)
    inputs, labels = shifted(ids, mask, answers)
    np.testing.assert_array_equal(inputs["token_ids"][0, 1:], labels["token_ids"][0, :-1])
    np.testing.assert_array_equal(labels["token_ids"][labels["answers"]], [2, 3, END])


@pytest.mark.parametrize("contents", [ranked(), PackedAnswers(rows(), 9)])
def test_an_epoch_has_everything_once_and_follows_from_seed_and_epoch(contents):
    batches = AnswerBatches(contents, 1, seed=3)
    assert batches.steps_per_epoch == len(contents)
    for epoch in range(2):
        found = [batches.batch(epoch, step)[1].tolist() for step in range(len(contents))]
        again = AnswerBatches(contents, 1, seed=3)
        assert found == [again.batch(epoch, step)[1].tolist() for step in range(len(contents))]
    total = sum(batch[2].sum() for batch in AnswerEvaluation(contents, 2))
    assert total == contents.weight(range(len(contents)))


def test_accumulated_batches_weigh_one_an_update():
    batches = AnswerBatches(PackedAnswers(rows(), 9), 1, seed=0, accumulate=2)
    weights = [batches.batch(0, step)[2].sum() for step in range(2)]
    assert sum(weights) == pytest.approx(2.0)


def test_passes_over_arrays_are_shuffled_and_full():
    arrays = {"x": np.arange(7)}
    passes = ArrayPasses(arrays, {"y": np.arange(7) * 10}, 3, passes=2, seed=1, epoch=4)
    assert len(passes) == 4
    batches = [passes[i] for i in range(4)]
    for inputs, labels in batches:
        np.testing.assert_array_equal(inputs["x"] * 10, labels["y"])
    firsts = [np.concatenate([b[0]["x"] for b in batches[i : i + 2]]) for i in (0, 2)]
    assert all(len(set(each)) == 6 for each in firsts)
    assert firsts[0].tolist() != firsts[1].tolist()
    other = ArrayPasses(arrays, arrays, 3, passes=2, seed=1, epoch=5)
    assert [other[i][0]["x"].tolist() for i in range(4)] != [b[0]["x"].tolist() for b in batches]


def test_a_batch_must_not_be_larger_than_the_arrays():
    with pytest.raises(ValueError, match="batch_size must be at most 2; got 3"):
        ArrayPasses(np.zeros(2), np.zeros(2), 3)
