import dataclasses
import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from tests.marian_folders import write_folder
from zoo.text.marian_files import MarianFiles
from zoo.text.marian_tokenizer import MarianTokenizer
from zoo.text.moses_punctuation import MosesPunctuation

transformers = pytest.importorskip("transformers")

NASTY = [
    "",
    " ",
    "\t\n \u3000",
    "The quick brown fox.",
    "  two  spaces  inside ",
    "café cafe\u0301 naïve ﬁne Ⅷ ½ ①",
    "漢字かな交じり文、です。",
    "😀 👩\u200d👩\u200d👧 🇩🇪",
    "\x00a\x01b\x7fc\x85d\x1ce",
    "\ufeffbom \u200bzero\u00adsoft",
    "line\nbreak\r\nand\ttab",
    "„Zitat“ »so« «da» ‚x‘ – — … ´´ `` '' 5\u00a0% 1\u00a0000 nº\u00a05 a’b",
    'He said, "No.", (really) !  ( x ) ?',
    "\u2581 real underline \u2581mark",
    ">>deu<< The fox",
    ">>xxx<< unknown code",
    ">>de\nu<< over two lines",
    ">>deu<<",
    " >>deu<< not at the start",
    ">> no end",
    ">><<>><< twice",
    "a</s>b <unk> c <pad>",
    "</s></s>",
    "<pad>>>deu<< code after an added token",
    "<s> &lt; </ s> <unk",
    "<0x41> <extra>more<extra>",
    "x" * 300,
]


FOLDERS = {
    "shared": {},
    "separate": {"separate": True},
    "byte_fallback": {"byte_fallback": True, "vocab_size": 311},
    "bpe": {"model_type": "bpe", "vocab_size": 97},
    "more_tokens": {
        "settings": {
            "extra_special_tokens": ["<extra>"],
            "clean_up_tokenization_spaces": True,
            "added_tokens_decoder": {"5": {"content": "fox", "special": False}},
        }
    },
}


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request, tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("marian") / request.param, **FOLDERS[request.param])


@pytest.fixture(scope="module")
def reference(folder):
    return transformers.MarianTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def tokenizers(folder):
    files = MarianFiles.read(folder)
    return {side: MarianTokenizer(files, side) for side in ("source", "target")}


@pytest.fixture(scope="module")
def texts():
    alphabet = [
        "fox",
        " ",
        "ü",
        "</s>",
        ">>",
        "<<",
        "<pad>",
        "\x00",
        "漢",
        "«",
        "\u2581",
        "7",
        "\n",
    ]
    noise = random.Random(3)
    return NASTY + ["".join(noise.choices(alphabet, k=noise.randrange(1, 13))) for _ in range(200)]


def reference_ids(reference, side, texts):
    inputs = {"text": texts} if side == "source" else {"text_target": texts}
    return reference(**inputs)["input_ids"]


def random_rows(tokenizer):
    noise = np.random.default_rng(5)
    return noise.choice(sorted(set(tokenizer.piece_ids.values())), (101, 11))


@pytest.mark.parametrize("side", ["source", "target"])
def test_encode_equals_the_reference(reference, tokenizers, texts, side):
    tokenizer = tokenizers[side]
    end = tokenizer.special_ids.end
    given = [[*row, end] for row in tokenizer.encode(texts)]
    expected = reference_ids(reference, side, texts)
    for text, row, expected_row in zip(texts, given, expected, strict=True):
        assert row == expected_row, repr(text)


def test_special_ids_equal_the_reference(reference, tokenizers):
    special = tokenizers["source"].special_ids
    assert special.pad == special.start == reference.pad_token_id
    assert (special.end, special.unk) == (reference.eos_token_id, reference.unk_token_id)
    assert tokenizers["source"].language_codes == sorted(
        code for code in reference.get_vocab() if code.startswith(">>")
    )


def test_decode_equals_the_reference(reference, tokenizers):
    rows = random_rows(tokenizers["target"])
    expected = [reference.decode(row, skip_special_tokens=True) for row in rows]
    assert tokenizers["target"].decode(rows) == expected
    assert tokenizers["target"].decode([[], [tokenizers["target"].special_ids.pad]]) == ["", ""]


