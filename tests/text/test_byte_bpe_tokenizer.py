"""Byte-level BPE in Python: ids as the transformers library, texts that come back."""

import copy
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.byte_bpe_texts import END, NASTY, all_kinds, any_character, by_pattern, gpt2, texts
from zoo.text import ByteBPETokenizer, train_byte_bpe
from zoo.text.byte_bpe_description import byte_symbols, gpt2_description, special_token


@pytest.fixture(scope="module")
def kinds():
    return all_kinds()


def by_hand():
    """Bytes are their own ids; "ab" 256, " ab" 257, "é" 258, END 259."""
    pieces = ["ab", "Ġab", "Ã©"]
    vocabulary = {symbol: number for number, symbol in enumerate(byte_symbols() + pieces)}
    merges = [("a", "b"), ("Ġ", "ab"), ("Ã", "©")]
    return ByteBPETokenizer(gpt2_description(vocabulary, merges), start_id=259, end_id=259)


def test_by_hand():
    tokenizer = by_hand()
    given = ["ab ab", "abab  ab", "aéb\n", f"a{END}b", "", "\x00"]
    expected = [[256, 257], [256, 256, 32, 257], [97, 258, 98, 10], [97, 259, 98], [], [0]]
    assert tokenizer.encode(given) == expected
    assert tokenizer.vocabulary_size == 260
    assert tokenizer.added_tokens == {END: 259}
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.pad_id) == (259, 259, None)


def test_ids_equal_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    gpt2().save(tmp_path / "new")
    ours = ByteBPETokenizer.from_files(tmp_path / "new/vocab.json", tmp_path / "new/merges.txt")
    files = {"vocab": str(tmp_path / "new/vocab.json"), "merges": str(tmp_path / "new/merges.txt")}
    theirs = transformers.GPT2TokenizerFast(**files)
    assert ours.encode(texts()) == [theirs(text)["input_ids"] for text in texts()]
    split = [theirs.encode(text, split_special_tokens=True) for text in texts()]
    assert ours.encode(texts(), split_special_tokens=True) == split
    assert split != ours.encode(texts())
    rows = np.random.default_rng(3).integers(0, ours.vocabulary_size, (211, 17))
    for skip in (True, False):
        expected = theirs.batch_decode(
            rows.tolist(), skip_special_tokens=skip, clean_up_tokenization_spaces=False
        )
        assert ours.decode(rows, skip_special_tokens=skip) == expected


def test_every_text_comes_back(kinds):
    dice = random.Random(29)
    everything = ["".join(any_character(dice) for _ in range(101)) for _ in range(101)]
    everything += NASTY + ["".join(map(chr, range(0x3000)))]
    del kinds["prefixed"]  # that one adds spaces and composes
    for tokenizer in kinds.values():
        assert tokenizer.decode(tokenizer.encode(everything), False) == everything
        plain = tokenizer.encode(everything, split_special_tokens=True)
        assert tokenizer.decode(plain) == everything


def test_special_tokens_in_a_text():
    tokenizer = by_pattern(2)
    a, both = tokenizer.added_tokens["<|a|>"], tokenizer.added_tokens["<|ab|>"]
    add = tokenizer.added_tokens["<|add|>"]
    given = "<|ab|><|a|><|add|>"
    assert tokenizer.encode([given]) == [[both, a, add]]
    (ids,) = tokenizer.encode([given], split_special_tokens=True)
    assert add in ids  # added, but not special
    assert a not in ids
    assert tokenizer.decode([[a, add, both]]) == ["<|add|>"]
    assert tokenizer.decode([[a, add, both]], skip_special_tokens=False) == ["<|a|><|add|><|ab|>"]


def test_words_that_no_merges_make():
    tokenizer = by_pattern(2)
    whole = tokenizer.description["model"]["vocab"]["Ġxyb"]
    assert tokenizer.encode([" xyb"]) == [[whole]]
    assert whole not in tokenizer.encode([" xybs"])[0]


