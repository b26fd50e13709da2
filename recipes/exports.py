"""Use a SavedModel as its users do: in a process that has TensorFlow and TensorFlow Text alone."""

import subprocess
import sys

_PROGRAM = """
import sys, tensorflow as tf, tensorflow_text
folder, output, *texts = sys.argv[1:]
model = tf.saved_model.load(folder).signatures["serving_default"]
found = model(text=tf.constant(texts))
for text, answer, score in zip(texts, found[output].numpy(), found["score"].numpy()):
    print(f"{text}\\n  -> {answer.decode()}  ({score:.3f})")
"""


def print_answers(folder, output, texts):
    """Print what a SavedModel answers to texts.

    Args:
        folder: of the SavedModel.
        output: name of the output of `serving_default` that has the answers, string [batch].
        texts: list of str.
    """
    command = [sys.executable, "-c", _PROGRAM, str(folder), output, *texts]
    subprocess.run(command, check=True)
