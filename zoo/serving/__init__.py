"""A task as a SavedModel for TF Serving: strings in, strings out, without Keras or this package.

Importing this package loads neither keras nor tensorflow; its functions do, when they are called.
"""

from zoo.serving.check import Report, check
from zoo.serving.export import export, write_saved_model
from zoo.serving.graph import op_types, refuse_unservable
from zoo.serving.replay import replay
from zoo.serving.signature import Signature
from zoo.serving.texts import make_example, names_at, parse_examples

__all__ = [
    "Report",
    "Signature",
    "check",
    "export",
    "make_example",
    "names_at",
    "op_types",
    "parse_examples",
    "refuse_unservable",
    "replay",
    "write_saved_model",
]
