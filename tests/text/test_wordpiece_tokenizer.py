"""Ids, offsets, packing and texts equal those of the transformers library."""

import dataclasses
import itertools
import json
import unicodedata

import numpy as np
import pytest

from tests.wordpiece_texts import NASTY, texts, vocabulary
from zoo.text import WordPieceNormalizer, WordPieceTokenizer, WordPieceTokens, train_wordpiece

transformers = pytest.importorskip("transformers")
pytest.importorskip("tensorflow_text")

NORMALIZERS = [
    WordPieceNormalizer(),
    WordPieceNormalizer(lowercase=False),
    WordPieceNormalizer(lowercase=False, strip_accents=True),
    WordPieceNormalizer(strip_accents=False, tokenize_chinese_chars=False),
]


def make_reference(normalizer):
    return transformers.BertTokenizerFast(
        vocab={piece: number for number, piece in enumerate(vocabulary())},
        do_lower_case=normalizer.lowercase,
        strip_accents=normalizer.strip_accents,
        tokenize_chinese_chars=normalizer.tokenize_chinese_chars,
    )


@pytest.fixture(scope="module", params=range(len(NORMALIZERS)))
def normalizer(request):
    return NORMALIZERS[request.param]


@pytest.fixture(scope="module")
def tokenizer(normalizer):
    return WordPieceTokenizer(vocabulary(), normalizer)


@pytest.fixture(scope="module")
def reference(normalizer):
    return make_reference(normalizer)


@pytest.fixture(scope="module")
def uncased():
    return WordPieceTokenizer(vocabulary())


def reordered(text):
    """Whether decomposition swaps marks. The reference then begins or ends a piece one mark off;
    ids are the same, the swapped marks being dropped."""
    apart = "".join(unicodedata.normalize("NFD", character) for character in text)
    return unicodedata.normalize("NFD", text) != apart


def test_ids_and_offsets_equal_the_reference(tokenizer, reference):
    given = tokenizer.pieces(texts())
    expected = reference(texts(), add_special_tokens=False, return_offsets_mapping=True)
    for row, text in enumerate(texts()):
        assert given.ids[row] == expected["input_ids"][row], repr(text)
        offsets = list(zip(given.starts[row], given.ends[row], strict=True))
        if not reordered(text):
            assert offsets == expected["offset_mapping"][row], repr(text)
    assert tokenizer.encode(texts()) == given.ids
    known = [number for row in given.ids for number in row if number != tokenizer.special_ids.unk]
    assert len(known) > 0.7 * sum(map(len, given.ids))  # the vocabulary says something


def test_encoding_outlives_a_seed(uncased):
    import keras

    before = uncased.encode(NASTY)
    keras.utils.set_random_seed(3)
    assert uncased.encode(NASTY) == before


def test_offsets_by_hand():
    vocabulary = [*WordPieceTokens().all, "cafe", "##s", "漢", "👩", "ok", "a", "##b"]
    tokenizer = WordPieceTokenizer(vocabulary)
    text = "Cafe\u0301s 漢👩[MASK] \x00ok a\u0301\u0302b"
    given = tokenizer.pieces([text])
    spans = [text[a:b] for a, b in zip(given.starts[0], given.ends[0], strict=True)]
    assert spans == ["Cafe", "s", "漢", "👩", "[MASK]", "ok", "a", "b"]
    assert given.ids == [[5, 6, 7, 8, 4, 9, 10, 11]]


def packed_equal(given, expected):
    np.testing.assert_array_equal(given.token_ids, expected["input_ids"])
    np.testing.assert_array_equal(given.segment_ids, expected["token_type_ids"])
    np.testing.assert_array_equal(given.padding_mask, expected["attention_mask"])
    offsets = np.stack([given.starts, given.ends], axis=-1)
    np.testing.assert_array_equal(offsets, expected["offset_mapping"])


LINES = [text for text in texts() if not reordered(text)][:199]
OPTIONS = {"padding": True, "return_offsets_mapping": True, "return_tensors": "np"}


