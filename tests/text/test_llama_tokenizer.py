"""Ids and texts equal those of transformers' tokenizers, whatever files the folder has."""

import json

import numpy as np
import pytest
import sentencepiece

from tests.llama_folders import (
    KINDS,
    LLAMA,
    NASTY,
    model_proto,
    random_rows,
    write_json,
    write_kind,
)
from zoo.text import ByteBPETokenizer, IncrementalText, LlamaTokenizer, pretrained_tokenizer

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    transformers.LlamaConfig().save_pretrained(folder)  # AutoTokenizer looks at it
    write_kind(folder, request.param)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return LlamaTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def theirs(folder):
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def model_folder(tmp_path):
    write_kind(tmp_path, "model")
    return tmp_path


def test_ids_equal(tokenizer, theirs):
    assert tokenizer.encode(NASTY) == theirs(NASTY, add_special_tokens=False).input_ids
    split = theirs(NASTY, add_special_tokens=False, split_special_tokens=True).input_ids
    assert tokenizer.encode(NASTY, split_special_tokens=True) == split


def test_prompts_begin_as_theirs(tokenizer, theirs):
    ids, mask = tokenizer.encode_prompts(NASTY)
    rows = [row[real].tolist() for row, real in zip(ids, mask, strict=True)]
    assert tokenizer.add_start
    assert rows == theirs(NASTY).input_ids
    short = tokenizer.encode_prompts(NASTY, max_length=5)
    expected = [[row[0], *row[1:][-4:]] for row in rows]
    assert [x[real].tolist() for x, real in zip(*short, strict=True)] == expected


def test_decoded_texts_equal(tokenizer, theirs):
    rows = random_rows(tokenizer.vocabulary_size) + tokenizer.encode(NASTY)
    rows += [[], [1], [1, 1, 2], *tokenizer.encode_prompts(["a", " b"]).token_ids.tolist()]
    for skip in (True, False):
        expected = [theirs.decode(row, skip_special_tokens=skip) for row in rows]
        assert tokenizer.decode(rows, skip) == expected


def test_roles(tokenizer, theirs):
    assert tokenizer.vocabulary_size == len(theirs)
    assert tokenizer.start_id == theirs.bos_token_id == 1
    assert tokenizer.end_id == theirs.eos_token_id == 2
    assert tokenizer.pad_id == theirs.pad_token_id


def test_saved_and_written_folders(tokenizer, theirs, tmp_path):
    tokenizer.save(tmp_path / "saved")
    loaded = LlamaTokenizer.load(tmp_path / "saved")
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.encode(NASTY) == tokenizer.encode(NASTY)
    again = pretrained_tokenizer(tmp_path / "saved")
    assert isinstance(again, LlamaTokenizer)
    assert again.fingerprint == tokenizer.fingerprint
    read = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert read(NASTY).input_ids == theirs(NASTY).input_ids
    rows = random_rows(tokenizer.vocabulary_size, 101)
    assert [read.decode(row, skip_special_tokens=True) for row in rows] == tokenizer.decode(rows)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(read, name) == getattr(theirs, name)
    with pytest.raises(FileExistsError, match="exists; remove it"):
        tokenizer.save(tmp_path / "saved")


def test_pieces_of_text_as_ids_come_join_to_the_text(tokenizer):
    held = 0
    rows = random_rows(tokenizer.vocabulary_size, 101) + tokenizer.encode(NASTY[::3])
    for before in ([], *tokenizer.encode(["the"])):
        for row in rows:
            growing = IncrementalText(tokenizer, before)
            pieces = [*(growing.add([token]) for token in row), growing.finish()]
            first, whole = tokenizer.decode([before, [*before, *row]])
            assert "".join(pieces) == whole[len(first) :]
            held += sum(piece == "" for piece in pieces[:-1])
    assert held > 100


def test_is_what_sentencepiece_does(tmp_path):
    write_kind(tmp_path, "json_as_it_stands")
    tokenizer = LlamaTokenizer.from_pretrained(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_proto=model_proto())
    texts = [text.replace("\u2581", "_") for text in NASTY]
    ids = tokenizer.encode(texts, split_special_tokens=True)
    assert ids == reference.encode(texts)
    assert tokenizer.decode(ids) == texts


