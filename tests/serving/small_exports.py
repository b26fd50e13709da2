"""SavedModels of a few ops for tests of servers: all kinds of signatures, versions that differ."""

import tensorflow as tf


def write_small(folder, factor=0.5):
    """Write a SavedModel whose answers tell its version.

    Args:
        folder: where it goes.
        factor: what `serving_default` and `regress` multiply by.
    """
    spec = tf.TensorSpec
    functions = {
        "serving_default": (lambda x: {"y": x * factor + 2.0}, {"x": spec([None])}),
        "pair": (
            lambda a, b: {"sum": tf.reduce_sum(a, 1) + tf.cast(b, tf.float32), "twice": b * 2},
            {"a": spec([None, 3]), "b": spec([None], tf.int32)},
        ),
        "text": (
            lambda text: {"text": tf.identity(text), "length": tf.strings.length(text)},
            {"text": spec([None], tf.string)},
        ),
        "binary": (
            lambda raw: {"copy_bytes": tf.identity(raw)},
            {"raw": spec([None], tf.string)},
        ),
        "uneven": (lambda x: {"one": x[:1], "all": tf.identity(x)}, {"x": spec([None])}),
        "half": (lambda x: {"y": tf.cast(x, tf.float16)}, {"x": spec([None])}),
        "checked": (_checked, {"x": spec([None])}),
        "slow": (_slow, {"steps": spec([None], tf.int32)}),
        "stuck": (_stuck, {"length": spec([None], tf.int64)}),
        "classify": (_classify, {"inputs": spec([None], tf.string)}),
        "regress": (
            lambda inputs: {"outputs": _numbers(inputs) * factor},
            {"inputs": spec([None], tf.string)},
        ),
    }
    for name in ("float64", "int8", "uint8", "int64", "uint64", "bool", "float16"):
        functions[name] = (lambda x: {"y": tf.identity(x)}, {"x": spec([None], name)})
    tf.saved_model.save(
        tf.Module(), str(folder), signatures={n: _trace(*each) for n, each in functions.items()}
    )


def _trace(function, specs):
    named = {name: tf.TensorSpec(each.shape, each.dtype, name) for name, each in specs.items()}
    return tf.function(function, autograph=False).get_concrete_function(**named)


def _checked(x):
    with tf.control_dependencies([tf.debugging.assert_less(x, 7.0)]):
        return {"y": tf.identity(x)}


def _slow(steps):
    """Count to the largest number, one op a step."""
    end = tf.reduce_max(steps)
    count = tf.while_loop(lambda i: i < end, lambda i: [i + 1], [0])[0]
    return {"count": tf.fill(tf.shape(steps), count), "steps": tf.identity(steps)}


def _stuck(length):
    """One op that no timeout interrupts; it takes as long as the square of the largest number."""
    end = tf.reduce_max(length)
    place = tf.stack([tf.zeros([end], tf.int64), tf.range(end)], axis=1)
    texts = [
        tf.SparseTensor(place, tf.fill([end], tf.cast(letter, tf.int64)), tf.stack([1, end]))
        for letter in (0, 1)
    ]
    return {"distance": tf.edit_distance(*texts, normalize=False) + tf.cast(length, tf.float32)}


def _numbers(inputs):
    return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]


def _classify(inputs):
    x = _numbers(inputs)
    labels = tf.tile([["low", "high"]], [tf.shape(x)[0], 1])
    return {"classes": labels, "scores": tf.stack([1.0 - x, x], axis=1)}