def test_prompts():
    tokenizer = by_hand()
    prompts = tokenizer.encode_prompts(["ab ab", "", "c"])
    assert prompts.token_ids.tolist() == [[256, 257], [0, 259], [0, 99]]
    assert prompts.padding_mask.tolist() == [[True, True], [False, True], [False, True]]
    assert tokenizer.encode_prompts(["ab ab c"], max_length=2).token_ids.tolist() == [[32, 99]]
    split = tokenizer.encode_prompts([END], split_special_tokens=True)
    assert split.token_ids.shape == (1, len(END))
    llama = by_pattern(2)
    prompts = llama.encode_prompts(["xyz", ""], max_length=3)
    start, pad = llama.start_id, llama.pad_id
    assert prompts.token_ids.tolist() == [[start, *llama.encode(["yz"])[0]], [pad, pad, start]]
    with pytest.raises(ValueError, match="max_length must be at least 2, got 1"):
        llama.encode_prompts(["x"], max_length=1)


def test_decode():
    tokenizer = by_hand()
    rows = [[0xE2, 0x82], [0xFF, 97, 0xC3], [259, 97, 259, 98], []]
    assert tokenizer.decode(rows) == ["\ufffd", "\ufffda\ufffd", "ab", ""]
    assert tokenizer.decode([[97, 259]], skip_special_tokens=False) == [f"a{END}"]
    assert tokenizer.decode(np.array([[256, 257]])) == ["ab ab"]
    for wrong in (260, -1):
        with pytest.raises(ValueError, match=f"row 1 holds the id {wrong}, outside .* 260 ids"):
            tokenizer.decode([[97], [98, wrong]])


def test_ids_without_a_piece_have_no_text():
    description = copy.deepcopy(by_hand().description)
    description["model"]["vocab"]["zz"] = 300
    description["added_tokens"] = []
    tokenizer = ByteBPETokenizer(description)
    assert tokenizer.vocabulary_size == 301
    assert tokenizer.decode([[97, 280, 300]]) == ["azz"]


@pytest.mark.parametrize(
    ("given", "culprit"),
    [
        ("text", "texts must be a list of str, got one str"),
        (["a", 3], r"texts\[1\] must be a str, got int"),
        (["a\ud800"], r"texts\[0\] holds a lone surrogate at position 1"),
    ],
)
def test_texts_that_are_none(given, culprit):
    with pytest.raises(ValueError, match=culprit):
        gpt2().encode(given)


def changed(**fields):
    return {**copy.deepcopy(by_hand().description), **fields}


def changed_model(**fields):
    return changed(model=by_hand().description["model"] | fields)


@pytest.mark.parametrize(
    ("description", "culprit"),
    [
        ({}, "it describes no BPE tokenizer: KeyError"),
        (changed_model(type="Unigram"), "the model is Unigram, not BPE"),
        (changed(decoder=None), "it is not byte-level"),
        (changed(pre_tokenizer={"type": "Whitespace"}), "it is not byte-level"),
        (changed_model(dropout=0.1), "model.dropout=0.1 is not supported"),
        (changed_model(end_of_word_suffix="</w>"), "end_of_word_suffix='</w>' is not supported"),
        (changed_model(vocab={"a": 0}, merges=[]), "lacks 255 of the 256 byte symbols"),
        (changed_model(merges=[["a", "x"]]), "byte-level BPE tokenizer: .*ax"),
        (changed(added_tokens=[special_token("é", 166)]), "'é' is written as a piece of other"),
        (changed(added_tokens=[special_token("<x>", 999)]), "'<x>' has the id 999, expected 259"),
    ],
)
def test_descriptions_that_are_none(description, culprit):
    with pytest.raises(ValueError, match=culprit):
        ByteBPETokenizer(description)


def test_roles_must_be_special_tokens():
    with pytest.raises(ValueError, match="pad_id must be the id of a special token, got 97"):
        ByteBPETokenizer(by_hand().description, pad_id=97)
    with pytest.raises(ValueError, match="add_start needs a start_id"):
        ByteBPETokenizer(by_hand().description, add_start=True)