def test_hand_made(model_folder):
    tokenizer = LlamaTokenizer.from_pretrained(model_folder)
    (ids,) = tokenizer.encode(["the\n🎉 the"])
    assert tokenizer.spell(ids) == [
        *("\u2581the", "<0x0A>", "<0xF0>", "<0x9F>", "<0x8E>", "<0x89>", "\u2581the"),
    ]
    assert tokenizer.decode([ids, ids[1:], ids[:3], ids[6:]]) == [
        *("the\n🎉 the", "\n🎉 the", "the\ufffd\ufffd", "the"),
    ]
    assert [tokenizer.settled(ids[:count]) for count in range(8)] == [0, 1, 1, 1, 1, 1, 1, 7]
    assert tokenizer.decode(np.array([[1, ids[0], 2]])) == ["the"]
    assert tokenizer.decode([[1, ids[0], 2]], skip_special_tokens=False) == ["<s> the</s>"]
    assert tokenizer.decode([]) == []


def test_bad_ids_and_texts(model_folder):
    tokenizer = LlamaTokenizer.from_pretrained(model_folder)
    for wrong in (-1, 499):
        with pytest.raises(ValueError, match=f"row 1 holds the id {wrong}, .* of 499 ids"):
            tokenizer.decode([[5], [5, wrong]])
    with pytest.raises(ValueError, match="texts must be a list of str"):
        tokenizer.encode("one")
    with pytest.raises(ValueError, match=r"texts\[0\] holds a lone surrogate"):
        tokenizer.encode(["\ud800"])
    with pytest.raises(ValueError, match="max_length must be at least 2"):
        tokenizer.encode_prompts(["a"], max_length=1)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"byte_fallback": False}, "must be a SentencePiece model of BPE with byte_fallback"),
        ({"model_type": "unigram"}, "must be a SentencePiece model of BPE with byte_fallback"),
        ({"normalization_rule_name": "nmt_nfkc"}, "normalizes texts by the rule 'nmt_nfkc'"),
    ],
)
def test_other_models_are_refused(model_folder, options, culprit):
    (model_folder / "tokenizer.model").write_bytes(model_proto(331, **options))
    with pytest.raises(ValueError, match=culprit):
        LlamaTokenizer.from_pretrained(model_folder)


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"pre_tokenizer": {"type": "Whitespace"}}, "only the Metaspace pre-tokenizer"),
        ({"normalizer": {"type": "NFC"}}, "only the Metaspace pre-tokenizer"),
        ({"decoder": {"type": "Fuse"}}, "decoder must be that of a Llama"),
        ({"decoder": None}, "decoder must be that of a Llama"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": []}}, "no BPE with byte_fallback"),
        (
            {"model": {"type": "BPE", "byte_fallback": True, "vocab": {"a": 0}, "merges": []}},
            "lacks 256 of the 256 pieces of bytes, such as '<0x00>'",
        ),
        ({"model": {}}, "holds no tokenizer of a Llama: KeyError"),
        ({"model": []}, "holds no tokenizer of a Llama: TypeError"),
    ],
)
def test_other_descriptions_are_refused(model_folder, changes, culprit):
    settings = {**LLAMA, "tokenizer_class": "PreTrainedTokenizerFast"}
    write_json(model_folder, changes)
    (model_folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ValueError, match=culprit):
        LlamaTokenizer.from_pretrained(model_folder)


def test_damaged_folders(model_folder, tmp_path):
    (model_folder / "tokenizer.model").write_bytes(model_proto()[:1000])
    with pytest.raises(ValueError, match=r"tokenizer\.model is not a SentencePiece model"):
        pretrained_tokenizer(model_folder)
    (model_folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer\.json is not valid JSON"):
        pretrained_tokenizer(model_folder)
    with pytest.raises(FileNotFoundError, match=r"neither tokenizer\.json nor tokenizer\.model"):
        LlamaTokenizer.from_pretrained(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no whole LlamaTokenizer"):
        LlamaTokenizer.load(model_folder)


def test_which_tokenizer_a_folder_has(model_folder, tmp_path):
    assert isinstance(pretrained_tokenizer(model_folder), LlamaTokenizer)
    settings = {"tokenizer_class": "LlamaTokenizer"}  # transformers then adds no start either
    (model_folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    tokenizer = pretrained_tokenizer(model_folder)
    assert (tokenizer.start_id, tokenizer.end_id, tokenizer.add_start) == (1, 2, False)
    theirs = transformers.LlamaTokenizer.from_pretrained(model_folder)
    assert theirs("the").input_ids == tokenizer.encode(["the"])[0]
    with pytest.raises(FileNotFoundError, match="no folder of a byte-level BPE tokenizer"):
        pretrained_tokenizer(tmp_path / "none")
    write_json(model_folder, {}, remove_model=False)
    with pytest.raises(ValueError, match="byte-level"):
        ByteBPETokenizer.from_pretrained(model_folder)
