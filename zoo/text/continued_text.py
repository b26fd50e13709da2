"""The text of ids that go on behind others."""


def decode_behind(tokenizer, before, rows):
    """What rows of ids add to a text: that of all ids without that of the first.

    So the space that begins the text of a Llama is taken from the first of all, and stays where a
    text goes on.

    Args:
        tokenizer: has `decode`.
        before: list of int, ids that stand before each row.
        rows: list of B lists of int.

    Returns:
        list of B str.
    """
    first, *texts = tokenizer.decode([before, *([*before, *row] for row in rows)])
    return [text[len(first) :] for text in texts]


def decode_behind_in_graph(decode, before, ids):
    """The same on TensorFlow, each row behind its own.

    Args:
        decode: of a tokenizer's graph.
        before: int32 (B, P), -1 where there is no token.
        ids: int32 (B, T), -1 where there is no token.

    Returns:
        string (B,).
    """
    import tensorflow as tf

    first, text = decode(before), decode(tf.concat([before, ids], axis=1))
    begin, end = (tf.strings.length(each, unit="UTF8_CHAR") for each in (first, text))
    return tf.strings.substr(text, begin, end - begin, unit="UTF8_CHAR")
