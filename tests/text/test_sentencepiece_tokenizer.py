import numpy as np
import pytest

from zoo.text import SentencePieceTokenizer, SpecialIds


def test_special_ids_never_come_from_text(tokenizer):
    rows = tokenizer.encode(["<s> </s> <pad> <unk>", "</s>"])
    special = tokenizer.special_ids
    assert not {special.pad, special.start, special.end} & {token for row in rows for token in row}


def test_decode_ends_at_end_and_drops_padding(tokenizer):
    special = tokenizer.special_ids
    (ids,) = tokenizer.encode(["Die katze"])
    row = [special.start, special.pad, *ids, special.end, *ids, special.pad]
    assert tokenizer.decode([row, [special.end], [], [special.unk]]) == [
        "Die katze",
        "",
        "",
        " \u2047 ",
    ]
    assert tokenizer.decode(np.array([row, row])) == ["Die katze", "Die katze"]
    assert tokenizer.decode([]) == []


def test_encode_batch(tokenizer):
    special = tokenizer.special_ids
    rows = tokenizer.encode(["Die katze", ""])
    batch = tokenizer.encode_batch(["Die katze", ""])
    assert batch.dtype == "int32"
    np.testing.assert_array_equal(batch[0], [*rows[0], special.end])
    np.testing.assert_array_equal(batch[1], [special.end] + [special.pad] * len(rows[0]))
    short = tokenizer.encode_batch(["Die katze", ""], max_length=3)
    np.testing.assert_array_equal(short[0], [*rows[0][:2], special.end])
    assert tokenizer.encode_batch([]).shape == (0, 1)


@pytest.mark.parametrize(
    ("texts", "culprit"),
    [
        ("one text", "texts must be a list of str, got one str"),
        (["a", b"b"], r"texts\[1\] must be a str, got bytes"),
        (["ab\ud800"], r"texts\[0\] holds a lone surrogate at position 2"),
    ],
)
def test_bad_texts(tokenizer, texts, culprit):
    with pytest.raises(ValueError, match=culprit):
        tokenizer.encode(texts)


@pytest.mark.parametrize("wrong", [-1, 151])
def test_ids_outside_the_vocabulary(tokenizer, wrong):
    with pytest.raises(ValueError, match=f"row 1 holds the id {wrong}, .* of 151 ids"):
        tokenizer.decode([[5], [5, wrong]])


def test_bad_max_length(tokenizer):
    with pytest.raises(ValueError, match="max_length must be at least 1"):
        tokenizer.encode_batch(["a"], max_length=0)


def test_save_and_load(tokenizer, tmp_path):
    ids = SpecialIds(pad=0, unk=1, start=0, end=3)
    ours = SentencePieceTokenizer(tokenizer.model_proto, ids)
    assert ours.fingerprint != tokenizer.fingerprint
    ours.save(tmp_path / "tokenizer")
    loaded = SentencePieceTokenizer.load(tmp_path / "tokenizer")
    assert loaded.special_ids == ids
    assert loaded.fingerprint == ours.fingerprint
    assert loaded.encode(["Die katze"]) == tokenizer.encode(["Die katze"])
    with pytest.raises(FileExistsError, match="exists; remove it"):
        ours.save(tmp_path / "tokenizer")


def test_damaged_and_foreign_folders(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="none holds no whole SentencePieceTokenizer"):
        SentencePieceTokenizer.load(tmp_path / "none")
    with pytest.raises(ValueError, match="not a SentencePiece model"):
        SentencePieceTokenizer(b"nonsense")
    folder = tmp_path / "tokenizer"
    tokenizer.save(folder)
    model, settings = folder / "sentencepiece.model", folder / "tokenizer.json"
    original = settings.read_text()
    for damage, culprit in [
        (original[:-9], "no whole"),
        (original.replace("SentencePieceTokenizer", "Other"), "holds a Other"),
        (original.replace('"end": 3', '"end": 0'), "three different ids"),
        (original.replace('"end": 3', '"end": 4'), "not those that were saved"),
        ("[]", "no whole"),
    ]:
        settings.write_text(damage)
        with pytest.raises(ValueError, match=culprit):
            SentencePieceTokenizer.load(folder)
    settings.write_text(original)
    model.write_bytes(model.read_bytes()[:100])
    with pytest.raises(ValueError, match="no whole"):
        SentencePieceTokenizer.load(folder)


def test_model_without_special_ids(corpus):
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_writer=model, vocab_size=101, bos_id=-1, minloglevel=2
    )
    with pytest.raises(ValueError, match="no pad and no start id: give special_ids"):
        SentencePieceTokenizer(model.getvalue())
