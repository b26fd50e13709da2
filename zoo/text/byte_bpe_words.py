"""Cutting texts into the words that byte-level BPE spells, in a TensorFlow graph."""

import functools
import re
import unicodedata
from typing import NamedTuple

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

BREAK = b"\xff"  # no byte of UTF-8, so no class of characters matches it
ADDED = b"\xfe"  # begins a word that is an added token

# Patterns as tokenizer.json has them: GPT-2; Qwen 2; GPT-4 and Llama 3; GPT-4o. All end in the same
# two alternatives, the first of which RE2 cannot express.
_SPACES = r"|\s+(?!\S)|\s+"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
_CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORD = _CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = "|".join(
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}{upper}{_LOWER}{lower}{_CONTRACTION}?"
    for upper, lower in ("*+", "+*")
)
_SIGNS, _LINES = r"| ?[^\s\p{L}\p{N}]+[\r\n]*", r"|\s*[\r\n]+"
_KNOWN = (
    _GPT2,
    _WORD + r"|\p{N}" + _SIGNS + _LINES,
    _WORD + r"|\p{N}{1,3}" + _SIGNS + _LINES,
    _CASED + r"|\p{N}{1,3}" + _SIGNS.replace(r"\n]", r"\n/]") + _LINES,
)


class WordRule(NamedTuple):
    """How a text is cut into words.

    Attributes:
        pattern: a word, for RE2, if the last of several spaces is cut off.
        last_space: the spaces for which that is so, for RE2.
        prefix_space: whether a text gets a space before it if there is none.
        composed: whether texts are normalized to NFC.
        added: (dict, dict) text -> id of added tokens, found before and after normalization.
    """

    pattern: str
    last_space: str
    prefix_space: bool
    composed: bool
    added: tuple


def word_rule(description, split_special_tokens):
    """The `WordRule` of a checked description.

    Args:
        description: dict, see `checked_description`.
        split_special_tokens: whether special tokens in a text are ordinary text.

    Raises:
        ValueError: the graph does not know such a tokenizer.
    """
    normalizer = description["normalizer"]
    if normalizer is not None and normalizer["type"] != "NFC":
        raise ValueError(f"a graph knows the normalizer NFC or none, not {normalizer['type']}")
    composed = normalizer is not None
    pattern, prefix_space = _word_pattern(description["pre_tokenizer"])
    last_space = r"\s" if pattern == _GPT2 else r"[^\S\r\n]"
    entries = [
        entry
        for entry in description["added_tokens"]
        if not (split_special_tokens and entry["special"])
    ]
    return WordRule(
        _for_re2(pattern + r"|\s+"),
        f"[{_ranges(last_space)}]",
        prefix_space,
        composed,
        tuple(added_ids(entries, normalized, composed) for normalized in (False, True)),
    )


def _word_pattern(pre_tokenizer):
    """The pattern of words without that of spaces, and whether there is a prefix space."""
    *before, last = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    if last["type"] == "ByteLevel" and not before and last["use_regex"]:
        return _GPT2, last["add_prefix_space"]
    if last["type"] == "ByteLevel" and len(before) == 1 and before[0]["type"] == "Split":
        split = before[0]
        pattern = split["pattern"].get("Regex", "")
        plain = split["behavior"] == "Isolated" and not split["invert"]
        if plain and not (last["use_regex"] or last["add_prefix_space"]):
            for known in _KNOWN:
                if pattern == known + _SPACES:
                    return known, False
    raise ValueError(
        "a graph cuts words as GPT-2, GPT-4 (Llama 3), GPT-4o or Qwen 2 do, not by the "
        f"pre_tokenizer {pre_tokenizer}"
    )


