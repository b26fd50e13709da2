import pytest

from zoo.tasks.generation import StreamedText, first_stop


class Letters:
    """Ids that are bytes of UTF-8."""

    def decode(self, rows):
        return [bytes(row).decode("utf-8", "replace") for row in rows]

    def settled(self, ids):
        return len(ids)


@pytest.mark.parametrize(
    ("text", "stop", "place"),
    [
        ("one two", ("two",), 4),
        ("one two", ("o", "ne"), 0),
        ("one two", ("three",), None),
        ("one two", (), None),
        ("", ("a",), None),
    ],
)
def test_first_stop(text, stop, place):
    assert first_stop(text, stop) == place


def streamed(text, stop):
    shown = StreamedText(Letters(), stop)
    pieces = [shown.add([byte]) for byte in text.encode()]
    return [*pieces, shown.add([], is_last=True)]


def test_half_characters_wait():
    assert streamed("a\u6f22b", ()) == ["a", "", "", "\u6f22", "b", ""]


def test_what_may_be_a_stop_string_waits():
    assert streamed("abab!", ("abc",)) == ["", "", "ab", "", "ab!", ""]
    assert streamed("xab", ("abc",)) == ["x", "", "", "ab"]


def test_nothing_comes_after_a_stop_string():
    assert streamed("xabcy", ("abc",)) == ["x", "", "", "", "", ""]
    assert "".join(streamed("aab ab", ("ab", " "))) == "a"


def test_incomplete_bytes_at_the_end():
    shown = StreamedText(Letters(), ())
    assert shown.add("\u6f22".encode()[:2]) == ""
    assert shown.add([], is_last=True) == "\ufffd"