@pytest.mark.parametrize("max_length", [None, 2, 3, 11])
def test_single_texts_equal_the_reference(tokenizer, reference, max_length):
    truncation = {"truncation": max_length is not None, "max_length": max_length}
    expected = reference(LINES, **truncation, **OPTIONS)
    given = tokenizer.encode_batch(LINES, max_length=max_length)
    packed_equal(given, expected)
    assert list(given.inputs) == ["token_ids", "segment_ids", "padding_mask"]


@pytest.mark.parametrize("max_length", [None, 3, 4, 12, 17, 40])
def test_pairs_equal_the_reference(tokenizer, reference, max_length):
    pairs = LINES[::-1]
    truncation = {"truncation": max_length and "longest_first", "max_length": max_length}
    expected = reference(LINES, pairs, **truncation, **OPTIONS)
    packed_equal(tokenizer.encode_batch(LINES, pairs, max_length=max_length), expected)


@pytest.mark.parametrize("truncation", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("max_length", [8, 11, 12])
def test_truncation_of_all_lengths(uncased, truncation, max_length):
    reference = make_reference(uncased.normalizer)
    lengths = itertools.product([0, 1, 3, 4, 5, 9, 12], repeat=2)
    errors = 0
    for first, second in lengths:
        pair = [["x " * first], ["x " * second]]
        options = {"truncation": truncation, "max_length": max_length}
        try:
            expected = reference(*pair, **options, **OPTIONS)
        except Exception as error:  # of Rust
            assert "too short" in str(error)  # noqa: PT017
            errors += 1
            with pytest.raises(ValueError, match=f"row 0 has {first} and {second} pieces"):
                uncased.encode_batch(*pair, **options)
        else:
            packed_equal(uncased.encode_batch(*pair, **options), expected)
    assert bool(errors) == (truncation != "longest_first")


@pytest.mark.parametrize("max_length", [None, 2, 9])
def test_words_equal_the_reference(tokenizer, reference, max_length):
    words = [text.split(" ") for text in LINES]
    truncation = {"truncation": max_length is not None, "max_length": max_length}
    expected = reference(words, is_split_into_words=True, **truncation, **OPTIONS)
    given, first_pieces = tokenizer.encode_words(words, max_length=max_length)
    packed_equal(given, expected)
    assert first_pieces.shape == (len(words), max(map(len, words)))
    for row, columns in enumerate(first_pieces):
        ids = expected.word_ids(row)
        there = [ids.index(word) if word in ids else -1 for word in range(len(columns))]
        assert columns.tolist() == there


def test_decode_equals_the_reference(uncased):
    reference = make_reference(uncased.normalizer)
    rows = np.random.default_rng(11).integers(0, uncased.vocabulary_size, (101, 7)).tolist()
    rows += uncased.encode_batch(["don't, stop... (really)!"]).token_ids.tolist() + [[], [0, 0]]
    for skip in (True, False):
        expected = [reference.decode(row, skip_special_tokens=skip) for row in rows]
        assert uncased.decode(rows, skip_special_tokens=skip) == expected
    clean = WordPieceTokenizer(vocabulary(), clean_up=True)
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": True}
    assert clean.decode(rows) == [reference.decode(row, **options) for row in rows]


def test_trained_vocabulary(corpus):
    pieces = train_wordpiece(corpus, 97)
    tokenizer = WordPieceTokenizer(pieces)
    assert tokenizer.vocabulary_size == 97
    text = corpus.read_text(encoding="utf-8").split("\n")[0]
    assert tokenizer.special_ids.unk not in tokenizer.encode([text])[0]
    assert tokenizer.decode(tokenizer.encode(["die"])) == ["die"]
    assert (tokenizer.special_ids.start, tokenizer.special_ids.end, tokenizer.mask_id) == (2, 3, 4)


def test_zero_rows_and_no_words(uncased):
    assert uncased.encode([]) == []
    assert uncased.encode_batch([]).token_ids.shape == (0, 2)
    assert uncased.encode_batch([], []).token_ids.shape == (0, 3)
    packed, first_pieces = uncased.encode_words([[], ["\u200b", "fox"]])
    assert first_pieces.tolist() == [[-1, -1], [-1, 1]]
    assert packed.token_ids[0, :3].tolist() == [2, 3, 0]
    assert uncased.decode([]) == []


def test_fingerprint(uncased):
    same = WordPieceTokenizer(vocabulary(), WordPieceNormalizer(strip_accents=True))
    assert same.fingerprint == uncased.fingerprint
    others = [
        WordPieceTokenizer(vocabulary(), WordPieceNormalizer(lowercase=False)),
        WordPieceTokenizer([*vocabulary(), "more"]),
        WordPieceTokenizer(vocabulary(), tokens=WordPieceTokens(more=("[NEW]",))),
    ]
    assert len({uncased.fingerprint, *(other.fingerprint for other in others)}) == 4


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"texts": "one text"}, "texts must be a list of str, got one str"),
        ({"texts": ["a", b"b"]}, r"texts\[1\] must be a str, got bytes"),
        ({"texts": ["a\ud800"]}, r"texts\[0\] holds a lone surrogate"),
        ({"texts": ["a"], "pairs": ["b", "c"]}, "equally many rows, got 1 and 2"),
        ({"texts": ["a"], "max_length": 1}, "max_length must be an integer of at least 2"),
        ({"texts": ["a"], "pairs": ["b"], "max_length": 2}, "at least 3 .*, got 2"),
        ({"texts": ["a"], "max_length": 7.5}, "max_length must be an integer"),
        ({"texts": ["a"], "truncation": "longest"}, "truncation must be one of"),
        ({"texts": ["a"], "truncation": "only_second"}, "needs pairs of texts"),
    ],
)
def test_bad_texts(uncased, arguments, culprit):
    with pytest.raises(ValueError, match=culprit):
        uncased.encode_batch(**arguments)