@pytest.mark.parametrize("side", ["source", "target"])
def test_graph_equals_python(tokenizers, texts, side):
    tf = pytest.importorskip("tensorflow")
    tokenizer = tokenizers[side]
    graph = tokenizer.graph()
    ids = graph.encode(tf.constant(texts)).numpy()
    np.testing.assert_array_equal(ids, tokenizer.encode_batch(texts))
    rows = random_rows(tokenizer)
    given = [text.decode() for text in graph.decode(tf.constant(rows, tf.int32)).numpy()]
    assert given == tokenizer.decode(rows)


def test_graph_of_few_rows(tokenizers):
    tf = pytest.importorskip("tensorflow")
    graph = tokenizers["source"].graph(max_length=3)
    end = tokenizers["source"].special_ids.end
    assert graph.encode(tf.constant([""])).numpy().tolist() == [[end]]
    assert graph.encode(tf.constant([], tf.string)).shape == (0, 1)
    assert graph.decode(tf.zeros((0, 3), tf.int32)).shape == (0,)
    assert graph.decode(tf.zeros((2, 0), tf.int32)).numpy().tolist() == [b"", b""]
    long = graph.encode(tf.constant(["The quick brown fox"])).numpy()
    np.testing.assert_array_equal(
        long, tokenizers["source"].encode_batch(["The quick brown fox"], max_length=3)
    )
    assert long.shape == (1, 3)


def test_save_and_load(tokenizers, reference, tmp_path):
    for side, tokenizer in tokenizers.items():
        tokenizer.save(tmp_path / side)
        loaded = MarianTokenizer.load(tmp_path / side)
        assert loaded.encode(NASTY) == tokenizer.encode(NASTY)
        assert loaded.fingerprint == tokenizer.fingerprint
    saved = transformers.MarianTokenizer.from_pretrained(tmp_path / "target" / "marian")
    assert saved(NASTY)["input_ids"] == reference(NASTY)["input_ids"]
    with pytest.raises(FileExistsError, match="source. exists"):
        tokenizers["source"].save(tmp_path / "source")


def test_what_the_reference_saves(reference, tokenizers, tmp_path):
    reference.save_pretrained(tmp_path)
    again = MarianTokenizer(MarianFiles.read(tmp_path), "source")
    assert again.encode(NASTY) == tokenizers["source"].encode(NASTY)


# Everything below needs one folder only.


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("marian") / "shared")


def test_older_folders(shared, tmp_path):
    files = MarianFiles.read(shared)
    files.write(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"source_lang": "en"}')
    (tmp_path / "special_tokens_map.json").write_text(
        '{"eos_token": "</s>", "unk_token": {"content": "<unk>", "lstrip": false}}'
    )
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<new>": len(files.vocabulary)}))
    reference = transformers.MarianTokenizer.from_pretrained(tmp_path)
    tokenizer = MarianTokenizer(MarianFiles.read(tmp_path), "source")
    texts = ["a<new>b</s>", "<new>"]
    assert [[*row, 0] for row in tokenizer.encode(texts)] == reference(texts)["input_ids"]


MOSES_ALPHABET = (
    *"ab Z09٣(),.:;!?%`'\"<\t\n\r\x00\x1c\x85\u00a0„“”–—´‘’‚…«»º\u3000\u202f漢é",
    *("  ", "''", "´´", "nº\u00a0", "ºC", "cm", " %", "\u00a0%", ") .", '."', ',"'),
)


@pytest.mark.parametrize("language", [None, "en", "de", "cs", "ru"])
def test_moses_punctuation_in_the_graph_equals_sacremoses(language):
    tf = pytest.importorskip("tensorflow")
    noise = random.Random(7)
    texts = ["".join(noise.choices(MOSES_ALPHABET, k=noise.randrange(24))) for _ in range(3000)]
    texts += NASTY
    normalizer = MosesPunctuation(language)
    given = [text.decode() for text in normalizer.in_graph(tf.constant(texts)).numpy()]
    assert given == [normalizer(text) for text in texts]


def test_moses_punctuation_equals_the_method_of_the_reference(shared):
    reference = transformers.MarianTokenizer.from_pretrained(shared)
    normalizer = MosesPunctuation("en")
    assert [normalizer(text) for text in NASTY] == [reference.normalize(text) for text in NASTY]
    assert normalizer("„Ja“ – 5\u00a0%") == '"Ja" - 5%'


