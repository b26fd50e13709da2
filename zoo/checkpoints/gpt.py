"""GPT in other people's folders: which format it is, and the way in and out."""

import dataclasses
from pathlib import Path

from zoo.checkpoints.config_json import refuse, stored_activation
from zoo.checkpoints.gpt2 import (
    GPT2_FIXED,
    config_from_gpt2,
    config_from_hparams,
    config_to_gpt2,
    gpt2_table,
    original_gpt2_table,
)
from zoo.checkpoints.gpt_head import LOGITS
from zoo.checkpoints.llama import LLAMA_FIXED, config_from_llama, config_to_llama, llama_table
from zoo.checkpoints.original_tensors import OriginalTensors, find_original
from zoo.checkpoints.safetensors_folder import (
    CONFIG_FILE,
    TensorFiles,
    read_json,
    write_folder_files,
)
from zoo.checkpoints.tables import Table, foreign_tensors, load_weights

HPARAMS_FILE = "hparams.json"

# model_type in config.json: configuration and table of each format, and the prefix of its blocks.
_FORMATS = {
    "gpt2": (config_from_gpt2, gpt2_table, "transformer."),
    "llama": (config_from_llama, llama_table, "model."),
}


@dataclasses.dataclass(frozen=True)
class GPTCheckpoint:
    """The weights of a GPT in a folder, not yet read.

    Attributes:
        folder: where they lie, for errors.
        config: the file that says what the model is, a dict.
        fields: of `zoo.models.GPTConfig`.
        table: a `Table` of their names.
        tensors: mapping from their names to arrays, with a method `shape(name)`.
    """

    folder: object
    config: dict
    fields: dict
    table: Table
    tensors: object

    def load(self, variables):
        """Assign to {path: variable}, all or nothing.

        Raises:
            ValueError: tensors do not fit; all mismatches are listed.
        """
        load_weights(variables, self.tensors, self.table, self.folder)


def open_gpt(folder, head=LOGITS):
    """The checkpoint in `folder`: a GPT-2 or Llama of the transformers library, or an original
    GPT-2.

    Args:
        folder: holds `config.json` and safetensors, or `hparams.json` and `model.ckpt.*`, which
            have logits.
        head: a `GPTHead`.

    Returns:
        A `GPTCheckpoint`.

    Raises:
        FileNotFoundError: the configuration or the weights are missing; pickled weights are
            refused, with the way out.
        ValueError: a file is damaged, or a field of the configuration is not supported.
    """
    folder = Path(folder)
    if not (folder / CONFIG_FILE).exists() and (folder / HPARAMS_FILE).exists():
        config = read_json(folder, HPARAMS_FILE)
        fields = config_from_hparams(config)
        tensors = OriginalTensors(find_original(folder, "model.ckpt"))
        return GPTCheckpoint(folder, config, fields, original_gpt2_table(fields), tensors)
    config = read_json(folder, CONFIG_FILE)
    if config.get("model_type") not in _FORMATS:
        refuse("model_type", config.get("model_type"), f"one of {tuple(_FORMATS)}")
    read_config, table, prefix = _FORMATS[config["model_type"]]
    fields = read_config(config)
    tensors = TensorFiles(folder)
    prefixed = any(name.startswith(prefix) for name in tensors)
    return GPTCheckpoint(folder, config, fields, table(fields, prefixed, head), tensors)


def write_gpt(folder, fields, variables, head=LOGITS, **more):
    """Write `config.json` and `model.safetensors` into an existing folder, in the one of the
    transformers library's formats that computes the same.

    Args:
        folder: path.
        fields: of `zoo.models.GPTConfig`.
        variables: {path: variable}, all of a model.
        head: a `GPTHead`.
        **more: fields of `config.json` that the transformers library does not know, and keeps.

    Raises:
        ValueError: no format computes the same.
    """
    activation = stored_activation(fields["activation"], "GPT")
    if _agree(fields, GPT2_FIXED) and _usual_heads(fields):
        config = config_to_gpt2(fields, activation)
        table = gpt2_table(fields, head=head)
    elif _agree(fields, LLAMA_FIXED) and fields["hidden_dim"] % fields["num_heads"] == 0:
        config = config_to_llama(fields, activation)
        table = llama_table(fields, head=head)
    else:
        raise ValueError(
            f"the transformers library has no such GPT: its GPT-2 needs {GPT2_FIXED}, as many "
            f"key/value heads as heads and no head_dim of its own; its Llama {LLAMA_FIXED} and a "
            "hidden_dim that num_heads divides"
        )
    architecture = head.architectures[config["model_type"]]
    config = {"architectures": [architecture], **config, **head.config, **more}
    write_folder_files(folder, config, foreign_tensors(variables, table))


def _agree(fields, fixed):
    # None, an embedding's dropout, stands for `dropout`, which is there as well.
    return all(fields[name] in (None, value) for name, value in fixed.items())


def _usual_heads(fields):
    heads = fields["num_heads"]
    usual = {"num_key_value_heads": heads, "head_dim": fields["hidden_dim"] / heads}
    return all(fields[name] in (None, value) for name, value in usual.items())
