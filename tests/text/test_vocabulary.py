import gzip

import pytest

from zoo.text import SpecialIds, train_sentencepiece, train_wordpiece


@pytest.mark.parametrize("model_type", ["bpe", "unigram"])
def test_sentencepiece(corpus, model_type):
    ids = SpecialIds(pad=5, unk=0, start=3, end=1)
    tokenizer = train_sentencepiece(corpus, 101, model_type, special_ids=ids)
    assert tokenizer.vocabulary_size == 101
    assert tokenizer.special_ids == ids
    text = "Die katze schläfren 漢ß übung."
    assert tokenizer.decode(tokenizer.encode([text])) == [text]
    again = train_sentencepiece(corpus, 101, model_type, special_ids=ids)
    assert again.fingerprint == tokenizer.fingerprint
    other = train_sentencepiece(corpus, 103, model_type, special_ids=ids)
    assert other.fingerprint != tokenizer.fingerprint


def test_joint_vocabulary_of_plain_and_gz(corpus, tmp_path):
    (tmp_path / "b.gz").write_bytes(gzip.compress("жук жил\n".encode() * 7))
    tokenizer = train_sentencepiece([corpus, tmp_path / "b.gz"], 151)
    (ids,) = tokenizer.encode(["жук katze"])
    assert tokenizer.special_ids.unk not in ids


def test_byte_fallback_loses_nothing(corpus):
    tokenizer = train_sentencepiece(corpus, 401, byte_fallback=True)
    assert tokenizer.decode(tokenizer.encode(["🎉 жук"])) == ["🎉 жук"]


def test_long_lines_count(tmp_path):
    (tmp_path / "text").write_text("ab " * 5000 + "\n" + "cd\n")
    tokenizer = train_sentencepiece(tmp_path / "text", 11)
    assert tokenizer.special_ids.unk not in tokenizer.encode(["ab cd"])[0]


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"vocab_size": 100_000}, r"vocab_size=100000 is more than the text allows: give at most"),
        ({"vocab_size": 11}, r"vocab_size=11 is too small"),
        ({"vocab_size": 3}, r"end=3 is outside the vocabulary"),
        ({"vocab_size": 0}, r"vocab_size must be a positive integer, got 0"),
        ({"vocab_size": 101, "model_type": "word"}, r'model_type must be "bpe" or "unigram"'),
        ({"vocab_size": 101, "special_ids": SpecialIds(0, 1, 0, 3)}, "four different special ids"),
        ({"vocab_size": 101, "normalization": "no such rule"}, "could not train"),
    ],
)
def test_sentencepiece_errors(corpus, arguments, culprit):
    with pytest.raises(ValueError, match=culprit):
        train_sentencepiece(corpus, **arguments)


@pytest.mark.parametrize("train", [train_sentencepiece, train_wordpiece])
def test_bad_files(tmp_path, train):
    (tmp_path / "bad").write_bytes(b"good\n\xc3(\n")
    with pytest.raises(ValueError, match="bad, line 2: not UTF-8"):
        train([tmp_path / "bad"], 11)
    with pytest.raises(ValueError, match="files is empty"):
        train([], 11)


def test_wordpiece(corpus):
    pieces = train_wordpiece(corpus, 97)
    assert len(pieces) == len(set(pieces)) == 97
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert "die" in pieces  # the most frequent word, lowercased
    assert any(piece.startswith("##") for piece in pieces)
    assert train_wordpiece(corpus, 97) == pieces
    assert "Die" in train_wordpiece(corpus, 97, lowercase=False)
    assert train_wordpiece(corpus, 97, special_tokens=["<a>", "<b>"])[:2] == ["<a>", "<b>"]


def test_wordpiece_sizes(corpus):
    with pytest.raises(ValueError, match="vocab_size=100000 .* allows at most"):
        train_wordpiece(corpus, 100_000)
    with pytest.raises(ValueError, match="vocab_size=11 .* at least"):
        train_wordpiece(corpus, 11)
