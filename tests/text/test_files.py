import gzip

import pytest

from zoo.text import read_lines, read_parallel


def test_lines_split_on_newline_only(tmp_path):
    text = "a\u2028b\rc\x0bd\x85e\n  ü \nlast"
    (tmp_path / "plain").write_bytes(text.encode())
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text.encode()))
    expected = ["a\u2028b\rc\x0bd\x85e", "  ü ", "last"]
    assert list(read_lines(tmp_path / "plain")) == expected
    assert list(read_lines(str(tmp_path / "packed.gz"))) == expected


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (b"one\n\nthree\n", "text, line 2: empty line"),
        (b"one\ntwo\n \t\n", "text, line 3: empty line"),
        (b"one\nt\xffo\n", "text, line 2: not UTF-8 .byte 0xff at position 1"),
        (b"", "text is empty"),
    ],
)
def test_bad_lines_name_file_and_line(tmp_path, content, culprit):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(ValueError, match=culprit):
        list(read_lines(tmp_path / "text"))


def test_damaged_gzip(tmp_path):
    whole = gzip.compress("\n".join(map(str, range(10_000))).encode())
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "no.gz").write_bytes(b"plain text")
    for name in ("cut.gz", "no.gz"):
        with pytest.raises(ValueError, match=f"{name} is damaged after line"):
            list(read_lines(tmp_path / name))


def test_parallel(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\nthree\n")
    (tmp_path / "b").write_text("eins\nzwei\ndrei")
    assert read_parallel(tmp_path / "a", tmp_path / "b") == (
        ["one", "two", "three"],
        ["eins", "zwei", "drei"],
    )
    (tmp_path / "c").write_text("un\ndeux\n")
    with pytest.raises(ValueError, match="a has 3 lines, .*c has 2"):
        read_parallel(tmp_path / "a", tmp_path / "c")
