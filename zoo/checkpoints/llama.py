"""Llama (Touvron et al. 2023, arXiv:2302.13971) as the transformers library stores it; the folders
of TinyLlama and SmolLM, among others, have the same format."""

from zoo.checkpoints.config_json import check_required, read_activation, refuse, renamed_fields
from zoo.checkpoints.gpt2 import IDS, special_ids
from zoo.checkpoints.gpt_head import LOGITS
from zoo.checkpoints.tables import TRANSPOSED, Entry, Table, repeated

# Fields of config.json and the only value that our GPT computes; absent means this value.
_REQUIRED = {
    "model_type": "llama",
    "pretraining_tp": 1,
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
    "norm_epsilon": "rms_norm_eps",
    "attention_dropout": "attention_dropout",
    "initializer_range": "initializer_range",
}

# What the transformers library takes where config.json is silent.
_DEFAULTS = {
    "num_key_value_heads": None,
    "head_dim": None,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}

# What our configuration must say for Llama to compute the same.
LLAMA_FIXED = {
    "positions": "rotary",
    "norm": "rms",
    "gated": True,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
}


def config_from_llama(config):
    """`config.json` of a Llama -> fields of `zoo.models.GPTConfig`.

    Where several ids end a text, `end_id` is the first; `zoo.checkpoints.end_ids` has all.

    Raises:
        ValueError: a field is missing, or asks for something that is not supported.
    """
    check_required(config, _REQUIRED)
    config = {**_DEFAULTS, **config}
    if config["mlp_bias"] != config["attention_bias"]:
        refuse("mlp_bias", config["mlp_bias"], f"attention_bias = {config['attention_bias']}")
    heads, shared = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["head_dim"]
    return {
        **LLAMA_FIXED,
        **renamed_fields(config, _SAME),
        **special_ids(config),
        **_rotary(config),
        "num_key_value_heads": None if shared == heads else shared,
        "head_dim": None if size == config["hidden_size"] / heads else size,
        "activation": read_activation(config, "hidden_act"),
        "use_bias": config["attention_bias"],
        "tied_logits": config["tie_word_embeddings"],
    }


def _rotary(config):
    """Base and scaling: one field since version 5 of the library, two before."""
    rope = config.get("rope_parameters") or {}
    scaling = {**(config.get("rope_scaling") or {}), **rope}
    base = scaling.pop("rope_theta", None) or config.get("rope_theta") or 10000.0
    part = scaling.pop("partial_rotary_factor", None) or config.get("partial_rotary_factor") or 1.0
    if part != 1.0:
        refuse("partial_rotary_factor", part, 1.0)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    return {
        "rotary_base": float(base),
        "rotary_scaling": None if kind == "default" else {**scaling, "rope_type": kind},
    }


def config_to_llama(fields, activation):
    """Fields of `zoo.models.GPTConfig` that agree with `LLAMA_FIXED` -> `config.json`; `activation`
    by its name there."""
    scaling = fields["rotary_scaling"] or {"rope_type": "default"}
    heads = fields["num_heads"]
    return {
        "model_type": "llama",
        **{theirs: fields[ours] for ours, theirs in (*_SAME.items(), *IDS.items())},
        "num_key_value_heads": fields["num_key_value_heads"] or heads,
        "head_dim": fields["head_dim"] or fields["hidden_dim"] // heads,
        "hidden_act": activation,
        "attention_bias": fields["use_bias"],
        "mlp_bias": fields["use_bias"],
        "rope_parameters": {**scaling, "rope_theta": fields["rotary_base"]},
        # Versions of the library before 5 read these two.
        "rope_theta": fields["rotary_base"],
        "rope_scaling": fields["rotary_scaling"],
        "tie_word_embeddings": fields["tied_logits"],
        "dtype": "float32",
    }


def llama_table(fields, prefixed=True, head=LOGITS):
    """The `Table` of the transformers library's Llama.

    Args:
        fields: of `zoo.models.GPTConfig`.
        prefixed: whether the blocks lie under "model.", as in all classes but `LlamaModel`.
        head: a `GPTHead`.
    """
    prefix = "model." if prefixed else ""
    ours, theirs = "decoder/block_{i}", f"{prefix}layers.{{i}}"
    heads = fields["num_heads"]
    shared = fields["num_key_value_heads"] or heads

    def dense(layer, *names, shares=()):
        entry = Entry(
            f"{ours}/{layer}/kernel",
            tuple(f"{theirs}.{name}.weight" for name in names),
            TRANSPOSED,
            shares=shares,
        )
        if not fields["use_bias"]:
            return (entry,)
        biases = tuple(f"{theirs}.{name}.bias" for name in names)
        return entry, Entry(f"{ours}/{layer}/bias", biases, shares=shares)

    projections = [f"self_attn.{part}_proj" for part in "qkv"]
    block = (
        Entry(f"{ours}/self_attention_add_norm/norm/scale", (f"{theirs}.input_layernorm.weight",)),
        *dense("self_attention/query_key_value", *projections, shares=(heads, shared, shared)),
        *dense("self_attention/output", "self_attn.o_proj"),
        Entry(
            f"{ours}/feed_forward_add_norm/norm/scale",
            (f"{theirs}.post_attention_layernorm.weight",),
        ),
        *dense("feed_forward/inner", "mlp.gate_proj", "mlp.up_proj"),
        *dense("feed_forward/outer", "mlp.down_proj"),
    )
    entries = (
        *head.entries(fields, f"{prefix}embed_tokens.weight"),
        *repeated(block, fields["num_layers"]),
        Entry("decoder/final_norm/scale", (f"{prefix}norm.weight",)),
    )
    # Frequencies that earlier versions of the library stored.
    frequencies = [
        f"{prefix}layers.{i}.self_attn.rotary_emb.inv_freq" for i in range(fields["num_layers"])
    ]
    return Table(entries, tuple(frequencies))