def test_save_and_load(kinds, tmp_path):
    for name, tokenizer in kinds.items():
        tokenizer.save(tmp_path / name)
        again = ByteBPETokenizer.load(tmp_path / name)
        assert again.fingerprint == tokenizer.fingerprint
        assert again.encode(texts()) == tokenizer.encode(texts())
        assert again.encode_prompts(["", "x"]).token_ids.tolist() == (
            tokenizer.encode_prompts(["", "x"]).token_ids.tolist()
        )
    assert len({tokenizer.fingerprint for tokenizer in kinds.values()}) == len(kinds)
    with pytest.raises(FileExistsError):
        kinds["gpt2"].save(tmp_path / "gpt2")
    for file in ("tokenizer.json", "byte_bpe.json"):
        (tmp_path / "llama3" / file).write_text((tmp_path / "gpt4o" / file).read_text())
        with pytest.raises(ValueError, match="holds no whole ByteBPETokenizer"):
            ByteBPETokenizer.load(tmp_path / "llama3")
        (tmp_path / "llama3" / file).write_text("{")
        with pytest.raises(ValueError, match="holds no whole ByteBPETokenizer"):
            ByteBPETokenizer.load(tmp_path / "llama3")
        tmp = tmp_path / f"again-{file}"
        kinds["llama3"].save(tmp)
        (tmp_path / "llama3" / file).write_text((tmp / file).read_text())


def test_training(tmp_path):
    file = tmp_path / "text"
    file.write_text("def f(x):\n    return x\n\n\n" * 3 + "été\n", encoding="utf-8")
    tokenizer = train_byte_bpe(file, 269, special_tokens=[END, "<|x|>"])
    assert tokenizer.vocabulary_size == 269
    assert tokenizer.added_tokens == {END: 0, "<|x|>": 1}
    assert tokenizer.start_id == tokenizer.end_id == 0
    text = file.read_text(encoding="utf-8")
    assert (
        tokenizer.fingerprint
        == train_byte_bpe([], 269, texts=[text], special_tokens=[END, "<|x|>"]).fingerprint
    )
    pieces = train_byte_bpe(file, 274).description["model"]["vocab"]
    assert {"ĊĠĠĠ", "ĊĊĊ"} & pieces.keys()  # runs over line ends
    assert train_byte_bpe(file, 256, special_tokens=()).end_id is None


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"vocab_size": 256}, "vocab_size=256 is too small: .* alone need 257 pieces"),
        ({"vocab_size": 0}, "vocab_size must be a positive integer"),
        ({"vocab_size": 300, "texts": ["abc"]}, "vocab_size=300 .* allows at most 259 pieces"),
        ({"vocab_size": 300, "texts": "abc"}, "texts must be an iterable of str, got one str"),
        ({"vocab_size": 300, "texts": [b"abc"]}, r"texts\[0\] must be a str, got bytes"),
    ],
)
def test_training_errors(arguments, culprit):
    with pytest.raises(ValueError, match=culprit):
        train_byte_bpe([], **arguments)


def test_training_from_a_file_that_is_no_text(tmp_path):
    (tmp_path / "bad").write_bytes(b"good\n\xc3(\n")
    with pytest.raises(ValueError, match="bad, line 2: not UTF-8"):
        train_byte_bpe(tmp_path / "bad", 300)


PROGRAM = """
import sys

for name in ("tensorflow", "tensorflow_text", "keras_hub"):
    sys.modules[name] = None  # any import of it fails

from zoo.text import ByteBPETokenizer, CharacterTokenizer, IncrementalText, train_byte_bpe

tokenizer = train_byte_bpe([], 259, texts=["ab ab"])
tokenizer.save(sys.argv[1])
tokenizer = ByteBPETokenizer.load(sys.argv[1])
assert tokenizer.decode(tokenizer.encode_prompts(["ab é"]).token_ids) == ["ab é"]
assert IncrementalText(CharacterTokenizer("ab")).add([1, 0]) == "ba"
print("fine")
"""


def test_no_tensorflow_is_needed(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "new")],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "fine", result.stderr
