"""TensorFlow checkpoints, as BERT and GPT-2 were first released."""

from collections.abc import Mapping

_STATE = ("/adam_m", "/adam_v")  # of the optimizer, beside each variable


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


def find_original(folder, usual):
    """The path of the only checkpoint in `folder`, or of the one called `usual`, without
    ".index" and ".data-00000-of-00001".

    Raises:
        FileNotFoundError: there is none, or there are several.
    """
    found = sorted(file.name.removesuffix(".index") for file in folder.glob("*.index"))
    if usual in found:
        found = [usual]
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold {usual}.index and {usual}.data-00000-of-00001, or one "
            f"checkpoint of another name; found {found or 'none'}"
        )
    return folder / found[0]
