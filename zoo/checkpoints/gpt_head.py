"""What stands on a GPT's blocks in the transformers library's folders: logits, or a reward."""

import dataclasses
from collections.abc import Callable

from zoo.checkpoints.tables import TRANSPOSED, Entry

_TABLE = "token_embedding/table/embeddings"


@dataclasses.dataclass(frozen=True)
class GPTHead:
    """A head, and the table of embeddings, which logits may share.

    Attributes:
        architectures: {model_type: class of the transformers library}.
        entries: function of the fields of `zoo.models.GPTConfig` and the name of the table of
            embeddings there -> tuple of `Entry`.
        config: what `config.json` says besides.
    """

    architectures: dict
    entries: Callable
    config: dict = dataclasses.field(default_factory=dict)


def _logits(fields, tokens):
    head = "lm_head.weight"
    if fields["tied_logits"]:
        return (Entry(_TABLE, (tokens,), copies=(head,)),)
    return Entry(_TABLE, (tokens,)), Entry("output_projection/kernel", (head,), TRANSPOSED)


def _reward(fields, tokens):
    return Entry(_TABLE, (tokens,)), Entry("score/kernel", ("score.weight",), TRANSPOSED)


LOGITS = GPTHead({"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM"}, _logits)
REWARD = GPTHead(
    {"gpt2": "GPT2ForSequenceClassification", "llama": "LlamaForSequenceClassification"},
    _reward,
    {"id2label": {"0": "reward"}, "label2id": {"reward": 0}},
)
