"""How much of a text is read where only so many of its tokens are kept."""

# A piece of SentencePiece has 16 characters at most by default; white space that it drops counts.
_CHARACTERS_PER_TOKEN = 64


def beginnings(texts, max_tokens):
    """The first 64 characters of each text for each token that may be kept.

    What is behind them would be cut off after all, and SentencePiece needs a time that grows with
    the square of a long run of characters that it has no piece for.

    Args:
        texts: list of str.
        max_tokens: most tokens that are kept.
    """
    most = max_tokens * _CHARACTERS_PER_TOKEN
    # What is no text is for the tokenizer to refuse.
    return [text[:most] if isinstance(text, str) else text for text in texts]


def beginnings_in_graph(texts, max_tokens):
    """The same as TensorFlow ops: string (B,) -> string (B,) of valid UTF-8."""
    import tensorflow as tf

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.substr(texts, 0, max_tokens * _CHARACTERS_PER_TOKEN, unit="UTF8_CHAR")
