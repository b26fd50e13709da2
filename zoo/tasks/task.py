"""What every task has: a model, tokenizers, settings; a folder of its own and an export."""

import abc

from zoo.tasks.saving import load_task, save_task


class Task(abc.ABC):
    """Strings in, answers out: a model with all that it needs for that.

    Attributes:
        model: a model of `zoo.models`.
    """

    @abc.abstractmethod
    def settings(self):
        """Arguments of the constructor beside model and tokenizers, as JSON values."""

    @abc.abstractmethod
    def tokenizers(self):
        """{argument of the constructor: tokenizer}."""

    @abc.abstractmethod
    def attention(self, *texts):
        """What the model attends to in one text, by a plain pass that is not compiled.

        Args:
            texts: str, what the task reads; the class says how many.

        Returns:
            dict kind -> `zoo.tasks.Attention`; the kinds are "encoder", "decoder" and "cross",
            those that the model has.
        """

    @abc.abstractmethod
    def signatures(self):
        """What the SavedModel serves: {name: `zoo.serving.Signature`}. TensorFlow only."""

    def save(self, folder):
        """Write the task into a new folder; `zoo.load(folder)` reads it on any backend.

        Raises:
            FileExistsError: `folder` exists.
        """
        save_task(folder, self, self.settings(), self.model, self.tokenizers())

    @classmethod
    def from_saved(cls, model, tokenizers, settings):
        """What `save` wrote, read again by `zoo.load`."""
        return cls(model, **tokenizers, **settings)

    @classmethod
    def load(cls, folder):
        """Read what `save(folder)` wrote."""
        task = load_task(folder)
        if not isinstance(task, cls):
            raise ValueError(f"{folder} holds a {type(task).__name__}, not a {cls.__name__}")
        return task
