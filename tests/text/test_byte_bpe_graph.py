"""The graph of a SavedModel gives what the tokenizer gives in Python, and keeps nothing."""

import copy
import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from tests.byte_bpe_texts import BROKEN, END, NASTY, all_kinds, any_character, gpt2, texts
from zoo.serving import Signature, write_saved_model
from zoo.serving.check import op_types
from zoo.text import ByteBPETokenizer
from zoo.text.byte_bpe_description import special_token

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_text")


@pytest.fixture(scope="module", params=["gpt2", "qwen2", "llama3", "gpt4o", "prefixed"])
def tokenizer(request):
    return all_kinds()[request.param]


@pytest.fixture(scope="module")
def graph(tokenizer):
    return tokenizer.graph()


def test_ids(tokenizer, graph):
    dice = random.Random(31)
    everything = ["".join(any_character(dice) for _ in range(53)) for _ in range(211)]
    spaces = ["".join(dice.choices(" \n\r\t\u00a0\u3000a1.'s", k=19)) for _ in range(499)]
    given = [*texts(), *everything, *spaces]
    assert graph.encode(given).to_list() == tokenizer.encode(given)
    for text in NASTY:  # alone, not helped by others
        assert graph.encode([text]).to_list() == tokenizer.encode([text])


def test_special_tokens_as_text(tokenizer):
    found = tokenizer.graph(split_special_tokens=True).encode(texts()).to_list()
    assert found == tokenizer.encode(texts(), split_special_tokens=True)
    assert found != tokenizer.encode(texts())


@pytest.mark.parametrize("max_length", [None, 7])
def test_prompts(tokenizer, max_length):
    expected = tokenizer.encode_prompts(texts(), max_length)
    given = tokenizer.graph(max_length).encode_prompts(texts())
    np.testing.assert_array_equal(given.token_ids, expected.token_ids)
    np.testing.assert_array_equal(given.padding_mask, expected.padding_mask)
    assert given.token_ids.dtype == tf.int32


def test_decode(tokenizer, graph):
    rows = np.random.default_rng(3).integers(0, tokenizer.vocabulary_size, (499, 13))
    given = [text.decode() for text in graph.decode(rows).numpy()]
    assert given == tokenizer.decode(rows)
    outside = [[-1, rows[0, 0], tokenizer.vocabulary_size]]
    assert graph.decode(outside).numpy()[0].decode() == tokenizer.decode(rows[:1, :1])[0]


def test_invalid_utf8_is_read_as_the_replacement_character(tokenizer, graph):
    lines = [broken.decode("utf-8", "replace") for broken in BROKEN]
    assert graph.encode(BROKEN).to_list() == tokenizer.encode(lines)


def test_zero_rows_and_zero_columns(tokenizer, graph):
    none = tf.zeros([0], tf.string)
    assert graph.encode(none).shape[0] == 0
    assert graph.encode_prompts(none).token_ids.shape == (0, 1)
    assert graph.encode([""]).to_list() == [[]]
    assert graph.decode(tf.zeros([0, 7], tf.int32)).shape == (0,)
    assert graph.decode(tf.zeros([2, 0], tf.int32)).numpy().tolist() == [b"", b""]


def changed(**fields):
    return ByteBPETokenizer({**copy.deepcopy(gpt2().description), **fields})


def added(**flags):
    entry = special_token("<x>", gpt2().vocabulary_size) | flags
    return [*gpt2().description["added_tokens"], entry]


def test_what_the_graph_does_not_know():
    byte_level = gpt2().description["pre_tokenizer"]
    digits = {"type": "Digits", "individual_digits": True}
    sequence = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    with pytest.raises(ValueError, match="cuts words as GPT-2, .* not by the pre_tokenizer .*Digi"):
        changed(pre_tokenizer=sequence).graph()
    with pytest.raises(ValueError, match="knows the normalizer NFC or none, not Lowercase"):
        changed(normalizer={"type": "Lowercase"}).graph()
    for flag in ("lstrip", "rstrip", "single_word"):
        with pytest.raises(ValueError, match="no added tokens that take spaces in .*<x>"):
            changed(added_tokens=added(**{flag: True})).graph()
    with pytest.raises(ValueError, match="max_length must be at least 1, got 0"):
        gpt2().graph(max_length=0)
    merges = gpt2().description["model"]["merges"]
    late = gpt2().description["model"] | {"merges": merges[::-1]}
    with pytest.raises(ValueError, match="is before those of its parts"):
        changed(model=late).graph()


def memory_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_new_words_are_not_kept():
    graph = gpt2().graph()

    def serve(first):
        for start in range(first, first + 10_000, 500):
            graph.encode([f"{number:0400}x" for number in range(start, start + 500)])

    serve(0)
    before = memory_kib()
    serve(10_000)
    # The words alone are 4 MB, their ids more. The whole story: benchmarks/tokenizer_memory.py.
    assert memory_kib() - before < 3000


SERVER = """
import json, sys
import tensorflow as tf, tensorflow_text

model = tf.saved_model.load(sys.argv[1])
lines = json.load(sys.stdin)
found = model.signatures["serving_default"](prompt=tf.constant(lines))
text = [row.decode() for row in found.pop("text").numpy()]
assert not [name for name in sys.modules if name.split(".")[0] == "zoo"]
print(json.dumps({"text": text, **{name: x.numpy().tolist() for name, x in found.items()}}))
"""


@pytest.mark.parametrize("name", ["llama3", "prefixed"])
def test_saved_model_in_a_fresh_process(name, tmp_path):
    tokenizer = all_kinds()[name]
    graph = tokenizer.graph(max_length=29)

    def serve(prompt):
        prompts = graph.encode_prompts(prompt)
        return {**prompts._asdict(), "text": graph.decode(prompts.token_ids)}

    signature = Signature(serve, {"prompt": ([None], "string")}, [{"prompt": NASTY}], [graph])
    folder = tmp_path / "1"
    write_saved_model(folder, {"serving_default": signature})  # refuses what a server refuses
    mutable = ("Xla", "PyFunc", "Mutable", "Variable", "RoundRobin")
    assert not [op for op in op_types(folder) if any(name in op for name in mutable)]
    result = subprocess.run(
        [sys.executable, "-c", SERVER, str(folder)],
        input=json.dumps(NASTY),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout)
    expected = tokenizer.encode_prompts(NASTY, max_length=29)
    assert found["token_ids"] == expected.token_ids.tolist()
    assert found["padding_mask"] == expected.padding_mask.tolist()
    padding = ~expected.padding_mask
    rows = [row[~pad].tolist() for row, pad in zip(expected.token_ids, padding, strict=True)]
    pad_text = tokenizer.decode([[tokenizer.pad_id or 0]])[0]
    texts_ = tokenizer.decode(rows)
    assert found["text"] == [
        pad_text * int(pad.sum()) + text for pad, text in zip(padding, texts_, strict=True)
    ]
    assert END not in "".join(found["text"]) or tokenizer.pad_id is not None
