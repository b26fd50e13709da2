"""What the tasks on BERT share: a model, its tokenizer, their folders, batches and exports."""

import abc

import numpy as np

from zoo import checkpoints
from zoo.compiled import compiled, shapes_are_dynamic
from zoo.folders import new_folder
from zoo.layers import record_attention_calls
from zoo.tasks.attention import Attention
from zoo.tasks.task import Task
from zoo.tasks.warm_up import warm_up_texts
from zoo.text import Pieces, WordPieceTokenizer, pack_rows


class TextTask(Task):
    """A model on ids with its `WordPieceTokenizer`: strings in, answers out.

    A subclass names its `model_class`, says by `answer` what the model's outputs mean, and by
    `signatures` what a SavedModel of it serves. Python and SavedModel run the same `answer`.

    Args:
        model: a model of `zoo.models` on BERT's inputs.
        tokenizer: the `zoo.text.WordPieceTokenizer` that it was trained with.
        max_length: longest row in tokens, [CLS] and [SEP] included; longer texts lose their tail.
            None: as many as the model has positions.

    Raises:
        TypeError: the model is of another class.
        ValueError: the tokenizer does not fit the model, or max_length is out of range.
    """

    model_class = None

    def __init__(self, model, tokenizer, max_length=None):
        if not isinstance(model, self.model_class):
            raise TypeError(
                f"model must be a zoo.models.{self.model_class.__name__}; "
                f"got a {type(model).__name__}"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = model.config.num_positions if max_length is None else max_length
        self._check_fit()
        self._compiled = {}

    @abc.abstractmethod
    def answer(self, inputs):
        """The model's inputs, a dict of tensors, to what the task is after, in `keras.ops`.

        Returns:
            A tensor, or a tree of tensors, with the batch as first axis.
        """

    def attention(self, *texts):
        """What the model attends to in one text; over-long ones are cut as in a call.

        Args:
            texts: str: one text, or two where the task reads pairs.

        Returns:
            {"encoder": `zoo.tasks.Attention`}.
        """
        inputs = self.row(*texts)
        with record_attention_calls() as calls:
            self.model(inputs, training=False)
        tokens = self.tokenizer.spell(inputs["token_ids"][0])
        return {"encoder": Attention.of_calls("encoder", calls, tokens, tokens)}

    def row(self, text):
        """What the model reads of one text: dict of arrays (1, T)."""
        return self.tokenizer.encode_batch([text], max_length=self.max_length).inputs

    def settings(self):
        return {"max_length": self.max_length}

    def tokenizers(self):
        return {"tokenizer": self.tokenizer}

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None, **settings):
        """Released weights with their tokenizer.

        Args:
            folder_or_hub_name, revision: as for `zoo.models.BERT.from_pretrained`.
            **settings: arguments of the class beside model and tokenizer.

        Raises:
            FileNotFoundError, ValueError: as for `zoo.models.BERT.from_pretrained` and
                `zoo.text.WordPieceTokenizer.from_pretrained`.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        tokenizer = WordPieceTokenizer.from_pretrained(folder)
        return cls(cls.model_class.from_pretrained(folder), tokenizer, **settings)

    def save_pretrained(self, folder):
        """Write a new folder that `from_pretrained` and the transformers library read.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: as for `zoo.models.BERT.save_pretrained`.
        """
        with new_folder(folder) as temporary:
            self._write_model(temporary)
            self.tokenizer.write_pretrained(temporary)

    def _write_model(self, folder):
        self.model.write_pretrained(folder)

    def export(self, folder):
        """Write a SavedModel that TF Serving runs: the tokenizer is in the graph.

        The docstring of the class says which signatures it has. Over-long texts are cut as in a
        call; invalid UTF-8 is read as U+FFFD.

        Args:
            folder: NAME/VERSION, VERSION a whole number; must not exist.

        Raises:
            FileExistsError: `folder` exists.
            RuntimeError: another backend is in use, and the TensorFlow process that exports in its
                place failed.
        """
        from zoo.serving import export

        export(self, folder)

    def run(self, first, second=None, batch_size=32, truncation="longest_first", settings=()):
        """Answer rows of pieces, batch by batch; rows of like length go together.

        Args:
            first: `zoo.text.Pieces` of N texts.
            second: the same of the second texts of pairs, or None.
            batch_size: rows at a time.
            truncation: which text of a pair loses its tail, see `zoo.text.pack_rows`.
            settings: what `answer` takes beside the inputs.

        Yields:
            (members, packed, answers): which rows these are, list of n int; their
            `zoo.text.PackedTexts` (n, T); what `answer` says of them, numpy arrays.
        """
        if not batch_size >= 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size!r}")
        lengths = [len(ids) for ids in first.ids]
        if second is not None:
            lengths = [a + len(ids) for a, ids in zip(lengths, second.ids, strict=True)]
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        special_ids = self.tokenizer.special_ids
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            rows = (chosen(pieces, members) for pieces in (first, second))
            packed = pack_rows(*rows, special_ids, self.max_length, truncation)
            yield members, packed, self.answers(packed.inputs, batch_size, *settings)

    def answers(self, inputs, num_rows, *settings):
        """What `answer` says of arrays (n, T), n <= num_rows, as numpy arrays; compiled.

        `settings` are what `answer` takes beside the inputs, hashable; each is compiled anew.
        Shapes that vary are rounded up where each is compiled (on JAX): to `num_rows`, and to
        multiples of 8 columns. An answer's second axis may then be longer than T.
        """
        n = len(inputs["token_ids"])
        if not shapes_are_dynamic():
            widest = self.model.config.num_positions
            inputs = {name: _filled_up(array, num_rows, widest) for name, array in inputs.items()}
            inputs["token_ids"] = np.where(
                inputs["padding_mask"], inputs["token_ids"], self.tokenizer.special_ids.pad
            )
        names = tuple(inputs)
        # LoRA and quantization change which variables there are.
        variables = tuple(map(id, self.model.variables))
        key = (names, settings, variables)
        if key not in self._compiled:

            def answer(*tensors):
                return self.answer(dict(zip(names, tensors, strict=True)), *settings)

            kept = {old: run for old, run in self._compiled.items() if old[-1] == variables}
            self._compiled = {**kept, key: compiled(self.model, answer)}
        return _to_numpy(self._compiled[key](*inputs.values()), n)

    def warm_up_texts(self):
        """Requests for a SavedModel: empty, typical, of mixed lengths, many; lists of str."""
        return warm_up_texts(self.tokenizer)

    def _check_fit(self):
        config, tokenizer = self.model.config, self.tokenizer
        if tokenizer.vocabulary_size > config.vocab_size:
            raise ValueError(
                f"tokenizer has {tokenizer.vocabulary_size} ids, the model {config.vocab_size}: "
                "it must be the one that the model was trained with"
            )
        if tokenizer.special_ids.pad != config.pad_id:
            raise ValueError(
                f"tokenizer: its pad_id is {tokenizer.special_ids.pad}, the model's {config.pad_id}"
            )
        longest = config.num_positions
        if not isinstance(self.max_length, int) or not 3 <= self.max_length <= longest:
            raise ValueError(
                f"max_length must be at least 3 and at most the model's {longest} positions; "
                f"got {self.max_length!r}"
            )


def check_texts(name, texts):
    """`texts` as a list.

    Raises:
        TypeError: it is one string.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{name} must be a list of str; got one string: put it in a list")
    return list(texts)


