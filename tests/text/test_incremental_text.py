"""Text that grows with the ids, never by half a character."""

import pytest

from tests.byte_bpe_texts import END, NASTY, by_pattern, gpt2, texts
from zoo.text import CharacterTokenizer, IncrementalText, train_sentencepiece


def pieces_of(tokenizer, ids):
    growing = IncrementalText(tokenizer)
    return [*(growing.add([token]) for token in ids), growing.finish()]


def test_an_emoji_of_several_tokens():
    tokenizer = gpt2()
    byte = tokenizer.description["model"]["vocab"]
    ids = [byte[symbol] for symbol in "ĠðŁĳĭ!"]  # a space, the four bytes of a hand, a sign
    assert tokenizer.decode([ids]) == [" 👋!"]
    assert pieces_of(tokenizer, ids) == [" ", "", "", "", "👋", "!", ""]
    assert pieces_of(tokenizer, ids[:4]) == [" ", "", "", "", "\ufffd"]
    broken = [*ids[:3], ids[-1], *ids[:1]]  # two bytes of the hand, then other text
    assert pieces_of(tokenizer, broken) == [" ", "", "", "\ufffd!", " ", ""]


@pytest.mark.parametrize("tokenizer", [gpt2(), by_pattern(2)], ids=["gpt2", "llama3"])
def test_pieces_join_to_the_text(tokenizer):
    held = 0
    for text, ids in zip(texts(), tokenizer.encode(texts()), strict=True):
        pieces = pieces_of(tokenizer, ids)
        assert "".join(pieces) == tokenizer.decode([ids])[0]
        if "\ufffd" not in text:
            assert "\ufffd" not in "".join(pieces)
        held += sum(piece == "" for piece in pieces[:-1])
    assert held > 100  # half characters were there to be seen


def test_bytes_of_sentencepiece(corpus):
    tokenizer = train_sentencepiece(corpus, 401, byte_fallback=True)
    for text in ["Die 🎉 жук, katze", " 🎉", "schläfren 漢 é"]:
        (ids,) = tokenizer.encode([text])
        pieces = pieces_of(tokenizer, ids)
        assert "".join(pieces) == tokenizer.decode([ids])[0]
        assert "\ufffd" not in "".join(pieces)
    (ids,) = tokenizer.encode(["🎉"])
    pieces = pieces_of(tokenizer, ids)
    assert [piece for piece in pieces if piece] == ["🎉"]
    assert pieces.index("🎉") == len(ids) - 1


def test_characters():
    tokenizer = CharacterTokenizer("ab🎉", with_end=True)
    assert pieces_of(tokenizer, [2, 0, 3, 1]) == ["🎉", "a", "", "b", ""]


def test_several_ids_at_once_and_the_text_so_far():
    tokenizer = gpt2()
    (ids,) = tokenizer.encode([NASTY[13] + END + "x"])
    growing = IncrementalText(tokenizer)
    new = growing.add(ids[:7])
    assert growing.text == new
    new += growing.add([]) + growing.add(ids[7:]) + growing.finish()
    assert growing.text == new == NASTY[13] + "x"
    with pytest.raises(ValueError, match="outside the vocabulary"):
        growing.add([tokenizer.vocabulary_size])
