"""Tokens for people: nothing invisible, nothing that turns the text around it."""

import unicodedata

_SPACE = "\u2581"
_MARKS = {"\n": "\u23ce", "\r": "\u240d", "\t": "\u21e5", "\u3000": _SPACE, " ": " "}
_HIDDEN = {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"}


def visible(token):
    """A token as it can be shown.

    Spaces around it are "\u2581" as SentencePiece writes them, line ends "\u23ce", tabs "\u21e5";
    other characters without a shape, among them those that change the direction of writing, are
    given by their number, such as <U+202E>. A mark that sits on another character sits on "\u25cc".

    Args:
        token: str.
    """
    inner = token.strip(" ")
    before = len(token) - len(token.lstrip(" "))
    after = len(token) - before - len(inner)
    shown = _SPACE * before + "".join(map(_shown, inner)) + _SPACE * after
    if not shown:
        return "<empty>"
    return "\u25cc" + shown if unicodedata.combining(shown[0]) else shown


def shortened(text, longest=16):
    """A text of at most so many characters, at least 3; the middle of a longer one is left out."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}\u2026{text[-half:]}"


def _shown(character):
    if character in _MARKS:
        return _MARKS[character]
    if unicodedata.category(character) in _HIDDEN:
        return f"<U+{ord(character):04X}>"
    return character
