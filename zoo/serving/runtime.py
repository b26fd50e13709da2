"""TensorFlow as a model server has it: with the ops of TensorFlow Text, without Keras."""

import functools
import importlib.util
import pathlib
import sys


@functools.cache
def load_tensorflow():
    """The module `tensorflow`, the ops of TensorFlow Text registered, Keras not imported.

    `import tensorflow` imports the package keras to find its folder, and `import tensorflow_text`
    for its layers; a graph needs neither. A Keras that is imported already stays as it is.

    Raises:
        ModuleNotFoundError: there is no tensorflow or tensorflow_text.
    """
    hide = "keras" not in sys.modules and "tensorflow" not in sys.modules
    if hide:
        sys.modules["keras"] = None  # "there is no such module", says the import system's manual
    try:
        import tensorflow as tf
    finally:
        if hide:
            del sys.modules["keras"]
    for library in text_op_libraries():
        tf.load_op_library(str(library))
    return tf


def text_op_libraries():
    """Paths of the op libraries of TensorFlow Text, found without importing the package.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec("tensorflow_text")
    if spec is None:
        raise ModuleNotFoundError("the package tensorflow-text is not installed")
    return sorted((pathlib.Path(spec.origin).parent / "python" / "ops").glob("*.so"))
