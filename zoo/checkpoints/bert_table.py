"""Which tensor of a BERT checkpoint is which variable of ours, whoever stored it.

The tensors are walked through once, by the names of the transformers library; a `names` object
says how a library spells them and which way round it stores their numbers.
"""

import dataclasses

from zoo.checkpoints.tables import Entry, Table, linear, load_weights, repeated

# What may stand on top of the blocks; a checkpoint holds some of them.
PARTS = {
    "pooler": "pooler",
    "mlm": "head of the masked language model",
    "nsp": "head of next sentence prediction",
    "classifier": "classification head",
    "span": "head of question answering",
}


class HuggingFaceNames:
    """Names of the transformers library.

    Args:
        prefixed: whether the blocks lie under "bert.", as in all classes but `BertModel`.
    """

    tied = ("cls.predictions.decoder.weight",)
    _outputs = {"nsp": "cls.seq_relationship", "classifier": "classifier", "span": "qa_outputs"}

    def __init__(self, prefixed):
        self.prefixed = prefixed
        self.ignored = (self._name("bert.embeddings.position_ids"),)  # 0, 1, 2, ...

    def embedding(self, ours, theirs, copies=()):
        return Entry(ours, (f"{self._name(theirs)}.weight",), copies=copies)

    def dense(self, ours, *theirs):
        """A Dense, or several side by side."""
        return linear(ours, *(self._name(name) for name in theirs))

    def norm(self, ours, theirs):
        theirs = self._name(theirs)
        # gamma and beta: folders converted from the original checkpoints.
        return (
            Entry(f"{ours}/gamma", (f"{theirs}.weight",), copies=(f"{theirs}.gamma",)),
            Entry(f"{ours}/beta", (f"{theirs}.bias",), copies=(f"{theirs}.beta",)),
        )

    def vocabulary_bias(self, ours):
        return Entry(ours, ("cls.predictions.bias",), copies=("cls.predictions.decoder.bias",))

    def output(self, part):
        """The last product of `part`."""
        return self.dense(part, self._outputs[part])

    def _name(self, name):
        return name if self.prefixed else name.removeprefix("bert.")


def bert_table(names, num_layers, parts):
    """The `Table` of a BERT with some parts on top.

    Args:
        names: a `HuggingFaceNames` or `OriginalNames`.
        num_layers: number of blocks.
        parts: some of `PARTS`. The tensors of the others may be in a checkpoint, unread.
    """
    tied = names.tied if "mlm" in parts else ()
    entries = (
        *_embeddings(names, tied),
        *repeated(_block(names), num_layers),
        *(entry for part in parts for entry in part_entries(names, part)),
    )
    others = [entry for part in PARTS if part not in parts for entry in part_entries(names, part)]
    ignored = [name for entry in others for name in (*entry.tensors, *entry.copies)]
    return Table(entries, (*names.ignored, *names.tied, *ignored))


def part_entries(names, part):
    """The entries of one of `PARTS`."""
    if part == "pooler":
        return names.dense("pooler", "bert.pooler.dense")
    if part == "mlm":
        return (
            *names.dense("mlm_dense", "cls.predictions.transform.dense"),
            *names.norm("mlm_norm", "cls.predictions.transform.LayerNorm"),
            names.vocabulary_bias("token_embedding/bias"),
        )
    return names.output(part)


@dataclasses.dataclass(frozen=True)
class BertCheckpoint:
    """The weights of a BERT in a folder, not yet read.

    Attributes:
        folder: where they lie, for errors.
        fields: of `zoo.models.BERTConfig`.
        architecture: the transformers library's class that wrote it, or None.
        names: a `HuggingFaceNames` or `OriginalNames`.
        tensors: mapping from their names to arrays, with a method `shape(name)`.
    """

    folder: object
    fields: dict
    architecture: str | None
    names: object
    tensors: object

    def has(self, part):
        """Whether any tensor of one of `PARTS` is there."""
        return any(
            name in self.tensors
            for entry in part_entries(self.names, part)
            for name in (*entry.tensors, *entry.copies)
        )

    def num_labels(self, architecture):
        """Number of outputs of its classification head, which must be one of `architecture`.

        Raises:
            ValueError: there is none, or it is another class's.
        """
        other = self.architecture not in (architecture, None)
        if other or not self.has("classifier"):
            raise ValueError(
                f"{self.folder} holds a {self.architecture or 'BERT'} and no head of "
                f"{architecture}: give num_labels, and the model gets a fresh one"
            )
        kernel, bias = self.names.output("classifier")
        found = (name for name in (*kernel.tensors, *bias.tensors) if name in self.tensors)
        return self.tensors.shape(next(found))[0]

    def load(self, variables, parts):
        """Assign to {path: variable} the blocks and `parts`, all or nothing.

        Returns:
            Those of `parts` that are not in the checkpoint; their variables are left alone.

        Raises:
            ValueError: tensors do not fit; all mismatches are listed.
        """
        present = [part for part in parts if self.has(part)]
        table = bert_table(self.names, self.fields["num_layers"], present)
        wanted = {entry.variable for entry in table.entries}
        wanted = {path: variable for path, variable in variables.items() if path in wanted}
        load_weights(wanted, self.tensors, table, self.folder)
        return tuple(part for part in parts if part not in present)


def _embeddings(names, tied):
    words, positions, segments = (
        f"bert.embeddings.{kind}_embeddings" for kind in ("word", "position", "token_type")
    )
    return (
        names.embedding("token_embedding/table/embeddings", words, tied),
        names.embedding("positions/table/embeddings", positions),
        names.embedding("segment_embedding/embeddings", segments),
        *names.norm("embedding_norm", "bert.embeddings.LayerNorm"),
    )


def _block(names):
    ours, theirs = "encoder/block_{i}", "bert.encoder.layer.{i}"
    heads = (f"{theirs}.attention.self.{part}" for part in ("query", "key", "value"))
    return (
        *names.dense(f"{ours}/self_attention/query_key_value", *heads),
        *names.dense(f"{ours}/self_attention/output", f"{theirs}.attention.output.dense"),
        *names.norm(f"{ours}/self_attention_add_norm/norm", f"{theirs}.attention.output.LayerNorm"),
        *names.dense(f"{ours}/feed_forward/inner", f"{theirs}.intermediate.dense"),
        *names.dense(f"{ours}/feed_forward/outer", f"{theirs}.output.dense"),
        *names.norm(f"{ours}/feed_forward_add_norm/norm", f"{theirs}.output.LayerNorm"),
    )