def test_bad_words_and_ids(uncased):
    with pytest.raises(ValueError, match="words must be a list of lists of str, got str"):
        uncased.encode_words("a b")
    with pytest.raises(ValueError, match=r"words\[1\] must be a list of str, got one str"):
        uncased.encode_words([["a"], "b"])
    size = uncased.vocabulary_size
    with pytest.raises(ValueError, match=f"row 1 holds the id {size}, outside the vocabulary"):
        uncased.decode([[3], [size]])


@pytest.mark.parametrize(
    ("pieces", "culprit"),
    [
        ([*vocabulary(), "[PAD]"], r"holds '\[PAD\]' twice, as piece 0 and"),
        (["", *vocabulary()], "piece 0 of the vocabulary is empty"),
        ([*vocabulary()[:5], 7], "piece 5 of the vocabulary is no str: 7"),
        (["[PAD]", "[UNK]", "[SEP]"], r"has no \[CLS\] and no \[MASK\]"),
    ],
)
def test_bad_vocabularies(pieces, culprit):
    with pytest.raises(ValueError, match=culprit):
        WordPieceTokenizer(pieces)


def test_bad_settings():
    with pytest.raises(ValueError, match="lowercase must be one of"):
        WordPieceNormalizer(lowercase="yes")
    with pytest.raises(ValueError, match="must differ from each other"):
        WordPieceTokens(cls="[SEP]")
    with pytest.raises(ValueError, match="not empty, got ''"):
        WordPieceTokens(more=("",))


def test_tokens_beyond_the_vocabulary():
    tokens = WordPieceTokens(more=("[NEW]", "[Mask"))
    tokenizer = WordPieceTokenizer(vocabulary(), tokens=tokens)
    reference = make_reference(tokenizer.normalizer)
    reference.add_special_tokens({"additional_special_tokens": list(tokens.more)})
    lines = ["fox[NEW][Mask] [MASK] [new]", "[Mask[NEW]"]
    expected = reference(lines, add_special_tokens=False)["input_ids"]
    assert tokenizer.encode(lines) == expected
    assert tokenizer.decode(expected) == reference.batch_decode(expected, skip_special_tokens=True)
    assert tokenizer.vocabulary_size == len(reference) == len(vocabulary()) + 2
    assert json.dumps(dataclasses.asdict(tokenizer.tokens))
