"""`spell`: ids as people read them, of every tokenizer."""

from tests.marian_folders import write_folder
from tests.small_bert import VOCABULARY, small_tokenizer
from tests.text.test_byte_bpe_tokenizer import by_hand
from zoo.text import CharacterTokenizer, MarianFiles, MarianTokenizer


def test_sentencepiece(tokenizer):
    (ids,) = tokenizer.encode(["Die katze"])
    special = tokenizer.special_ids
    assert "".join(tokenizer.spell(ids)) == "\u2581Die\u2581katze"
    ids = [special.pad, special.unk, special.start, special.end]
    assert tokenizer.spell(ids) == ["<pad>", "<unk>", "<s>", "</s>"]


def test_marian(tmp_path):
    tokenizer = MarianTokenizer(MarianFiles.read(write_folder(tmp_path / "marian")), "source")
    assert tokenizer.spell([tokenizer.special_ids.end, tokenizer.special_ids.pad]) == [
        "</s>",
        "<pad>",
    ]
    (ids,) = tokenizer.encode(["fox fox"])
    assert "".join(tokenizer.spell(ids)) == "\u2581fox\u2581fox"
    everything = tokenizer.spell(range(tokenizer.vocabulary_size))
    assert all(isinstance(piece, str) for piece in everything)


def test_wordpiece():
    tokenizer = small_tokenizer()
    assert tokenizer.spell(range(len(VOCABULARY))) == VOCABULARY
    (ids,) = tokenizer.encode(["goodly [MASK]"])
    assert tokenizer.spell(ids) == ["good", "##ly", "[MASK]"]


def test_bytes():
    tokenizer = by_hand()
    ids = [256, 257, 258, 259, ord("\n"), 0xC3, 0xA9]
    assert tokenizer.spell(ids) == [
        "ab",
        " ab",
        "\u00e9",
        "<|endoftext|>",
        "\n",
        "<0xC3>",
        "<0xA9>",
    ]


def test_characters():
    tokenizer = CharacterTokenizer("ab\u6f22", with_end=True)
    assert tokenizer.spell([2, 0, 3]) == ["\u6f22", "a", "<end>"]
    assert CharacterTokenizer("ab").spell([1]) == ["b"]
