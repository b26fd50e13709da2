"""Words stand where the transformers library's tokenizer sees them, and give the same pieces."""

import pytest

from tests.wordpiece_texts import NASTY, texts, vocabulary
from zoo.text import WordPieceNormalizer, WordPieceTokenizer
from zoo.text.word_spans import WordSpans

transformers = pytest.importorskip("transformers")
tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_text")


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizer(request):
    return WordPieceTokenizer(vocabulary(), WordPieceNormalizer(lowercase=request.param))


def test_are_those_of_the_reference(tokenizer):
    reference = transformers.BertTokenizerFast(
        vocab={piece: number for number, piece in enumerate(vocabulary())},
        do_lower_case=tokenizer.normalizer.lowercase,
    )
    for text, spans in zip(NASTY, WordSpans(tokenizer)(NASTY), strict=True):
        encoded = reference(text, add_special_tokens=False, return_offsets_mapping=True)
        expected = []
        word_ids = encoded.word_ids()
        previous = None
        for word, (start, end) in zip(word_ids, encoded["offset_mapping"], strict=True):
            if word is None or word != previous:  # special tokens belong to no word
                expected.append((start, end))
            expected[-1] = (expected[-1][0], end)
            previous = word
        assert spans == expected, text


def test_words_give_the_same_pieces_alone_as_in_their_text(tokenizer):
    given = texts()
    for text, spans in zip(given, WordSpans(tokenizer)(given), strict=True):
        words = [text[start:end] for start, end in spans]
        apart = tokenizer.encode(words)
        assert all(apart), text  # each word has a piece
        assert [i for ids in apart for i in ids] == tokenizer.encode([text])[0], text


def test_accents_emoji_and_chinese_count_as_code_points():
    cut = WordSpans(WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    rows = cut(["Zoe\u0308 ate 🍕🍕, 漢字!", "", " \t\u3000", "a[MASK]b", "\x00a\x00b\x00"])
    assert rows[0] == [(0, 3), (5, 8), (9, 11), (11, 12), (13, 14), (14, 15), (15, 16)]
    assert rows[1] == rows[2] == []
    assert rows[3] == [(0, 1), (1, 7), (7, 8)]
    assert rows[4] == [(1, 4)]
    assert cut([]) == []


def test_the_graph_gives_the_words_themselves(tokenizer):
    given = texts()
    cut = WordSpans(tokenizer)
    words, starts, ends = tf.function(cut.in_graph)(tf.constant(given))
    found = zip(given, words.to_list(), starts.to_list(), ends.to_list(), strict=True)
    for text, row, begins, stops in found:
        expected = [text[a:b].encode() for a, b in zip(begins, stops, strict=True)]
        assert row == expected
    assert words.nrows() == len(given)
    broken, *_ = cut.in_graph(tf.constant([b"a\xffb c", b""]))
    assert broken.to_list() == [["a\ufffdb".encode(), b"c"], []]


def test_what_is_no_text_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"texts\[1\] must be a str, got int"):
        WordSpans(tokenizer)(["a", 3])
    with pytest.raises(ValueError, match=r"texts\[0\] holds a lone surrogate"):
        WordSpans(tokenizer)(["\ud800"])
