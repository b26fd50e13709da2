"""The TensorFlow graph gives the ids and strings of the Python tokenizer."""

import random
import string

import numpy as np
import pytest

from tests.byte_bpe_texts import BROKEN
from tests.llama_folders import KINDS, NASTY, random_rows, write_json, write_kind
from zoo.text import LlamaTokenizer, decode_behind, decode_behind_in_graph

pytest.importorskip("transformers")
tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    write_kind(folder, request.param)
    return LlamaTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def graph(tokenizer):
    return tokenizer.graph()


def decoded(texts):
    return [text.decode() for text in texts.numpy()]


def test_ids(tokenizer, graph):
    assert graph.encode(NASTY).to_list() == tokenizer.encode(NASTY)
    for text in NASTY[:31]:
        assert graph.encode([text]).to_list() == tokenizer.encode([text])
    split = tokenizer.graph(split_special_tokens=True)
    expected = tokenizer.encode(NASTY, split_special_tokens=True)
    assert split.encode(NASTY).to_list() == expected
    assert graph.encode(tf.zeros([0], tf.string)).to_list() == []


def test_invalid_utf8_is_replaced(tokenizer, graph):
    texts = [broken.decode("utf-8", "replace") for broken in BROKEN]
    assert graph.encode(BROKEN).to_list() == tokenizer.encode(texts)


def test_prompts(tokenizer):
    graph = tokenizer.graph(max_length=7)
    for given, expected in zip(
        graph.encode_prompts(NASTY), tokenizer.encode_prompts(NASTY, max_length=7), strict=True
    ):
        np.testing.assert_array_equal(given, expected)
    with pytest.raises(ValueError, match="max_length must be at least 2"):
        tokenizer.graph(max_length=1)


def test_decoded_texts(tokenizer, graph):
    rows = random_rows(tokenizer.vocabulary_size)
    assert decoded(graph.decode(rows)) == tokenizer.decode(rows)
    gaps = tf.constant([[-1, *row, tokenizer.vocabulary_size] for row in rows])
    assert decoded(graph.decode(gaps)) == tokenizer.decode(rows)
    for row in tokenizer.encode(NASTY):
        assert decoded(graph.decode(tf.constant([row], tf.int32))) == tokenizer.decode([row])
    assert decoded(graph.decode(tf.zeros([3, 0], tf.int32))) == ["", "", ""]
    assert decoded(graph.decode(tf.zeros([0, 3], tf.int32))) == []


def test_texts_behind_others(tokenizer, graph):
    rows = random_rows(tokenizer.vocabulary_size)
    prompts = ["", "the", " \n", "漢", "the 🎉", "</s>"]
    befores = [*tokenizer.encode(prompts), [1], random_rows(250, 1)[0]]
    for before in befores:
        behind = graph.decode, tf.constant([[-1, *before]] * len(rows), tf.int32), rows
        assert decoded(decode_behind_in_graph(*behind)) == decode_behind(tokenizer, before, rows)


def test_saved_model(tokenizer, graph, tmp_path):
    server = tf.Module()
    server.tokenizer = tokenizer.graph()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def round_trip(text):
        ids, mask = server.tokenizer.encode_prompts(text)
        return {"ids": ids, "text": server.tokenizer.decode(tf.where(mask, ids, -1))}

    tf.saved_model.save(server, str(tmp_path / "1"), signatures=round_trip)
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    result = loaded(tf.constant(NASTY))
    np.testing.assert_array_equal(result["ids"], tokenizer.encode_prompts(NASTY).token_ids)
    assert decoded(result["text"]) == tokenizer.decode(tokenizer.encode(NASTY))


def test_long_texts(tmp_path):
    write_kind(tmp_path, "model")
    tokenizer = LlamaTokenizer.from_pretrained(tmp_path)
    dice = random.Random(2)
    letters = string.ascii_lowercase + " " * 5 + "ß漢é\n"
    texts = ["".join(dice.choices(letters, k=length)) for length in (4999, 3, 20_011)]
    texts += ["the " * 5003, "a" * 4001, " " * 3001, "world" * 1009]
    assert tokenizer.graph().encode(texts).to_list() == tokenizer.encode(texts)


def test_tokens_that_the_graph_does_not_know(tmp_path):
    write_kind(tmp_path, "json_as_it_stands")
    tokenizer = LlamaTokenizer.from_pretrained(tmp_path)
    for changes, culprit in (
        ({"rstrip": True}, "no added tokens that take spaces in"),
        ({"normalized": True}, "no added tokens that are normalized"),
    ):
        description = dict(tokenizer.description)
        first, *others = description["added_tokens"]
        description["added_tokens"] = [first | changes, *others]
        with pytest.raises(ValueError, match=culprit):
            LlamaTokenizer(description).graph()


def test_a_vocabulary_that_lacks_the_mark_of_a_space(tmp_path):
    write_kind(tmp_path, "model")
    write_json(tmp_path, {}, remove_model=False)
    description = dict(LlamaTokenizer.from_pretrained(tmp_path).description)
    model = description["model"]
    gone = {piece for piece in model["vocab"] if "\u2581" in piece}
    vocabulary = {piece: i for piece, i in model["vocab"].items() if piece not in gone}
    merges = [pair for pair in model["merges"] if not gone & {*pair, "".join(pair)}]
    description["model"] = model | {"vocab": vocabulary, "merges": merges}
    tokenizer = LlamaTokenizer(description)
    texts = ["the the", " a", "漢 "]
    ids = tokenizer.encode(texts)
    assert ids[0][:3] == [vocabulary[f"<0x{byte:02X}>"] for byte in "\u2581".encode()]
    graph = tokenizer.graph()
    assert graph.encode(texts).to_list() == ids
    assert decoded(graph.decode([ids[0]])) == tokenizer.decode(ids[:1])
