"""What the model writes while it learns."""

from zoo.training.averaging import with_final_weights
from zoo.training.logs import GrowingFile
from zoo.training.stateful import StatefulCallback


class Samples(StatefulCallback):
    """Let the model write at the end of every epoch, into a file and on the screen.

    It writes with the weights that training would end with now: the moving average, where the
    optimizer keeps one.

    Args:
        path: the file, UTF-8; each epoch adds its texts behind a line with its number.
        generate: function of nothing that gives a list of str.
        show: function of what was added, such as `print`.

    Raises:
        ValueError: when training starts, the file holds what is not of this training.
    """

    def __init__(self, path, generate, show=print):
        super().__init__()
        self._file = GrowingFile(path)
        self._generate = generate
        self._show = show

    def on_train_begin(self, logs=None):
        self._file.check()

    def on_epoch_end(self, epoch, logs=None):
        with with_final_weights(self.model):
            texts = self._generate()
        updates = int(self.model.optimizer.iterations)
        lines = [f"=== epoch {epoch + 1}, {updates} updates"]
        for number, text in enumerate(texts, start=1):
            lines += [f"--- {number}", text]
        added = "\n".join(lines)
        self._file.append((added + "\n").encode("utf-8", "replace"))
        self._show(added)

    def get_state(self):
        return {"size": self._file.size}

    def set_state(self, state):
        self._file.cut(state["size"])