def added_ids(entries, normalized, composed=False):
    """dict text -> id of the added tokens that are found at one stage.

    Args:
        entries: list of dict, see `special_token`.
        normalized: whether it is the stage behind normalization.
        composed: whether texts are normalized to NFC.

    Raises:
        ValueError: the graph does not know such a token.
    """
    ids = {}
    for entry in entries:
        if entry["lstrip"] or entry["rstrip"] or entry["single_word"]:
            raise ValueError(
                "a graph knows no added tokens that take spaces in or stand apart only (lstrip, "
                f"rstrip, single_word): {entry}"
            )
        if entry["normalized"] == normalized:
            text = entry["content"]
            ids[unicodedata.normalize("NFC", text) if normalized and composed else text] = entry[
                "id"
            ]
    return ids


def _for_re2(pattern):
    """`pattern` with classes of characters spelled out, which RE2 knows of an older Unicode."""
    name = r"\\p\{\w+\}|\\s"

    def spelled(found):
        if found[0].startswith("["):
            return re.sub(name, lambda inner: _ranges(inner[0]), found[0])
        return f"[{_ranges(found[0])}]"

    return re.sub(rf"\[[^\]]*\]|{name}", spelled, pattern)


@functools.cache
def _ranges(character_class):
    r"""A class of characters as the tokenizers library knows it, such as "\x{30}-\x{39}"."""
    # Letters, numbers and spaces lie in the first four planes.
    points = [point for point in range(0x40000) if not 0xD800 <= point < 0xE000]
    text = "".join(map(chr, points))
    found = Split(Regex(f"{character_class}+"), "removed", invert=True).pre_tokenize_str(text)
    bounds = [(points[start], points[end - 1]) for _, (start, end) in found]
    return "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in bounds)


def words_in_graph(text, rule):
    """Cut texts into words, on TensorFlow.

    Args:
        text: string (B,), valid UTF-8.
        rule: a `WordRule`.

    Returns:
        (words, rows): string (W,), added tokens being marked by `ADDED`, and int64 (W,), ascending,
        the text of each.
    """
    import tensorflow as tf

    before, after = rule.added
    words, rows = cut_added(text, tf.range(tf.size(text, tf.int64)), before)
    if rule.composed:
        import tensorflow_text as tf_text

        words = tf.where(is_added(words), words, tf_text.normalize_utf8(words, "NFC"))
    words, rows = cut_added(words, rows, after)
    if rule.prefix_space:
        bare = ~(is_added(words) | tf.strings.regex_full_match(words, r"(?s: .*)"))
        words = tf.where(bare, tf.strings.join([" ", words]), words)
    # Of several spaces before a word the last one belongs to the word or stands alone.
    space, other = _for_re2(r"\s"), _for_re2(r"[^\s]")
    last = f"({space}+)({rule.last_space}{other})"
    cut = tf.strings.regex_replace(words, last, rb"\1" + BREAK + rb"\2")
    cut = tf.strings.regex_replace(cut, rule.pattern, rb"\0" + BREAK)
    return _cut(tf.where(is_added(words), words, cut), rows)


def cut_added(words, rows, added_ids):
    """Cut added tokens out of words, the longest at each place, and mark them.

    Args:
        words: string (W,).
        rows: int64 (W,), ascending.
        added_ids: dict text -> id.

    Returns:
        (words, rows) as `words_in_graph`; none is empty.
    """
    import tensorflow as tf

    if not added_ids:
        return _cut(words, rows)
    pattern = "|".join(map(re.escape, sorted(added_ids, key=len, reverse=True)))
    cut = tf.strings.regex_replace(words, pattern, BREAK + ADDED + rb"\0" + BREAK)
    return _cut(tf.where(is_added(words), words, cut), rows)


def _cut(words, rows):
    """Split at each `BREAK`; empty parts are left out."""
    import tensorflow as tf

    parts = tf.strings.split(words, BREAK)  # ragged (W, None)
    rows, parts = tf.gather(rows, parts.value_rowids()), parts.flat_values
    kept = parts != ""
    return tf.boolean_mask(parts, kept), tf.boolean_mask(rows, kept)


def is_added(words):
    """Which words are added tokens that `cut_added` has cut out: bool (W,)."""
    import tensorflow as tf

    return tf.strings.substr(words, 0, 1) == ADDED
