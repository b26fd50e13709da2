"""Strings in a served graph, which Keras has not: names by number, and serialized examples."""


def names_at(names, numbers, inside=None):
    """The names with some numbers.

    Args:
        names: list of L str.
        numbers: int tensor of any shape, each at least 0 and below L where it is inside.
        inside: bool tensor of that shape, False gives ""; None: all are.

    Returns:
        string tensor of that shape.
    """
    import tensorflow as tf

    table = tf.constant(list(names), tf.string)
    if inside is None:
        return tf.gather(table, numbers)
    return tf.where(inside, tf.gather(table, tf.where(inside, numbers, 0)), "")


def parse_examples(examples, names):
    """Texts of serialized `tf.Example`s: string (B,) -> {name: string (B,)}.

    Args:
        examples: string tensor (B,).
        names: list of str, features with one string each.
    """
    import tensorflow as tf

    features = {name: tf.io.FixedLenFeature([], tf.string) for name in names}
    return tf.io.parse_example(examples, features)


def make_example(texts):
    """{name: str} as a serialized `tf.Example`, bytes."""
    import tensorflow as tf

    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
        for name, text in texts.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
