"""Folders of byte-level BPE tokenizers: OpenAI's files, and those of the transformers library."""

import json

import pytest

from tests.byte_bpe_texts import END, all_kinds, by_pattern, gpt2, texts
from zoo.text import ByteBPETokenizer
from zoo.text.byte_bpe_description import special_token
from zoo.text.byte_bpe_files import read_vocabulary_and_merges


@pytest.fixture
def folder(tmp_path):
    """vocab.json and merges.txt of the GPT-2 kind, nothing else."""
    gpt2().write_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    return tmp_path


def write(file, value):
    file.write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize("names", [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
def test_vocabulary_and_merges(folder, names):
    files = [folder / name for name in names]
    (folder / "vocab.json").rename(files[0])
    (folder / "merges.txt").rename(files[1])
    for tokenizer in (
        ByteBPETokenizer.from_pretrained(folder),
        ByteBPETokenizer.from_files(*files),
    ):
        assert tokenizer.encode(texts()) == gpt2().encode(texts())
        assert tokenizer.start_id == tokenizer.end_id == gpt2().end_id
        assert tokenizer.pad_id is None
        assert tokenizer.fingerprint == gpt2().fingerprint


def test_auto_tokenizer_reads_our_folders(tmp_path):
    transformers = pytest.importorskip("transformers")
    for name, tokenizer in all_kinds().items():
        folder = tmp_path / name
        folder.mkdir()
        tokenizer.write_pretrained(folder)
        assert ByteBPETokenizer.from_pretrained(folder).fingerprint == tokenizer.fingerprint
        theirs = transformers.AutoTokenizer.from_pretrained(folder)
        for add_start in (False, True):
            found = theirs(texts(), add_special_tokens=add_start)["input_ids"]
            start = [tokenizer.start_id] if add_start and tokenizer.add_start else []
            assert found == [start + row for row in tokenizer.encode(texts())]
        assert theirs.bos_token_id == tokenizer.start_id
        assert theirs.eos_token_id == tokenizer.end_id
        assert theirs.pad_token_id == tokenizer.pad_id
        rows = tokenizer.encode(texts())
        assert theirs.batch_decode(rows) == tokenizer.decode(rows, skip_special_tokens=False)


def test_folders_that_transformers_wrote(tmp_path):
    transformers = pytest.importorskip("transformers")
    by_pattern(2).write_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs.add_special_tokens({"additional_special_tokens": ["<|new|>"]})
    theirs.save_pretrained(tmp_path / "again")
    ours = ByteBPETokenizer.from_pretrained(tmp_path / "again")
    given = [*texts(), "a<|new|>b"]
    assert ours.encode(given) == theirs(given, add_special_tokens=False)["input_ids"]
    assert ours.added_tokens["<|new|>"] == len(theirs) - 1
    assert (ours.start_id, ours.end_id) == (theirs.bos_token_id, theirs.eos_token_id)
    assert ours.add_start


def test_settings_beside_a_vocabulary(folder):
    size = gpt2().vocabulary_size
    write(folder / "special_tokens_map.json", {"eos_token": END, "pad_token": "<|pad|>"})
    write(folder / "added_tokens.json", {"<|more|>": size})
    write(
        folder / "tokenizer_config.json",
        {"bos_token": {"content": END}, "add_bos_token": True, "add_prefix_space": True},
    )
    tokenizer = ByteBPETokenizer.from_pretrained(folder)
    assert tokenizer.start_id == tokenizer.end_id == gpt2().end_id
    assert tokenizer.added_tokens == {END: gpt2().end_id, "<|more|>": size, "<|pad|>": size + 1}
    assert tokenizer.pad_id == size + 1
    assert tokenizer.add_start
    assert tokenizer.encode(["x<|more|>"]) == [[*gpt2().encode([" x"])[0], size]]


def test_merges_as_strings_and_no_settings(folder):
    description = json.loads(json.dumps(gpt2().description))
    description["model"]["merges"] = [" ".join(pair) for pair in description["model"]["merges"]]
    write(folder / "tokenizer.json", description)
    tokenizer = ByteBPETokenizer.from_pretrained(folder)
    assert tokenizer.fingerprint == gpt2().fingerprint
    assert not tokenizer.add_start


def test_folders_without_files(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="neither tokenizer.json nor vocab.json with"):
        ByteBPETokenizer.from_pretrained(tmp_path / "none")
    (folder / "merges.txt").unlink()
    with pytest.raises(FileNotFoundError, match="merges.txt: there is no such file"):
        ByteBPETokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "content", "culprit"),
    [
        ("merges.txt", b"#version: 0.2\na b c\n", "merges.txt, line 2: two pieces expected"),
        ("merges.txt", b"a qqq\n", "merges.txt, line 1: 'qqq' is not in vocab.json"),
        ("merges.txt", b"q q\n", "merges.txt, line 1: 'qq' is not in vocab.json"),
        ("merges.txt", b"a\xff b\n", "merges.txt, line 1: not UTF-8"),
        ("vocab.json", b"{", "vocab.json is not valid JSON"),
        ("vocab.json", b"[]", "vocab.json must hold a JSON object"),
        ("vocab.json", b'{"a": "0"}', "vocab.json: the id of 'a' is no integer"),
        ("tokenizer.json", b'{"model": {"type": "WordPiece"}}', "holds no byte-level BPE tok"),
        ("tokenizer_config.json", b"\xff", "tokenizer_config.json is not valid JSON"),
        ("tokenizer_config.json", b'{"eos_token": 7}', "describes no byte-level BPE tokenizer"),
    ],
)
def test_damaged_files(folder, name, content, culprit):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=culprit):
        ByteBPETokenizer.from_pretrained(folder)


def test_tokenizers_that_are_not_byte_level(folder):
    description = json.loads(json.dumps(gpt2().description))
    description["pre_tokenizer"] = None
    description["model"]["byte_fallback"] = True
    write(folder / "tokenizer.json", description)
    with pytest.raises(ValueError, match="not byte-level .* SentencePieceTokenizer reads"):
        ByteBPETokenizer.from_pretrained(folder)


def test_windows_line_ends(folder):
    merges = folder / "merges.txt"
    merges.write_bytes(merges.read_bytes().replace(b"\n", b"\r\n"))
    vocabulary, pairs = read_vocabulary_and_merges(folder / "vocab.json", merges)
    assert [list(pair) for pair in pairs] == gpt2().description["model"]["merges"]
    assert special_token(END, vocabulary[END]) in gpt2().description["added_tokens"]
