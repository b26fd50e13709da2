"""GPT-2 (Radford et al. 2019) as the transformers library and as OpenAI store it."""

from zoo.checkpoints.config_json import (
    check_required,
    one_id,
    read_activation,
    renamed_fields,
)
from zoo.checkpoints.gpt_head import LOGITS
from zoo.checkpoints.tables import ONE_ROW, Entry, Table, repeated

# Fields of config.json and the only value that our GPT computes; absent means this value.
_REQUIRED = {
    "model_type": "gpt2",
    "add_cross_attention": False,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "quantization_config": None,
}

# Their names of what our configuration has; the values are the same.
_SAME = {
    "vocab_size": "vocab_size",
    "hidden_dim": "n_embd",
    "num_layers": "n_layer",
    "num_heads": "n_head",
    "num_positions": "n_positions",
    "norm_epsilon": "layer_norm_epsilon",
    "dropout": "resid_pdrop",
    "embedding_dropout": "embd_pdrop",
    "attention_dropout": "attn_pdrop",
    "initializer_range": "initializer_range",
}
IDS = {"start_id": "bos_token_id", "end_id": "eos_token_id", "pad_id": "pad_token_id"}

# What the transformers library takes where config.json is silent.
_DEFAULTS = {
    "n_positions": 1024,
    "n_inner": None,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "resid_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
    "initializer_range": 0.02,
    "bos_token_id": 50256,
    "eos_token_id": 50256,
    "pad_token_id": None,
    "tie_word_embeddings": True,
}

# What our configuration must say for GPT-2 to compute the same.
GPT2_FIXED = {"positions": "learned", "norm": "layer", "gated": False, "use_bias": True}


def config_from_gpt2(config):
    """`config.json` of a GPT-2 -> fields of `zoo.models.GPTConfig`.

    Raises:
        ValueError: a field is missing, or asks for something that is not supported.
    """
    check_required(config, _REQUIRED)
    config = {**_DEFAULTS, **config}
    return {
        **GPT2_FIXED,
        **renamed_fields(config, _SAME),
        **special_ids(config),
        "feed_forward_dim": config["n_inner"] or 4 * config["n_embd"],
        "activation": read_activation(config, "activation_function"),
        "tied_logits": config["tie_word_embeddings"],
    }


def special_ids(config):
    """The special ids of a `config.json` by our names."""
    return {ours: one_id(config[theirs], config["vocab_size"]) for ours, theirs in IDS.items()}


def config_from_hparams(hparams):
    """`hparams.json` of an original GPT-2 -> fields of `zoo.models.GPTConfig`.

    Raises:
        ValueError: a field is missing.
    """
    names = {
        "vocab_size": "n_vocab",
        "hidden_dim": "n_embd",
        "num_layers": "n_layer",
        "num_heads": "n_head",
        "num_positions": "n_ctx",
    }
    fields = renamed_fields(hparams, names)
    last = fields["vocab_size"] - 1  # <|endoftext|>
    return {
        **GPT2_FIXED,
        **fields,
        "feed_forward_dim": 4 * fields["hidden_dim"],
        "tied_logits": True,
        "start_id": last,
        "end_id": last,
    }


def config_to_gpt2(fields, activation):
    """Fields of `zoo.models.GPTConfig` that agree with `GPT2_FIXED` -> `config.json`; `activation`
    by its name there."""
    dropout = fields["embedding_dropout"]
    fields = {**fields, "embedding_dropout": fields["dropout"] if dropout is None else dropout}
    return {
        "model_type": "gpt2",
        **{theirs: fields[ours] for ours, theirs in (*_SAME.items(), *IDS.items())},
        "n_ctx": fields["num_positions"],
        "n_inner": fields["feed_forward_dim"],
        "activation_function": activation,
        "tie_word_embeddings": fields["tied_logits"],
        "dtype": "float32",
    }


def gpt2_table(fields, prefixed=True, head=LOGITS):
    """The `Table` of the transformers library's GPT-2.

    Args:
        fields: of `zoo.models.GPTConfig`.
        prefixed: whether the blocks lie under "transformer.", as in all classes but `GPT2Model`.
        head: a `GPTHead`.
    """
    prefix = "transformer." if prefixed else ""

    def dense(ours, theirs):
        # Conv1D there, stored (in, out) like ours.
        theirs = f"{prefix}h.{{i}}.{theirs}"
        ours = f"decoder/block_{{i}}/{ours}"
        return Entry(f"{ours}/kernel", (f"{theirs}.weight",)), Entry(
            f"{ours}/bias", (f"{theirs}.bias",)
        )

    def norm(ours, theirs):
        return (
            Entry(f"{ours}/gamma", (f"{prefix}{theirs}.weight",)),
            Entry(f"{ours}/beta", (f"{prefix}{theirs}.bias",)),
        )

    embedded = head.entries(fields, f"{prefix}wte.weight")
    entries = _entries(fields, dense, norm, embedded, f"{prefix}wpe.weight")
    # Masks that earlier versions of the library stored.
    masks = [
        f"{prefix}h.{i}.attn.{name}"
        for i in range(fields["num_layers"])
        for name in ("bias", "masked_bias")
    ]
    return Table(entries, tuple(masks))


def original_gpt2_table(fields):
    """The `Table` of a checkpoint of github.com/openai/gpt-2."""

    def dense(ours, theirs):
        theirs = f"model/h{{i}}/{theirs.replace('.', '/')}"
        ours = f"decoder/block_{{i}}/{ours}"
        # A convolution of width one there: (1, in, out).
        return Entry(f"{ours}/kernel", (f"{theirs}/w",), ONE_ROW), Entry(
            f"{ours}/bias", (f"{theirs}/b",)
        )

    def norm(ours, theirs):
        theirs = "model/" + theirs.replace("h.{i}.", "h{i}/")
        return Entry(f"{ours}/gamma", (f"{theirs}/g",)), Entry(f"{ours}/beta", (f"{theirs}/b",))

    embedded = LOGITS.entries(fields, "model/wte")
    return Table(_entries(fields, dense, norm, embedded, "model/wpe"))


def _entries(fields, dense, norm, embedded, positions):
    """All entries: those of the `GPTHead`, then the others; `dense` and `norm` make those of a
    layer from our name and theirs."""
    block = (
        *norm("decoder/block_{i}/self_attention_add_norm/norm", "h.{i}.ln_1"),
        *dense("self_attention/query_key_value", "attn.c_attn"),
        *dense("self_attention/output", "attn.c_proj"),
        *norm("decoder/block_{i}/feed_forward_add_norm/norm", "h.{i}.ln_2"),
        *dense("feed_forward/inner", "mlp.c_fc"),
        *dense("feed_forward/outer", "mlp.c_proj"),
    )
    return (
        *embedded,
        Entry("positions/table/embeddings", (positions,)),
        *repeated(block, fields["num_layers"]),
        *norm("decoder/final_norm", "ln_f"),
    )
