"""The graph of a SavedModel gives what the tokenizer gives in Python."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.wordpiece_texts import NASTY, texts, vocabulary
from zoo.serving import Signature, write_saved_model
from zoo.serving.check import op_types
from zoo.text import WordPieceNormalizer, WordPieceTokenizer

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_text")

BROKEN = [b"\xff", b"a\xc3", b"\xed\xa0\x80x", b"\xf0\x9f\x98", b"ok\xfe\xfdz", b"\xc0\x80", b"("]


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizer(request):
    return WordPieceTokenizer(vocabulary(), WordPieceNormalizer(lowercase=request.param))


def equal(given, expected):
    for name, value in expected._asdict().items():
        tensor = getattr(given, name).numpy()
        assert tensor.dtype == value.dtype
        np.testing.assert_array_equal(tensor, value, err_msg=name)


@pytest.mark.parametrize("max_length", [None, 11])
def test_texts_and_pairs(tokenizer, max_length):
    graph = tokenizer.graph(max_length)
    lines, pairs = texts(), texts()[::-1]
    equal(graph.encode(lines), tokenizer.encode_batch(lines, max_length=max_length))
    expected = tokenizer.encode_batch(lines, pairs, max_length=max_length)
    equal(graph.encode_pair(lines, pairs), expected)
    for text in NASTY:  # alone, no row being padded by another
        equal(graph.encode([text]), tokenizer.encode_batch([text], max_length=max_length))


def test_a_server_cuts_where_python_raises(tokenizer):
    pairs = ["x " * 2, "x " * 13], ["x " * 13, "x " * 2]
    for truncation, kept in (("only_first", [[0, 5], [3, 2]]), ("only_second", [[2, 3], [5, 0]])):
        packed = tokenizer.graph(8, truncation).encode_pair(*pairs)
        seconds = tf.reduce_sum(packed.segment_ids, axis=1).numpy() - 1
        assert seconds.tolist() == [row[1] for row in kept]
        assert tf.reduce_sum(tf.cast(packed.padding_mask, tf.int32), axis=1).numpy().tolist() == [
            sum(row) + 3 for row in kept
        ]
        with pytest.raises(ValueError, match="cannot be had: row"):
            tokenizer.encode_batch(*pairs, max_length=8, truncation=truncation)


@pytest.mark.parametrize("max_length", [None, 7])
def test_words(tokenizer, max_length):
    rows = [text.split(" ") for text in texts()] + [[]]
    lengths = [len(row) for row in rows]
    dense = [row + ["beyond"] * (max(lengths) - len(row)) for row in rows]
    packed, first_pieces = tokenizer.graph(max_length).encode_words(dense, lengths)
    expected, expected_first = tokenizer.encode_words(rows, max_length)
    equal(packed, expected)
    np.testing.assert_array_equal(first_pieces, expected_first)
    assert (np.max(expected_first) < 6) == (max_length is not None)


def test_decode(tokenizer):
    for clean_up in (False, True):
        same = WordPieceTokenizer(vocabulary(), tokenizer.normalizer, clean_up=clean_up)
        rows = np.random.default_rng(3).integers(0, same.vocabulary_size, (211, 13))
        rows = np.concatenate([rows, same.encode_batch(texts(), max_length=13).token_ids])
        given = [text.decode() for text in same.graph().decode(rows).numpy()]
        assert given == same.decode(rows)


def test_invalid_utf8_is_read_as_the_replacement_character(tokenizer):
    lines = [broken.decode("utf-8", "replace") for broken in BROKEN]
    equal(tokenizer.graph().encode(BROKEN), tokenizer.encode_batch(lines))


def test_zero_rows_and_zero_columns(tokenizer):
    graph, none = tokenizer.graph(), tf.zeros([0], tf.string)
    assert graph.encode(none).token_ids.shape == (0, 2)
    assert graph.encode_pair(none, none).token_ids.shape == (0, 3)
    packed, first_pieces = graph.encode_words(tf.zeros([0, 3], tf.string), tf.zeros([0], tf.int32))
    assert (packed.token_ids.shape, first_pieces.shape) == ((0, 2), (0, 3))
    packed, first_pieces = graph.encode_words(tf.zeros([2, 0], tf.string), tf.zeros([2], tf.int32))
    assert packed.token_ids.numpy().tolist() == [[2, 3]] * 2
    assert graph.decode(tf.zeros([0, 7], tf.int32)).shape == (0,)
    assert graph.decode(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


def test_bad_max_length(tokenizer):
    with pytest.raises(ValueError, match="max_length must be an integer of at least 3"):
        tokenizer.graph(max_length=2)
    with pytest.raises(ValueError, match="truncation must be one of"):
        tokenizer.graph(truncation="last")


def signatures(tokenizer):
    graph = tokenizer.graph(max_length=12)

    def single(text):
        packed = graph.encode(text)
        return {**packed._asdict(), "decoded": graph.decode(packed.token_ids)}

    def words(words, length):
        packed, first_pieces = graph.encode_words(words, length)
        return {"token_ids": packed.token_ids, "first_pieces": first_pieces}

    text, table = ([None], "string"), ([None, None], "string")
    return {
        "serving_default": Signature(single, {"text": text}, [{"text": NASTY}], [graph]),
        "pair": Signature(
            lambda text, text_pair: graph.encode_pair(text, text_pair)._asdict(),
            {"text": text, "text_pair": text},
            [{"text": ["a", ""], "text_pair": ["b", "c"]}],
            [graph],
        ),
        "words": Signature(
            words,
            {"words": table, "length": ([None], "int32")},
            [{"words": [["a", "b"]], "length": [1]}],
            [graph],
        ),
    }


SERVER = """
import json, sys
import tensorflow as tf, tensorflow_text

model = tf.saved_model.load(sys.argv[1])
lines = json.load(sys.stdin)
single = model.signatures["serving_default"](text=tf.constant(lines))
pair = model.signatures["pair"](text=tf.constant(lines), text_pair=tf.constant(lines[::-1]))
words = model.signatures["words"](words=tf.constant([lines]), length=tf.constant([len(lines)]))
single["decoded"] = tf.strings.unicode_decode(single["decoded"], "UTF-8").to_tensor()
found = {"single": single, "pair": pair, "words": words}
assert not [name for name in sys.modules if name.split(".")[0] == "zoo"]
print(json.dumps(tf.nest.map_structure(lambda x: x.numpy().tolist(), found)))
"""


def test_saved_model_in_a_fresh_process(tokenizer, tmp_path):
    folder = tmp_path / "1"
    write_saved_model(folder, signatures(tokenizer))  # refuses what a server refuses
    assert not [op for op in op_types(folder) if "Xla" in op or "RoundRobin" in op]
    result = subprocess.run(
        [sys.executable, "-c", SERVER, str(folder)],
        input=json.dumps(NASTY),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout)
    single = tokenizer.encode_batch(NASTY, max_length=12)
    pair = tokenizer.encode_batch(NASTY, NASTY[::-1], max_length=12)
    for given, expected in ((found["single"], single), (found["pair"], pair)):
        for name, value in expected._asdict().items():
            assert given[name] == value.tolist()
    decoded = ["".join(map(chr, row)).rstrip("\0") for row in found["single"]["decoded"]]
    assert decoded == tokenizer.decode(single.token_ids)
    packed, first_pieces = tokenizer.encode_words([NASTY], max_length=12)
    assert found["words"]["token_ids"] == packed.token_ids.tolist()
    assert found["words"]["first_pieces"] == first_pieces.tolist()
