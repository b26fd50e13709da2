"""BERT with a head for a kind of task: models on ids to compile and fit."""

import keras
from keras import ops

from zoo.folders import new_folder
from zoo.layers.arguments import positive
from zoo.models.bert_encoder import BERTEncoder
from zoo.models.inputs import numbers_below

# Logits of padding: no probability is left after a softmax, and float16 can hold it.
_NEVER = -3e4

# Of a head that is only ever fine-tuned. A short training ends before one of the small
# `initializer_range` has grown: the entities of WNUT17, MiniLM and three epochs, reach an F1 of
# 0.49 to 0.53 from a standard deviation of 0.02, 0.55 to 0.56 from 0.03 and 0.57 to 0.58 from 0.07,
# which is what this comes to there.
_HEAD_INITIALIZER = "glorot_uniform"


class _Labelled(BERTEncoder):
    """A head with a logit a label: dropout and a last product."""

    def __init__(self, config, num_labels, **kwargs):
        super().__init__(config, **kwargs)
        self.num_labels = positive("num_labels", num_labels)
        rate = self.config.classifier_dropout
        rate = self.config.dropout if rate is None else rate
        self.classifier_dropout = self._dropout("classifier_dropout", rate)
        self.classifier = self._output("classifier", self.num_labels, _HEAD_INITIALIZER)

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None, num_labels=None):
        """A model with released weights.

        Args:
            folder_or_hub_name: as for `BERT.from_pretrained`.
            revision: branch, tag or commit of a hub name.
            num_labels: None: the head of the folder, with as many labels as it has. A number: a
                fresh head, whatever the folder holds, to be trained.

        Raises:
            FileNotFoundError: as for `BERT.from_pretrained`.
            ValueError: as for `BERT.from_pretrained`; or num_labels is None and the folder has no
                head of this kind.
        """
        checkpoint = cls._open(folder_or_hub_name, revision)
        parts = cls.parts
        if num_labels is None:
            num_labels = checkpoint.num_labels(cls.architecture)
        else:
            parts = tuple(part for part in parts if part != "classifier")
        return cls(checkpoint.fields, num_labels)._loaded(checkpoint, parts)

    def save_pretrained(self, folder, labels=None):
        """Write a new folder that `from_pretrained` and the transformers library read.

        Args:
            folder: path that must not exist yet.
            labels: list of names for the outputs, in order; None: "LABEL_0", "LABEL_1", ...

        Raises:
            FileExistsError: `folder` exists.
            ValueError: labels are not `num_labels` different names; or as for `BERT`.
        """
        with new_folder(folder) as temporary:
            self.write_pretrained(temporary, labels)

    def write_pretrained(self, folder, labels=None, problem_type=None):
        """`save_pretrained` into a folder that exists, for a task that writes more beside it."""
        if labels is None:
            labels = [f"LABEL_{i}" for i in range(self.num_labels)]
        if len(set(labels)) != self.num_labels or len(labels) != self.num_labels:
            raise ValueError(f"labels must be {self.num_labels} different names; got {labels}")
        super().write_pretrained(folder, labels, problem_type)

    def get_config(self):
        return {**super().get_config(), "num_labels": self.num_labels}


@keras.saving.register_keras_serializable("zoo")
class BERTClassifier(_Labelled):
    """Logits of a text or a pair of texts (Devlin et al. 2018, 4.1).

    Inputs as for `BERT` -> logits (B, L): dropout and a product of the pooled output. The loss says
    what they mean: L classes (`SparseCategoricalCrossentropy(from_logits=True)`), L labels that
    hold or not (`BinaryCrossentropy(from_logits=True)`), or with num_labels=1 a number
    (`MeanSquaredError`).

    Args:
        config: a `BERTConfig`, or a dict of its fields.
        num_labels: L.
    """

    architecture = "BertForSequenceClassification"
    parts = ("pooler", "classifier")

    def __init__(self, config, num_labels, **kwargs):
        super().__init__(config, num_labels, **kwargs)
        self.pooler = self._pooler()
        self.build()

    def outputs(self, inputs):
        sequence, _ = self.encode(inputs)
        return self.classifier(self.classifier_dropout(self.pool(sequence)))


