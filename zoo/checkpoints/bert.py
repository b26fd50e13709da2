"""BERT (Devlin et al. 2018, arXiv:1810.04805) as the transformers library stores it."""

from pathlib import Path
from typing import NamedTuple

from zoo.checkpoints.bert_original import open_original
from zoo.checkpoints.bert_table import BertCheckpoint, HuggingFaceNames, bert_table
from zoo.checkpoints.config_json import (
    check_required,
    read_activation,
    refuse,
    renamed_fields,
    stored_activation,
)
from zoo.checkpoints.safetensors_folder import (
    CONFIG_FILE,
    TensorFiles,
    read_json,
    write_folder_files,
)
from zoo.checkpoints.tables import foreign_tensors

ORIGINAL_CONFIG_FILE = "bert_config.json"

# Fields of config.json and the only value that our BERT computes; absent means this value.
_REQUIRED = {
    "model_type": "bert",
    "is_decoder": False,
    "add_cross_attention": False,
    "position_embedding_type": "absolute",
    "tie_word_embeddings": True,
    "pruned_heads": {},
    "quantization_config": None,
}

# Their names of what our configuration has; the values are the same.
_SAME = {
    "vocab_size": "vocab_size",
    "hidden_dim": "hidden_size",
    "feed_forward_dim": "intermediate_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_positions": "max_position_embeddings",
    "num_segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "norm_epsilon": "layer_norm_eps",
    "initializer_range": "initializer_range",
    "pad_id": "pad_token_id",
}

# What the transformers library takes where config.json is silent.
_DEFAULTS = {
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}


class HeadLabels(NamedTuple):
    """What the outputs of a checkpoint's head mean.

    Fields:
        names: of each output, in order; () where none are given.
        problem_type: "single_label_classification", "multi_label_classification", "regression", or
            None where it does not say.
    """

    names: tuple
    problem_type: str | None


def open_bert(folder):
    """The checkpoint in `folder`: of the transformers library, or an original one.

    Args:
        folder: holds `config.json` and safetensors, or `bert_config.json` and `bert_model.ckpt.*`.

    Returns:
        A `BertCheckpoint`.

    Raises:
        FileNotFoundError: the configuration or the weights are missing; pickled weights are
            refused, with the way out.
        ValueError: a file is damaged, or a field of the configuration is not supported.
    """
    folder = Path(folder)
    if not (folder / CONFIG_FILE).exists() and (folder / ORIGINAL_CONFIG_FILE).exists():
        fields = config_from_bert(read_json(folder, ORIGINAL_CONFIG_FILE))
        names, tensors = open_original(folder)
        return BertCheckpoint(folder, fields, None, names, tensors)
    config = read_json(folder, CONFIG_FILE)
    fields = config_from_bert(config)
    tensors = TensorFiles(folder)
    names = HuggingFaceNames(prefixed=any(name.startswith("bert.") for name in tensors))
    architecture, *_ = config.get("architectures") or [None]
    return BertCheckpoint(folder, fields, architecture, names, tensors)


def config_from_bert(config):
    """`config.json` or `bert_config.json` of a BERT -> fields of `zoo.models.BERTConfig`.

    Raises:
        ValueError: a field is missing, or asks for something that is not supported.
    """
    check_required(config, _REQUIRED)
    config = {**_DEFAULTS, **config}
    if config.get("pad_token_id") is None:
        config["pad_token_id"] = 0
    return {
        **renamed_fields(config, _SAME),
        "classifier_dropout": config["classifier_dropout"],
        "activation": read_activation(config, "hidden_act"),
    }


def config_to_bert(fields, architecture, labels=(), problem_type=None):
    """Fields of `zoo.models.BERTConfig` -> `config.json` of a BERT.

    Args:
        fields: dict.
        architecture: class of the transformers library, such as "BertModel".
        labels, problem_type: see `HeadLabels`.

    Raises:
        ValueError: an activation that the transformers library has not.
    """
    config = {
        "architectures": [architecture],
        "model_type": _REQUIRED["model_type"],
        **{theirs: fields[ours] for ours, theirs in _SAME.items()},
        "hidden_act": stored_activation(fields["activation"], "BERT"),
        "classifier_dropout": fields["classifier_dropout"],
        "dtype": "float32",
    }
    if labels:
        config["id2label"] = {str(i): label for i, label in enumerate(labels)}
        config["label2id"] = {label: i for i, label in enumerate(labels)}
    if problem_type is not None:
        config["problem_type"] = problem_type
    return config


def labels_of_bert(folder):
    """The `HeadLabels` of a Hugging Face folder.

    Raises:
        FileNotFoundError, ValueError: as `open_bert`; or the names are not numbered from 0.
    """
    config = read_json(folder, CONFIG_FILE)
    named = config.get("id2label") or {}
    if sorted(named) != sorted(str(i) for i in range(len(named))):
        refuse("id2label", named, "a name for each of 0, 1, 2, ...")
    names = tuple(named[str(i)] for i in range(len(named)))
    return HeadLabels(names, config.get("problem_type"))


def write_bert(folder, config, variables, fields, parts):
    """Write `config.json` and `model.safetensors` into an existing folder.

    Args:
        folder: path.
        config: from `config_to_bert`.
        variables: {path: variable}, all of a model.
        fields: of `zoo.models.BERTConfig`.
        parts: those of `zoo.checkpoints.bert_table.PARTS` that the model has.
    """
    names = HuggingFaceNames(prefixed=config["architectures"] != ["BertModel"])
    table = bert_table(names, fields["num_layers"], parts)
    write_folder_files(folder, config, foreign_tensors(variables, table))
