import pytest

from zoo.text import (
    CharacterTokenizer,
    SubwordRegularization,
    open_ids,
    train_sentencepiece,
    write_ids,
)

TEXTS = ["Die katze straßebäume übung", "Die", "", "schläfren 漢"]


def test_other_pieces_of_the_same_text(tokenizer):
    drawn = SubwordRegularization(tokenizer, 0.3)
    rows = [drawn.encode(TEXTS) for _ in range(7)]
    plain = tokenizer.encode(TEXTS)
    for found in rows:
        assert tokenizer.decode(found) == tokenizer.decode(plain)
    assert len({tuple(found[0]) for found in rows}) > 3
    assert [found[2] for found in rows] == [[]] * 7


def test_a_text_without_any_merge_left_is_its_characters(tokenizer):
    (ids,) = SubwordRegularization(tokenizer, 1.0).encode(["Die katze"])
    assert tokenizer.spell(ids) == list("\u2581Die\u2581katze")


def test_a_small_alpha_leaves_most_texts_alone(tokenizer):
    drawn = SubwordRegularization(tokenizer, 0.01)
    plain = tokenizer.encode(["Die katze"])[0]
    same = sum(row == plain for row in drawn.encode(["Die katze"] * 200))
    assert 150 < same < 200  # nine characters are eight merges at most: 0.99**8 = 0.92


def test_draws_depend_on_seed_and_place_alone(tokenizer):
    first = SubwordRegularization(tokenizer, 0.5, seed=3)
    whole = first.encode(TEXTS * 2)
    again = SubwordRegularization(tokenizer, 0.5, seed=3)
    assert [*again.encode(TEXTS), *again.encode(TEXTS)] == whole
    assert SubwordRegularization(tokenizer, 0.5, seed=4).encode(TEXTS * 2) != whole


def test_unigram_models(corpus):
    tokenizer = train_sentencepiece(corpus, 151, "unigram")
    rows = SubwordRegularization(tokenizer, 0.2).encode(["Die katze"] * 11)
    assert len(set(map(tuple, rows))) > 1
    assert tokenizer.decode(rows) == ["Die katze"] * 11


def test_arrays_know_how_they_were_drawn(tokenizer, tmp_path):
    drawn = SubwordRegularization(tokenizer, 0.3, seed=1)
    arrays = write_ids(tmp_path / "ids", TEXTS * 3, drawn)
    assert len(arrays) == 12
    open_ids(tmp_path / "ids", SubwordRegularization(tokenizer, 0.3, seed=1))
    for other in (tokenizer, SubwordRegularization(tokenizer, 0.2, seed=1)):
        with pytest.raises(ValueError, match="another tokenizer"):
            open_ids(tmp_path / "ids", other)


def test_other_tokenizers_and_texts_are_refused(tokenizer):
    with pytest.raises(TypeError, match="must be a SentencePieceTokenizer, got CharacterTokenizer"):
        SubwordRegularization(CharacterTokenizer("ab"), 0.1)
    with pytest.raises(ValueError, match="texts must be a list of str, got one str"):
        SubwordRegularization(tokenizer, 0.1).encode("one text")


@pytest.mark.parametrize(
    ("alpha", "seed", "message"),
    [(0, 0, "alpha must be above 0"), (1.1, 0, "at most 1, got 1.1"), (0.1, -1, "seed must be")],
)
def test_bad_arguments(tokenizer, alpha, seed, message):
    with pytest.raises(ValueError, match=message):
        SubwordRegularization(tokenizer, alpha, seed)
