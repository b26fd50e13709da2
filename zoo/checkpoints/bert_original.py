"""BERT as github.com/google-research/bert released it: TensorFlow checkpoints."""

from zoo.checkpoints.original_tensors import OriginalTensors, find_original
from zoo.checkpoints.tables import TRANSPOSED, Entry


class OriginalNames:
    """Names of the original implementation; kernels are stored (in, out), like ours."""

    tied = ()
    ignored = ("global_step",)
    _outputs = {"nsp": "cls/seq_relationship/output", "classifier": "output"}
    _outputs |= {"span": "cls/squad/output"}

    def embedding(self, ours, theirs, copies=()):
        return Entry(ours, (_path(theirs),), copies=copies)

    def dense(self, ours, *theirs):
        """A Dense, or several side by side."""
        kernels = tuple(f"{_path(name)}/kernel" for name in theirs)
        biases = tuple(f"{_path(name)}/bias" for name in theirs)
        return Entry(f"{ours}/kernel", kernels), Entry(f"{ours}/bias", biases)

    def norm(self, ours, theirs):
        return (
            Entry(f"{ours}/gamma", (f"{_path(theirs)}/gamma",)),
            Entry(f"{ours}/beta", (f"{_path(theirs)}/beta",)),
        )

    def vocabulary_bias(self, ours):
        return Entry(ours, ("cls/predictions/output_bias",))

    def output(self, part):
        """The last product of `part`: made without a Dense there, and stored (out, in)."""
        theirs = self._outputs[part]
        return (
            Entry(f"{part}/kernel", (f"{theirs}_weights",), TRANSPOSED),
            Entry(f"{part}/bias", (f"{theirs}_bias",)),
        )


def open_original(folder):
    """Names and tensors of the only checkpoint in `folder`, or of `bert_model.ckpt`.

    Raises:
        FileNotFoundError: there is none, or there are several.
        ValueError: it is damaged.
    """
    return OriginalNames(), OriginalTensors(find_original(folder, "bert_model.ckpt"))


def _path(name):
    """ "bert.encoder.layer.3.output.dense" -> "bert/encoder/layer_3/output/dense"."""
    return name.replace(".layer.", ".layer_").replace(".", "/")