@keras.saving.register_keras_serializable("zoo")
class BERTTagger(_Labelled):
    """Logits of every token (Devlin et al. 2018, 5.3).

    Inputs as for `BERT` -> logits (B, T, L). A word's tag belongs to its first piece; the other
    pieces, special tokens and padding have sample_weight 0. There is no pooler.

    Args:
        config: a `BERTConfig`, or a dict of its fields.
        num_labels: L, of IOB2 tags for entities.
    """

    architecture = "BertForTokenClassification"
    parts = ("classifier",)

    def __init__(self, config, num_labels, **kwargs):
        super().__init__(config, num_labels, **kwargs)
        self.build()

    def outputs(self, inputs):
        sequence, _ = self.encode(inputs)
        return self.at_every_position(self.classifier, self.classifier_dropout(sequence))


@keras.saving.register_keras_serializable("zoo")
class BERTSpanSelector(BERTEncoder):
    """Where an answer starts and where it ends (Devlin et al. 2018, 4.2).

    Inputs as for `BERT` -> {"start_logits": (B, T), "end_logits": (B, T)}: a softmax over T gives
    the probability of each token to be the first, or the last. Padding has -30000. There is no
    pooler.

    Args:
        config: a `BERTConfig`, or a dict of its fields.
    """

    architecture = "BertForQuestionAnswering"
    parts = ("span",)

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.span = self._output("span", 2, _HEAD_INITIALIZER)
        self.build()

    def outputs(self, inputs):
        sequence, real = self.encode(inputs)
        logits = self.at_every_position(self.span, sequence)  # (B, T, 2)
        logits = ops.where(real[..., None], logits, ops.cast(_NEVER, logits.dtype))
        return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}


@keras.saving.register_keras_serializable("zoo")
class BERTPretrainer(BERTEncoder):
    """Masked language model and next sentence prediction (Devlin et al. 2018, 3.1 and A.1).

    Inputs as for `BERT`, and "mask_positions" (B, M) int where wanted: the columns to predict,
    filled up with any column whose sample_weight is 0. -> {"mlm_logits": (B, M, V), or (B, T, V)
    without mask_positions, "nsp_logits": (B, 2), the second for a random next sentence}.

    The vocabulary's logits are products with the token embedding itself, of vectors that went
    through a Dense, an activation and a norm, plus a bias.

    Args:
        config: a `BERTConfig`, or a dict of its fields.
    """

    architecture = "BertForPreTraining"
    parts = ("pooler", "mlm", "nsp")
    more_inputs = ("mask_positions",)

    def __init__(self, config, **kwargs):
        super().__init__(config, logits_bias=True, **kwargs)
        self.pooler = self._pooler()
        self.nsp = self._output("nsp", 2)
        self.mlm_dense = self._dense("mlm_dense", self.config.hidden_dim, self.config.activation)
        self.mlm_norm = self._norm("mlm_norm")
        self.build()

    def outputs(self, inputs):
        sequence, _ = self.encode(inputs)
        nsp_logits = self.nsp(self.pool(sequence))
        positions = inputs.get("mask_positions")
        if positions is not None:
            sequence = self._at(sequence, positions)  # (B, M, D)
        transformed = self.mlm_norm(self.at_every_position(self.mlm_dense, sequence))
        return {
            "mlm_logits": self.token_embedding.logits(transformed),
            "nsp_logits": nsp_logits,
        }

    def _at(self, sequence, positions):
        """Vectors at some columns: (B, T, D), (B, M) int -> (B, M, D)."""
        rows, length, size = ops.shape(sequence)
        limit = length if isinstance(length, int) else self.config.num_positions
        positions = numbers_below("mask_positions", positions, limit, "columns of token_ids")
        given, wanted = positions.shape[0], sequence.shape[0]
        if None not in (given, wanted) and given != wanted:
            raise ValueError(f"mask_positions must have {wanted} rows, as token_ids; got {given}")
        first = ops.arange(rows, dtype="int32")[:, None] * length  # (B, 1)
        flat = ops.reshape(sequence, (-1, size))
        return ops.take(flat, first + ops.cast(positions, "int32"), axis=0)
