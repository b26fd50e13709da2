"""BERT: vectors of tokens and of the whole text."""

import keras

from zoo.models.bert_encoder import BERTEncoder


@keras.saving.register_keras_serializable("zoo")
class BERT(BERTEncoder):
    """Bidirectional encoder of one text or two (Devlin et al. 2018, arXiv:1810.04805, 3).

    `model({"token_ids": (B, T)})`, with "segment_ids" (B, T) and "padding_mask" (B, T) bool where
    wanted, -> {"sequence_output": (B, T, D), "pooled_output": (B, D)}. The pooled output is the
    first token's vector through a Dense and tanh. Vectors at padding mean nothing; on CPUs, on
    TensorFlow and torch, they are not computed and are zeros (see `EncoderStack`). For what the
    inputs are and what is raised see `BERTEncoder`.

    Args:
        config: a `BERTConfig`, or a dict of its fields.
    """

    architecture = "BertModel"
    parts = ("pooler",)

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.pooler = self._pooler()
        self.build()

    def outputs(self, inputs):
        sequence, _ = self.encode(inputs)
        return {"sequence_output": sequence, "pooled_output": self.pool(sequence)}