def pretrained_model(model_class, folder, needed):
    """A model with released weights, for a task that uses only some of its parts.

    Args:
        model_class: of `zoo.models`.
        folder: as `zoo.checkpoints.pretrained_folder` gives it.
        needed: parts, of `zoo.checkpoints.BERT_PARTS`, that the folder must have. Others that it
            lacks start with random weights, without a warning: nobody uses them.

    Raises:
        FileNotFoundError, ValueError: as for `zoo.models.BERT.from_pretrained`; or the folder lacks
            a needed part.
    """
    checkpoint = checkpoints.open_bert(folder)
    missing = [checkpoints.BERT_PARTS[part] for part in needed if not checkpoint.has(part)]
    if missing:
        raise ValueError(
            f"{folder} holds a {checkpoint.architecture or 'BERT'} without {', '.join(missing)}"
        )
    model = model_class(checkpoint.fields)
    checkpoint.load(checkpoints.named_weights(model), model_class.parts)
    return model


def chosen(pieces, members):
    """Some rows of `Pieces`, or None."""
    if pieces is None:
        return None
    return Pieces(*([field[i] for i in members] for field in pieces))


def _filled_up(array, num_rows, widest):
    """(n, T) with zeros below and to the right: num_rows, and columns in eights up to `widest`."""
    n, length = array.shape
    width = min(-(-length // 8) * 8, widest)
    return np.pad(array, ((0, num_rows - n), (0, width - length)))


def _to_numpy(answers, num_rows):
    import keras

    return keras.tree.map_structure(
        lambda tensor: keras.ops.convert_to_numpy(tensor)[:num_rows], answers
    )
