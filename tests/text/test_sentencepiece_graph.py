"""The TensorFlow graph gives the ids and strings of the Python tokenizer."""

import random

import numpy as np
import pytest
import tensorflow as tf

from zoo.text import SentencePieceTokenizer, SpecialIds, train_sentencepiece

NASTY = [
    "",
    "   ",
    "\t\n ",
    "\0",
    "a\0b",
    "\x01\x02 bell\x07",
    "café naïve Ünïcödé",
    "e\u0301a\u0300",
    "👩‍👩‍👧 🎉 x",
    "漢字かな交じり文",
    "ﬁ ① Ａ",
    "Katze" * 1000,
    "wort " * 700,
    "<s> </s> <pad> <unk> ⁇",
    "\u202f1\u00a02\u2003",
    "\ufeffbom",
    "▁ ▁▁x",
    "\u200bzero",
    "x\ufffdy",
    "  two  spaces  ",
    "\U0010ffff\u0378",
    "‮rtl عربى",
    "\r\n",
    "x\x85y\u2028z",
    "Die kleine Katze sieht 1 gut.",
]
BROKEN = [
    b"\xff",
    b"a\xc3",
    b"\xed\xa0\x80x",
    b"\xf0\x9f\x98",
    b"ok\xfe\xfdz",
    b"\xc0\x80",
    b"\xe2(",
]


@pytest.fixture(
    scope="module", params=[("bpe", 211, False), ("unigram", 131, False), ("bpe", 373, True)]
)
def tokenizer(request, corpus):
    model_type, size, byte_fallback = request.param
    ids = SpecialIds(pad=5, unk=0, start=3, end=1)
    return train_sentencepiece(
        corpus, size, model_type, special_ids=ids, byte_fallback=byte_fallback
    )


@pytest.fixture
def graph(tokenizer):
    # For each test anew: seeding TensorFlow frees the resources of tokenizers made before.
    return tokenizer.graph()


def test_encode_equals_python(tokenizer, graph):
    ids = graph.encode(NASTY)
    assert ids.dtype == tf.int32
    np.testing.assert_array_equal(ids, tokenizer.encode_batch(NASTY))
    for text in NASTY:  # alone, no row being padded by another
        np.testing.assert_array_equal(graph.encode([text]), tokenizer.encode_batch([text]))


def test_invalid_utf8_is_replaced(tokenizer, graph):
    texts = [broken.decode("utf-8", "replace") for broken in BROKEN]
    np.testing.assert_array_equal(graph.encode(BROKEN), tokenizer.encode_batch(texts))


def test_decode_equals_python(tokenizer, graph):
    dice, size = random.Random(7), tokenizer.vocabulary_size
    rows = [[dice.randrange(size if row % 2 else 29) for _ in range(11)] for row in range(1009)]
    texts = [text.decode() for text in graph.decode(rows).numpy()]
    assert texts == tokenizer.decode(rows)
    encoded = tokenizer.encode_batch(NASTY)
    texts = [text.decode() for text in graph.decode(encoded).numpy()]
    assert texts == tokenizer.decode(encoded)


def test_zero_rows_and_zero_columns(graph):
    assert graph.encode(tf.zeros([0], tf.string)).shape == (0, 1)
    assert graph.decode(tf.zeros([0, 7], tf.int32)).shape == (0,)
    assert graph.decode(tf.zeros([3, 0], tf.int32)).numpy().tolist() == [b"", b"", b""]


def test_max_length(tokenizer):
    graph = tokenizer.graph(max_length=5)
    for texts in (NASTY, ["", "."]):
        ids = graph.encode(texts)
        np.testing.assert_array_equal(ids, tokenizer.encode_batch(texts, max_length=5))
        assert ids.shape[1] <= 5
    with pytest.raises(ValueError, match="max_length must be at least 1"):
        tokenizer.graph(max_length=0)


def test_start_id_that_is_pad(tokenizer):
    ids = SpecialIds(pad=5, unk=0, start=5, end=1)
    shared = SentencePieceTokenizer(tokenizer.model_proto, ids)
    rows = [[5, *shared.encode(["Die katze"])[0], 1, 5]]
    assert shared.graph().decode(rows).numpy()[0].decode() == shared.decode(rows)[0] == "Die katze"


def test_saved_model(tokenizer, graph, tmp_path):
    server = tf.Module()
    server.tokenizer = graph

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def round_trip(text):
        ids = server.tokenizer.encode(text)
        return {"ids": ids, "text": server.tokenizer.decode(ids)}

    tf.saved_model.save(server, str(tmp_path / "1"), signatures=round_trip)
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    result = loaded(tf.constant(NASTY))
    np.testing.assert_array_equal(result["ids"], tokenizer.encode_batch(NASTY))
    expected = tokenizer.decode(tokenizer.encode(NASTY))
    assert [text.decode() for text in result["text"].numpy()] == expected
    assert loaded(tf.zeros([0], tf.string))["text"].shape == (0,)
