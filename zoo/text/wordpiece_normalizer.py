"""What BERT does to each character before words are cut into pieces."""

import dataclasses

# The Hugging Face tokenizers know marks, control characters and punctuation of Unicode 8 (2015).
# What came later is a letter to them; vocabularies were made that way. The gaps between such
# characters are letters or unassigned, so that ranges may run over them.
_NEWER = (
    r"\x{61D}\x{7FD}\x{890}-\x{8E2}\x{9FD}-\x{9FE}\x{A76}\x{AFA}-\x{AFF}\x{B55}\x{C04}-\x{C3C}"
    r"\x{C77}\x{C84}\x{D00}\x{D3B}-\x{D3C}\x{D81}\x{EBA}\x{ECE}\x{180F}-\x{1886}"
    r"\x{1ABF}-\x{1ACE}\x{1B7D}-\x{1B7E}\x{1DF6}-\x{1DFB}\x{2E43}-\x{2E5D}\x{A82C}\x{A8C5}"
    r"\x{A8FF}\x{A9BD}\x{10D24}-\x{10F89}\x{11070}-\x{11074}\x{110C2}-\x{110CD}\x{111C9}"
    r"\x{111CF}\x{1123E}-\x{11241}\x{1133B}\x{11438}-\x{1145E}\x{11660}-\x{1166C}\x{116B9}"
    r"\x{1182F}-\x{11FFF}\x{12FF1}-\x{13455}\x{16E97}-\x{16F4F}\x{16FE2}-\x{16FE4}"
    r"\x{1CF00}-\x{1CF46}\x{1E000}-\x{1E4EF}\x{1E944}-\x{1E95F}"
)
# [^\P{X}...] is the class X without what follows. U+1734, U+166D and U+111C9 have changed classes.
_ACCENT = rf"[^\P{{Mn}}{_NEWER}]|\x{{1734}}"
_CONTROL = rf"[^\P{{C}}{_NEWER}]|\x{{FFFD}}"
_PUNCTUATION = rf"[!-/:-@\[-`{{-~\x{{166D}}\x{{111C9}}]|[^\P{{P}}{_NEWER}]"
# The White_Space property of Unicode, and the part of it that is no control character.
_ANY_SPACE = r"[\t-\r\x{85}\p{Z}]"
_SPACE = r"[\t\n\r\p{Z}]"
_CHINESE = (
    r"[\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}"
    r"\x{2A700}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{2F800}-\x{2FA1F}]"
)


@dataclasses.dataclass(frozen=True)
class WordPieceNormalizer:
    """BERT's normalization, character by character (Devlin et al. 2019, "BasicTokenizer").

    Nothing in it looks at neighbours, so each character of the result comes from one of the text.
    Results equal those of the Hugging Face tokenizers for all code points but capitals that came
    with Unicode 14 (2021) and later, which TensorFlow does not lowercase.

    Args:
        lowercase: lowercase each character.
        strip_accents: decompose (NFD) and drop combining marks; None: as `lowercase`.
        tokenize_chinese_chars: make each Chinese character a word of its own.
        clean_text: drop control characters, NUL and U+FFFD; white space becomes a space.
    """

    lowercase: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    clean_text: bool = True

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            allowed = (True, False, None) if name == "strip_accents" else (True, False)
            if not any(value is each for each in allowed):
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}")

    @property
    def strips_accents(self):
        """`strip_accents`, its default resolved."""
        return self.lowercase if self.strip_accents is None else self.strip_accents

    def in_graph(self, characters):
        """Normalize single characters by TensorFlow ops.

        Args:
            characters: string (U,), one character each.

        Returns:
            string (U,): none, one or several characters each.
        """
        import tensorflow as tf
        import tensorflow_text as tf_text

        text = characters
        if self.clean_text:
            text = tf.strings.regex_replace(text, _SPACE, " ")
            text = tf.strings.regex_replace(text, _CONTROL, "")
        if self.strips_accents:
            text = tf_text.normalize_utf8(text, "NFD")
            text = tf.strings.regex_replace(text, _ACCENT, "")
        if self.lowercase:
            # Of single characters: of whole words it would know the final form of a sigma.
            text = tf.strings.lower(text, encoding="utf-8")
        return text

    def alone_in_graph(self, characters):
        """Which characters of the text are words of their own: string (U,) -> bool (U,)."""
        import tensorflow as tf

        if not self.tokenize_chinese_chars:
            return tf.zeros_like(characters, tf.bool)
        return tf.strings.regex_full_match(characters, _CHINESE)


def is_punctuation_in_graph(characters):
    """Which normalized characters are words of their own: string (U,) -> bool (U,)."""
    import tensorflow as tf

    return tf.strings.regex_full_match(characters, _PUNCTUATION)


def is_space_in_graph(characters):
    """Which normalized characters separate words: string (U,) -> bool (U,)."""
    import tensorflow as tf

    return tf.strings.regex_full_match(characters, _ANY_SPACE)
