"""Moses punctuation normalization, the same in Python and in a TensorFlow graph."""

import functools
import re

# What `\s` and `str.strip` mean for Python strings; RE2's own `\s` knows ASCII alone.
_WHITESPACE = (
    r"[\t-\r\x{1c}-\x{1f} \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}"
    r"\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
)
_STRIP = (rf"\A{_WHITESPACE}+|{_WHITESPACE}+\z", "")


class MosesPunctuation:
    """Plain quotes, dashes, spaces and number separators, as Moses' normalize-punctuation.perl.

    The rules are those of `sacremoses.MosesPunctNormalizer` ("Moses: Open source toolkit for
    statistical machine translation", Koehn et al. 2007): an ordered list of regular expressions.
    In a graph the same list runs as RE2 replacements.

    Args:
        language: two-letter code of the text's language, which decides about quotes before commas
            and about number separators; None: the rules common to all languages.
    """

    def __init__(self, language=None):
        import sacremoses

        self.language = language
        self._normalizer = sacremoses.MosesPunctNormalizer(language)

    def __call__(self, text):
        """str -> str."""
        return self._normalizer.normalize(text)

    @functools.cached_property
    def re2_rules(self):
        """Pairs (RE2 pattern, replacement) in order; applied one after the other they give
        `__call__`."""
        rules = [(_pattern(p), _replacement(r)) for p, r in self._normalizer.substitutions]
        return [*rules, _STRIP]

    def in_graph(self, texts):
        """The same on TensorFlow strings: (B,) string -> (B,) string, invalid UTF-8 untouched."""
        import tensorflow as tf

        for pattern, replacement in self.re2_rules:
            texts = tf.strings.regex_replace(texts, pattern, replacement)
        return texts


def strip_in_graph(texts):
    """`str.strip` on TensorFlow strings of any shape."""
    import tensorflow as tf

    return tf.strings.regex_replace(texts, *_STRIP)


def _pattern(pattern):
    """A Python pattern in RE2's words: digits and spaces of all scripts."""
    return pattern.replace(r"\d", r"\p{Nd}").replace(r"\s", _WHITESPACE)


def _replacement(replacement):
    return re.sub(r"\\g<(\d)>", r"\\\1", replacement)
