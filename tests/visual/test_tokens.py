import pytest

from zoo.visual.tokens import shortened, visible


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("word", "word"),
        (" the", "\u2581the"),
        ("  ", "\u2581\u2581"),
        ("New York ", "New York\u2581"),
        ("\n\t\r", "\u23ce\u21e5\u240d"),
        ("", "<empty>"),
        ("\u202eabc", "<U+202E>abc"),
        ("a\u200bb\x00", "a<U+200B>b<U+0000>"),
        ("\u00a0", "<U+00A0>"),
        ("\u0301", "\u25cc\u0301"),
        ("e\u0301", "e\u0301"),
        ("\U0001f600\u6f22", "\U0001f600\u6f22"),
        ("[CLS]", "[CLS]"),
    ],
)
def test_nothing_is_invisible(token, shown):
    assert visible(token) == shown


def test_long_ones_lose_their_middle():
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abcde\u2026hijk"
    assert len(shortened("x" * 99, 16)) == 16
