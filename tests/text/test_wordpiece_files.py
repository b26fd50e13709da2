"""Folders go to and from the transformers library, and damaged ones are named."""

import json
import os
import subprocess
import sys

import pytest

from tests.wordpiece_texts import texts, vocabulary
from zoo.text import WordPieceNormalizer, WordPieceTokenizer, WordPieceTokens

transformers = pytest.importorskip("transformers")
pytest.importorskip("tensorflow_text")


@pytest.fixture
def vocabulary_file(tmp_path):
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tokenizer():
    tokens = WordPieceTokens(more=("[NEW]",))
    normalizer = WordPieceNormalizer(lowercase=False, strip_accents=True)
    return WordPieceTokenizer(vocabulary(), normalizer, tokens, clean_up=True)


@pytest.fixture
def folder(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "saved")
    return tmp_path / "saved"


def test_vocabulary_file(vocabulary_file):
    tokenizer = WordPieceTokenizer.from_vocabulary_file(vocabulary_file, lowercase=False)
    assert tokenizer.vocabulary == vocabulary()
    assert tokenizer.normalizer == WordPieceNormalizer(lowercase=False)
    text = vocabulary_file.read_bytes()
    vocabulary_file.write_bytes(text.replace(b"\n", b"\r\n")[:-2])
    assert WordPieceTokenizer.from_vocabulary_file(vocabulary_file).vocabulary == vocabulary()


def test_other_line_separators_are_pieces(vocabulary_file):
    pieces = [*vocabulary(), "\u2028", "\x85", "\x1c"]
    vocabulary_file.write_text("\n".join(pieces), encoding="utf-8")
    assert WordPieceTokenizer.from_vocabulary_file(vocabulary_file).vocabulary == pieces


def test_the_reference_reads_what_we_save(tokenizer, folder):
    lines = [*texts(), "a[NEW]b"]
    for kind in (transformers.BertTokenizerFast, transformers.AutoTokenizer):
        reference = kind.from_pretrained(folder)
        expected = reference(lines, lines[::-1], padding=True, return_tensors="np")
        given = tokenizer.encode_batch(lines, lines[::-1])
        assert given.token_ids.tolist() == expected["input_ids"].tolist()
        assert given.segment_ids.tolist() == expected["token_type_ids"].tolist()
        rows = given.token_ids[:31]
        expected = reference.batch_decode(rows, skip_special_tokens=True)
        assert tokenizer.decode(rows) == expected
        assert reference.mask_token_id == tokenizer.mask_id
    backend = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    assert backend(lines)["input_ids"] == [
        [tokenizer.special_ids.start, *row, tokenizer.special_ids.end]
        for row in tokenizer.encode(lines)
    ]


def test_save_and_load(tokenizer, folder):
    loaded = WordPieceTokenizer.load(folder)
    assert loaded.fingerprint == tokenizer.fingerprint
    assert (loaded.normalizer, loaded.tokens) == (tokenizer.normalizer, tokenizer.tokens)
    assert loaded.clean_up
    assert loaded.encode(texts()) == tokenizer.encode(texts())
    with pytest.raises(FileExistsError, match="exists; remove it"):
        tokenizer.save(folder)


@pytest.mark.parametrize("with_tokenizer_file", [True, False])
def test_we_read_what_the_reference_saves(tmp_path, with_tokenizer_file):
    reference = transformers.BertTokenizerFast(
        vocab={piece: number for number, piece in enumerate(vocabulary())},
        do_lower_case=False,
        strip_accents=True,
        tokenize_chinese_chars=False,
    )
    reference.add_special_tokens({"additional_special_tokens": ["[A]", "fox"]})
    reference.save_pretrained(tmp_path)
    if not with_tokenizer_file:
        (tmp_path / "tokenizer.json").unlink()
        (tmp_path / "vocab.txt").write_text("\n".join(vocabulary()), encoding="utf-8")
    ours = WordPieceTokenizer.from_pretrained(tmp_path)
    assert ours.normalizer == WordPieceNormalizer(
        lowercase=False, strip_accents=True, tokenize_chinese_chars=False
    )
    assert ours.vocabulary_size == len(reference)
    lines = [*texts(), "a[A]bfox"]
    assert ours.encode(lines) == reference(lines, add_special_tokens=False)["input_ids"]


