"""Marian (OPUS-MT; Junczys-Dowmunt et al. 2018, arXiv:1804.00344) as the transformers library
stores it: configuration and names of tensors."""

import dataclasses

from zoo.checkpoints.config_json import (
    check_required,
    read_activation,
    refuse,
    renamed_fields,
    stored_activation,
)
from zoo.checkpoints.tables import ONE_ROW, Entry, Table, linear, repeated

# Fields of config.json and the only value that our Transformer computes; absent means this value.
_REQUIRED = {
    "model_type": "marian",
    "is_encoder_decoder": True,
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
    "add_bias_logits": False,
    "static_position_embeddings": True,
    "tie_word_embeddings": True,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "quantization_config": None,
}

# Their names of what our configuration has; the values are the same.
_SAME = {
    "hidden_dim": "d_model",
    "num_encoder_layers": "encoder_layers",
    "num_decoder_layers": "decoder_layers",
    "num_heads": "encoder_attention_heads",
    "decoder_num_heads": "decoder_attention_heads",
    "feed_forward_dim": "encoder_ffn_dim",
    "decoder_feed_forward_dim": "decoder_ffn_dim",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "scale_embedding": "scale_embedding",
    "pad_id": "pad_token_id",
    "start_id": "decoder_start_token_id",
    "end_id": "eos_token_id",
}

# What the transformers library takes where config.json is silent.
_DEFAULTS = {
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "scale_embedding": False,
    "activation_function": "gelu",
    "dropout": 0.1,
}

# What our configuration must say for Marian to compute the same.
_FIXED = {"norm_order": "post", "norm_epsilon": 1e-5, "positions": "half", "logits_bias": True}


def config_from_marian(config):
    """`config.json` of a Marian model -> fields of `zoo.models.TransformerConfig`.

    Raises:
        ValueError: a field is missing, or asks for something that is not supported.
    """
    check_required(config, _REQUIRED)
    config = {**_DEFAULTS, **config}
    return {
        **_FIXED,
        **renamed_fields(config, _SAME),
        "activation": read_activation(config, "activation_function"),
        **_vocabulary_sizes(config),
    }


def _vocabulary_sizes(config):
    if config.get("vocab_size") is None:
        raise ValueError("config.json: vocab_size is missing")
    source = config["vocab_size"]
    target = config.get("decoder_vocab_size") or source
    if not config.get("share_encoder_decoder_embeddings", True):
        return {"vocab_size": target, "source_vocab_size": source}
    if target != source:
        refuse("decoder_vocab_size", target, f"vocab_size = {source}, as embeddings are shared")
    return {"vocab_size": source, "source_vocab_size": None}


def config_to_marian(fields, num_positions=1024):
    """Fields of `zoo.models.TransformerConfig` -> `config.json` of a Marian model.

    Args:
        fields: dict.
        num_positions: length of the table of sinusoids there; ours has no longest position.

    Raises:
        ValueError: a field has a value that Marian cannot express.
    """
    for name, value in _FIXED.items():
        if fields[name] != value:
            raise ValueError(
                f"{name} must be {value!r} to be stored as a Marian model; got {fields[name]!r}. "
                "A model meant for it is made with "
                + ", ".join(f"{each}={needed!r}" for each, needed in _FIXED.items())
            )
    fields = {
        **fields,
        "decoder_num_heads": fields["decoder_num_heads"] or fields["num_heads"],
        "decoder_feed_forward_dim": fields["decoder_feed_forward_dim"]
        or fields["feed_forward_dim"],
    }
    source = fields["source_vocab_size"]
    return {
        "architectures": ["MarianMTModel"],
        **{name: value for name, value in _REQUIRED.items() if value is not None},
        **{theirs: fields[ours] for ours, theirs in _SAME.items()},
        "activation_function": stored_activation(fields["activation"], "Marian"),
        "vocab_size": source or fields["vocab_size"],
        "decoder_vocab_size": fields["vocab_size"],
        "share_encoder_decoder_embeddings": source is None,
        "forced_eos_token_id": fields["end_id"],
        "max_position_embeddings": num_positions,
        "dtype": "float32",
    }


def marian_table(fields):
    """The `Table` for a Transformer with these fields of `TransformerConfig`."""
    encoder = (*_self_attention(), *_feed_forward())
    decoder = (*_self_attention(), *_cross_attention(), *_feed_forward())
    entries = (
        *_embeddings(fields["source_vocab_size"] is None),
        *repeated(_in_blocks("encoder", encoder), fields["num_encoder_layers"]),
        *repeated(_in_blocks("decoder", decoder), fields["num_decoder_layers"]),
    )
    ignored = tuple(f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder"))
    return Table(entries, ignored)


def _embeddings(shared):
    encoder, decoder = (f"model.{side}.embed_tokens.weight" for side in ("encoder", "decoder"))
    bias = Entry("target_embedding/bias", ("final_logits_bias",), ONE_ROW, zeros_if_absent=True)
    target, source = "target_embedding/table/embeddings", "source_embedding/table/embeddings"
    if shared:
        copies = (encoder, decoder, "lm_head.weight")
        return bias, Entry(target, ("model.shared.weight",), copies=copies)
    tied = Entry(target, (decoder,), copies=("lm_head.weight",))
    return bias, tied, Entry(source, (encoder,))


def _norm(ours, theirs):
    return (
        Entry(f"{ours}/norm/gamma", (f"{theirs}.weight",)),
        Entry(f"{ours}/norm/beta", (f"{theirs}.bias",)),
    )


def _self_attention():
    projections = (f"self_attn.{part}_proj" for part in "qkv")
    return (
        *linear("self_attention/query_key_value", *projections),
        *linear("self_attention/output", "self_attn.out_proj"),
        *_norm("self_attention_add_norm", "self_attn_layer_norm"),
    )


def _cross_attention():
    return (
        *linear("cross_attention/query", "encoder_attn.q_proj"),
        *linear("cross_attention/key_value", "encoder_attn.k_proj", "encoder_attn.v_proj"),
        *linear("cross_attention/output", "encoder_attn.out_proj"),
        *_norm("cross_attention_add_norm", "encoder_attn_layer_norm"),
    )


def _feed_forward():
    return (
        *linear("feed_forward/inner", "fc1"),
        *linear("feed_forward/outer", "fc2"),
        *_norm("feed_forward_add_norm", "final_layer_norm"),
    )


def _in_blocks(side, entries):
    """Entries of one block -> entries of block {i} of a stack."""
    return [
        dataclasses.replace(
            entry,
            variable=f"{side}/block_{{i}}/{entry.variable}",
            tensors=tuple(f"model.{side}.layers.{{i}}.{name}" for name in entry.tensors),
        )
        for entry in entries
    ]