def test_a_normalizer_runs_before_encoding_and_is_saved(shared, tmp_path):
    tf = pytest.importorskip("tensorflow")
    files = MarianFiles.read(shared)
    plain = MarianTokenizer(files, "source")
    tokenizer = MarianTokenizer(files, "source", MosesPunctuation("en"))
    expected = plain.encode([MosesPunctuation("en")(text) for text in NASTY])
    assert tokenizer.encode(NASTY) == expected != plain.encode(NASTY)
    in_graph = tokenizer.graph().encode(tf.constant(NASTY)).numpy()
    np.testing.assert_array_equal(in_graph, tokenizer.encode_batch(NASTY))
    tokenizer.save(tmp_path / "saved")
    assert MarianTokenizer.load(tmp_path / "saved").encode(NASTY) == expected


def test_the_graph_lives_in_a_saved_model(shared, tmp_path):
    tf = pytest.importorskip("tensorflow")
    tokenizer = MarianTokenizer(MarianFiles.read(shared), "source")
    expected = tokenizer.encode_batch(NASTY)
    tf.saved_model.save(tokenizer.graph(), tmp_path / "graph")
    loaded = tf.saved_model.load(tmp_path / "graph")
    np.testing.assert_array_equal(loaded.encode(tf.constant(NASTY)).numpy(), expected)
    texts = [text.decode() for text in loaded.decode(tf.constant(expected)).numpy()]
    assert texts == tokenizer.decode(expected)


def test_padding_of_a_separate_target_gives_no_text(tmp_path):
    files = MarianFiles.read(write_folder(tmp_path / "separate", separate=True))
    own = {**files.target_vocabulary, "<pad>": len(files.target_vocabulary) + 3}
    files = dataclasses.replace(files, target_vocabulary=own)
    tokenizer = MarianTokenizer(files, "target")
    [fox] = tokenizer.encode(["Fuchs"])
    assert own["<pad>"] != tokenizer.special_ids.pad == files.vocabulary["<pad>"]
    assert tokenizer.decode([[own["<pad>"], *fox, tokenizer.special_ids.pad]]) == ["Fuchs"]


def test_invalid_utf8_is_read_as_the_replacement_character(shared):
    tf = pytest.importorskip("tensorflow")
    tokenizer = MarianTokenizer(MarianFiles.read(shared), "source")
    ids = tokenizer.graph().encode(tf.constant([b"fox \xff dog"])).numpy()
    np.testing.assert_array_equal(ids, tokenizer.encode_batch(["fox \ufffd dog"]))


def test_python_side_needs_no_tensorflow(shared):
    program = f"""
import sys
for name in ("tensorflow", "tensorflow_text"):
    sys.modules[name] = None
from zoo.text.marian_files import MarianFiles
from zoo.text.marian_tokenizer import MarianTokenizer
tokenizer = MarianTokenizer(MarianFiles.read({str(shared)!r}), "source")
assert tokenizer.decode(tokenizer.encode(["fox"])) == ["fox"]
"""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def break_map(folder):
    (folder / "vocab.json").write_text('{"</s>": 0}')


def break_json(folder):
    (folder / "vocab.json").write_text('{"</s>": 0')


def break_model(folder):
    (folder / "source.spm").write_bytes(b"no model")


def break_settings(folder):
    (folder / "tokenizer_config.json").write_text('{"sp_model_kwargs": {"alpha": 0.1}}')


def break_flags(folder):
    added = {"9": {"content": "<x>", "lstrip": True}}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_map, "vocab.json must hold the unknown piece '<unk>'"),
        (break_json, "vocab.json is not valid JSON"),
        (break_model, "source.spm is not a SentencePiece model"),
        (break_settings, "sp_model_kwargs must be empty"),
        (break_flags, "'<x>' has lstrip"),
    ],
)
def test_damaged_files_are_named(shared, tmp_path, damage, message):
    MarianFiles.read(shared).write(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        MarianTokenizer(MarianFiles.read(tmp_path), "source")


def test_bad_arguments_are_named(shared, tmp_path):
    tokenizer = MarianTokenizer(MarianFiles.read(shared), "source")
    with pytest.raises(FileNotFoundError, match="it has no source.spm"):
        MarianFiles.read(tmp_path / "absent")
    with pytest.raises(ValueError, match="side must be one of"):
        MarianTokenizer(tokenizer.files, "both")
    with pytest.raises(ValueError, match="texts must be a list"):
        tokenizer.encode("one text")
    with pytest.raises(ValueError, match=r"texts\[1\] must be a str, got int"):
        tokenizer.encode(["a", 3])
    with pytest.raises(ValueError, match="row 1 holds the id 100000"):
        tokenizer.decode([[0], [100000]])
    with pytest.raises(ValueError, match="holds no whole MarianTokenizer"):
        MarianTokenizer.load(shared)
