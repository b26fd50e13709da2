"""Fonts that have the characters of a text: a picture shows no empty boxes."""

import contextlib
import functools

from matplotlib import font_manager

_FIRST = "DejaVu Sans"  # matplotlib brings it
# Read in this order if they are there; others after them.
_PREFERRED = (
    "Noto Sans",
    "Arial Unicode",
    "Hiragino",
    "PingFang",
    "Microsoft",
    "Malgun",
    "WenQuan",
)
_NOT_DRAWN = ("Color Emoji", "Apple Color", "LastResort", "Last Resort")


def fitting(texts):
    """Font families that have all characters of texts between them, and what they do not have.

    Args:
        texts: list of str.

    Returns:
        (list of names of families, set of characters that no installed font has).
    """
    missing = set("".join(texts)) - _characters(_path(_FIRST)) - {" "}
    families = [_FIRST]
    for name, path in _others() if missing else ():
        found = missing & _characters(path)
        if found:
            families.append(name)
            missing -= found
        if not missing:
            break
    return families, missing


def spelled(text, missing):
    """`text` with the characters that no font has as their numbers, such as <U+6F22>."""
    return "".join(f"<U+{ord(c):04X}>" if c in missing else c for c in text)


def _path(family):
    return font_manager.findfont(family)


@functools.cache
def _others():
    """(family, path) of the other installed fonts, upright and of usual weight, best first."""
    _add_new_fonts()
    found = {}
    for entry in font_manager.fontManager.ttflist:
        plain = entry.style == "normal" and entry.weight in (400, "normal", "regular", "book")
        if plain and not any(name in entry.name for name in _NOT_DRAWN):
            found.setdefault(entry.name, entry.fname)

    def place(item):
        name = item[0]
        return next((i for i, p in enumerate(_PREFERRED) if name.startswith(p)), len(_PREFERRED))

    return sorted(found.items(), key=place)


def _add_new_fonts():
    """matplotlib's list of fonts is of the day when it was first used."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError):
            font_manager.fontManager.addfont(path)


@functools.cache
def _characters(path):
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError, ValueError):  # a font that cannot be read is no font
        return frozenset()