def test_older_folders(tmp_path, vocabulary_file):
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    changed = vocabulary_file.read_text(encoding="utf-8").replace("[SEP]\n", "</s>\n")
    vocabulary_file.write_text(changed, encoding="utf-8")
    (tmp_path / "special_tokens_map.json").write_text(
        '{"sep_token": "</s>", "mask_token": {"content": "[MASK]", "lstrip": true}}'
    )
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert (tokenizer.tokens.sep, tokenizer.tokens.mask) == ("</s>", "[MASK]")
    assert not tokenizer.normalizer.lowercase
    assert tokenizer.encode(["</s>[MASK]"]) == [[3, 4]]


def test_settings_stand_above_the_tokenizer_file(folder):
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace('"do_lower_case": false', '"x": 1'))
    assert not WordPieceTokenizer.from_pretrained(folder).normalizer.lowercase
    settings.write_text(settings.read_text().replace('"x": 1', '"do_lower_case": true'))
    assert WordPieceTokenizer.from_pretrained(folder).normalizer.lowercase
    with pytest.raises(ValueError, match="its files are not those that were saved"):
        WordPieceTokenizer.load(folder)


def edit(name, old, new):
    def damage(folder):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return damage


def add_token(folder):
    description = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    entry = description["added_tokens"][-1]
    description["added_tokens"].append({**entry, "content": "word", "id": 999, "normalized": True})
    (folder / "tokenizer.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("damage", "culprit"),
    [
        (edit("tokenizer.json", "{", ""), "tokenizer.json is not valid JSON"),
        (edit("tokenizer_config.json", "{", "["), "tokenizer_config.json is not valid JSON"),
        (edit("tokenizer.json", '"BertNormalizer"', '"NFC"'), "only BertNormalizer is supported"),
        (edit("tokenizer.json", '"WordPiece",\n    "cont', '"BPE",\n    "cont'), "model must have"),
        (edit("tokenizer.json", '"max_input_chars_per_word": 100', '"max_input_chars_per_word": 9'),
         "max_input_chars_per_word': 9"),
        (edit("tokenizer.json", '"[PAD]": 0', '"[PAD]": 1'), "must be 0 to"),
        (edit("tokenizer.json", '"model"', '"m"'), "describes no WordPiece tokenizer: .*model"),
        (edit("tokenizer_config.json", '"cls_token": "[CLS]"', '"cls_token": "<c>"'), "has no <c>"),
        (edit("tokenizer_config.json", '"strip_accents": true', '"strip_accents": 3'),
         "strip_accents must be one of"),
        (add_token, "the added token 'word' must be special, not normalized"),
        (edit("tokenizer.json", f'"id": {len(vocabulary())}', '"id": 7000'), "has the id 7000"),
    ],
)  # fmt: skip
def test_damaged_folders(folder, damage, culprit):
    damage(folder)
    with pytest.raises(ValueError, match=culprit):
        WordPieceTokenizer.from_pretrained(folder)
    with pytest.raises(ValueError, match="holds no whole WordPieceTokenizer"):
        WordPieceTokenizer.load(folder)


def test_missing_and_broken_files(tmp_path, vocabulary_file):
    with pytest.raises(FileNotFoundError, match="neither tokenizer.json nor vocab.txt"):
        WordPieceTokenizer.from_pretrained(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="none.txt: there is no such file"):
        WordPieceTokenizer.from_vocabulary_file(tmp_path / "none.txt")
    for text, culprit in [
        (b"[PAD]\n\n[UNK]\n", "line 2: empty piece"),
        (b"[PAD]\na\n\xff\n", "line 3: not UTF-8"),
        (b"", "line 1: empty piece"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n", r"the vocabulary has no \[MASK\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n", "holds 'a' twice, as piece 5 and 6"),
    ]:
        vocabulary_file.write_bytes(text)
        with pytest.raises(ValueError, match=culprit):
            WordPieceTokenizer.from_vocabulary_file(vocabulary_file)
        with pytest.raises(ValueError, match=culprit):
            WordPieceTokenizer.from_pretrained(tmp_path)


def test_decoding_and_packing_need_no_tensorflow(folder):
    program = f"""
import sys
for name in ("tensorflow", "tensorflow_text"):
    sys.modules[name] = None
from zoo.text import Pieces, WordPieceTokenizer, pack_rows
tokenizer = WordPieceTokenizer.load({str(folder)!r})
assert tokenizer.decode([[2, 4, 3, 0]]) == [""]
rows = Pieces([[7, 8]], [[0, 1]], [[1, 2]])
packed = pack_rows(rows, rows, tokenizer.special_ids, max_length=6)
assert packed.token_ids.tolist() == [[2, 7, 3, 7, 8, 3]]
assert packed.segment_ids.tolist() == [[0, 0, 0, 1, 1, 1]]
"""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
