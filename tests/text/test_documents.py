import gzip

import numpy as np
import pytest

from zoo.text import (
    Documents,
    IdArrays,
    open_documents,
    read_documents,
    read_wikitext,
    write_documents,
)

WIKITEXT = (  # lines of this format begin and end with a space
    " \n = Red @-@ tailed hawk = \n \n"
    " The hawk ( <unk> ) weighs 1 @.@ 5 kg . It hunts . \n \n"
    " = = Range = = \n \n"
    ' " Why here ? " asked Jay @-@ Z . " Food ! " said 3 @,@ 000 men \n \n'
    " = = = Sub = = = \n \n"
    " = X = \n A = B . \n \n"
)


class Letters:
    """A tokenizer with an id for each letter."""

    vocabulary_size = 26
    fingerprint = "letters"

    def encode(self, texts):
        return [[ord(c) - 97 for c in text if c.isalpha()] for text in texts]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_sentences_and_empty_lines(tmp_path):
    text = "\n\n one\ntwo \n \n\nthree\n"
    expected = [["one", "two"], ["three"]]
    assert list(read_documents(write(tmp_path / "a.txt", text))) == expected
    with gzip.open(tmp_path / "a.txt.gz", "wt") as file:
        file.write(text)
    assert list(read_documents(tmp_path / "a.txt.gz")) == expected


def test_wikitext(tmp_path):
    assert list(read_wikitext(write(tmp_path / "wiki", WIKITEXT), "[UNK]")) == [
        [
            "The hawk ( [UNK] ) weighs 1.5 kg .",
            "It hunts .",
            '" Why here ? "',
            "asked Jay-Z .",
            '" Food ! "',
            "said 3,000 men",
        ],
        ["A = B ."],
    ]


@pytest.mark.parametrize("read", [read_documents, read_wikitext])
def test_bad_files(tmp_path, read):
    with pytest.raises(ValueError, match="blank holds no sentence"):
        list(read(write(tmp_path / "blank", "\n \n\n")))
    with pytest.raises(ValueError, match="empty is empty"):
        list(read(write(tmp_path / "empty", "")))
    (tmp_path / "latin").write_bytes(b"\n\ncaf\xe9\n")
    with pytest.raises(ValueError, match="latin, line 3: not UTF-8"):
        list(read(tmp_path / "latin"))


def test_round_trip(tmp_path):
    written = write_documents(tmp_path / "ids", iter([["ab", "c"], ["def"]]), Letters())
    for documents in (written, open_documents(tmp_path / "ids", Letters())):
        assert len(documents) == 2
        assert documents.offsets.tolist() == [0, 2, 3]
        rows = [documents.sentences[row].tolist() for row in range(3)]
        assert rows == [[0, 1], [2], [3, 4, 5]]
        assert not documents.sentences.ids.flags.owndata  # mapped, not read
    with pytest.raises(FileExistsError):
        write_documents(tmp_path / "ids", [["a"]], Letters())


def test_nothing_stays_of_what_fails(tmp_path):
    for wrong, message in (([["ab"], []], "sentence at least"), ([["7"]], "no ids to write")):
        with pytest.raises(ValueError, match=message):
            write_documents(tmp_path / "ids", wrong, Letters())
        assert not list(tmp_path.iterdir())


def test_damage(tmp_path):
    write_documents(tmp_path / "ids", [["ab", "c"], ["def"]], Letters())
    other = Letters()
    other.fingerprint = "other letters"
    with pytest.raises(ValueError, match="another tokenizer"):
        open_documents(tmp_path / "ids", other)
    np.save(tmp_path / "ids" / "documents.npy", np.array([0, 2, 4]))
    with pytest.raises(ValueError, match="no whole documents.*number of sentences, 3"):
        open_documents(tmp_path / "ids", Letters())
    (tmp_path / "ids" / "documents.npy").unlink()
    with pytest.raises(ValueError, match="ids holds no whole documents"):
        open_documents(tmp_path / "ids", Letters())


def test_offsets_must_fit():
    sentences = IdArrays.from_rows([[1], [2], [3]], 5, "x")
    for offsets in ([0, 2], [1, 3], [0, 2, 2, 3], [0, 3, 2, 3]):
        with pytest.raises(ValueError, match=r"offsets of documents|a sentence at least"):
            Documents(sentences, np.array(offsets))
