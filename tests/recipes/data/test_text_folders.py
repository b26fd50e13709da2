import gzip
import re

import pytest

from recipes.data.text_folders import (
    DOCUMENTS,
    NoTextError,
    TextFiles,
    cut_tail,
    find_files,
    held_out,
    read_documents,
    read_text,
    standard_library,
)


@pytest.fixture
def folder(tmp_path):
    def write(name, data):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    write("b.txt", "zwei\r\nüber".encode())
    write("a.md", b"\xef\xbb\xbfone")
    write("deep/er/c.txt.gz", gzip.compress(b"three"))
    write("deep/blank.txt", b" \n\t\n")
    write("image.txt", b"\x89PNG\x00\x01")
    write("latin.txt", "café".encode("latin-1"))
    write("cut.txt.gz", gzip.compress(b"damaged" * 99)[:-20])
    write("other.csv", b"no")
    write(".hidden/d.txt", b"no")
    write("deep/.e.txt", b"no")
    return tmp_path / "texts"


def test_folders_by_suffix_and_what_is_no_text_is_left_out(folder):
    files = find_files([folder])
    texts = [(str(path.relative_to(folder)), text) for path, text in files.texts()]
    expected = [("a.md", "one"), ("b.txt", "zwei\r\nüber"), ("deep/er/c.txt.gz", "three")]
    assert texts == expected
    reasons = files.left_out()
    assert len(reasons) == 3
    for reason, name in zip(reasons, ("cut.txt.gz", "image.txt", "latin.txt"), strict=True):
        assert reason.startswith(str(folder / name))
    assert [text for _, text in find_files([folder], (".csv",)).texts()] == ["no"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("image.txt", "image.txt is binary: it holds a NUL at byte 4"),
        ("latin.txt", "latin.txt is not UTF-8: byte 0xe9 at 3"),
        ("cut.txt.gz", "cut.txt.gz is damaged"),
    ],
)
def test_a_named_file_must_be_text(folder, name, message):
    with pytest.raises(NoTextError, match=re.escape(message)):
        list(find_files([folder / "b.txt", folder / name]).texts())
    with pytest.raises(NoTextError, match=re.escape(message)):
        read_text(folder / name)


def test_a_named_file_has_any_suffix(folder):
    assert [text for _, text in find_files([folder / "other.csv"]).texts()] == ["no"]


def test_missing_paths(folder):
    with pytest.raises(ValueError, match="nowhere: there is no such file or folder"):
        find_files([folder / "nowhere"])
    with pytest.raises(ValueError, match="texts holds no file that ends with .java"):
        find_files([folder], (".java",))


def test_digests_tell_changes(folder):
    files = find_files([folder / "b.txt", folder])
    before = files.digests()
    assert before == files.digests()
    assert len(before) == 7
    (folder / "b.txt").write_text("other")
    (folder / "a.md").unlink()
    after = files.digests()
    assert {name for name in before if before[name] != after[name]} == {
        str(folder / "b.txt"),
        str(folder / "a.md"),
    }
    assert after[str(folder / "a.md")] is None


def test_documents_of_a_file(tmp_path):
    (tmp_path / "a").write_text("one\nstill one\n\n \t\n two\n\n\n")
    (tmp_path / "b").write_text("three\n")
    files = TextFiles((tmp_path / "a", tmp_path / "b"))
    found = list(read_documents(files, DOCUMENTS["paragraphs"]))
    assert found == ["one\nstill one", " two", "three\n"]
    assert len(list(read_documents(files, DOCUMENTS["files"]))) == 2


def test_articles_of_wikitext_keep_every_character():
    text = " \n = A 1 = \n \n One = two . \n \n = = Part = = \n \n x \n = B = \n \n y \n"
    documents = DOCUMENTS["wikitext"](text)
    assert "".join(documents) == text
    assert [document[:8] for document in documents] == [" \n", " = A 1 =", " = B = \n"]


def test_held_out_documents_are_a_function_of_text_and_seed():
    documents = [f"document {number}" for number in range(200)]
    chosen = held_out(documents, 0.1, seed=3)
    found = {document for document in documents if chosen(document)}
    assert len(found) == 20
    # In another order, and twice: the same ones.
    again = held_out([*reversed(documents), *documents], 0.1, seed=3)
    assert {document for document in documents if again(document)} == found
    other = held_out(documents, 0.1, seed=4)
    assert {document for document in documents if other(document)} != found
    assert sum(map(held_out(documents[:2], 0.01, 0), documents[:2])) == 1


@pytest.mark.parametrize(
    ("documents", "share", "message"),
    [
        (["one", "one"], 0.1, "1 different documents cannot be split"),
        (["one", "two"], 0.9, "2 different documents cannot be split"),
        (["one", "two"], 0, "above 0 and below 1, got 0"),
        (["one", "two"], 1, "above 0 and below 1, got 1"),
    ],
)
def test_documents_that_cannot_be_split(documents, share, message):
    with pytest.raises(ValueError, match=message):
        held_out(documents, share, 0)


def test_tails():
    assert cut_tail("0123456789ab", 0.25) == ("012345678", "9ab")
    with pytest.raises(ValueError, match="above 0 and below 1"):
        cut_tail("abc", 1.5)


def test_the_standard_library():
    files = standard_library()
    names = {path.name for path in files.found}
    assert {"argparse.py", "textwrap.py", "typing.py"} <= names
    assert len(files.found) > 300
    assert not [path for path in files.found if {"site-packages", "test"} & set(path.parts)]
    assert files.left_out() == []
