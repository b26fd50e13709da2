"""BERT as github.com/google-research/bert released it: TensorFlow checkpoints."""

from collections.abc import Mapping

from zoo.checkpoints.tables import TRANSPOSED, Entry

_USUAL = "bert_model.ckpt"
_STATE = ("/adam_m", "/adam_v")  # of the optimizer, beside each variable


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


class OriginalTensors(Mapping):
    """The tensors of a TensorFlow checkpoint, without the optimizer's: {name: numpy array}.

    Args:
        prefix: path of the checkpoint without ".index" and ".data-00000-of-00001".

    Raises:
        ValueError: a file is damaged or missing; the message names the checkpoint.
    """

    def __init__(self, prefix):
        import tensorflow as tf  # its own format: nothing else reads it

        self._prefix = prefix
        # A missing data file is a NotFoundError, another format a DataLossError.
        self._errors = (tf.errors.OpError, RuntimeError)
        try:
            self._reader = tf.train.load_checkpoint(str(prefix))
            shapes = self._reader.get_variable_to_shape_map()
        except self._errors as error:
            raise ValueError(f"{prefix} is damaged or no checkpoint: {error}") from error
        self._shapes = {
            name: tuple(shape) for name, shape in shapes.items() if not name.endswith(_STATE)
        }

    def __getitem__(self, name):
        self._shapes[name]  # KeyError
        try:
            return self._reader.get_tensor(name)
        except self._errors as error:
            raise ValueError(f"{self._prefix} is damaged at {name}: {error}") from error

    def __iter__(self):
        return iter(self._shapes)

    def __len__(self):
        return len(self._shapes)

    def shape(self, name):
        """Shape of a tensor, without reading it."""
        return self._shapes[name]


def open_original(folder):
    """Names and tensors of the only checkpoint in `folder`, or of `bert_model.ckpt`.

    Raises:
        FileNotFoundError: there is none, or there are several.
        ValueError: it is damaged.
    """
    found = sorted(file.name.removesuffix(".index") for file in folder.glob("*.index"))
    if _USUAL in found:
        found = [_USUAL]
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold {_USUAL}.index and {_USUAL}.data-00000-of-00001, or one "
            f"checkpoint of another name; found {found or 'none'}"
        )
    return OriginalNames(), OriginalTensors(folder / found[0])


def _path(name):
    """ "bert.encoder.layer.3.output.dense" -> "bert/encoder/layer_3/output/dense"."""
    return name.replace(".layer.", ".layer_").replace(".", "/")
