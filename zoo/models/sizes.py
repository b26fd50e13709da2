"""Which sizes there are."""

from zoo.models import bert_config, gpt_config, transformer_config


def sizes():
    """{"Transformer": names of its sizes, "BERT": ..., "GPT": ...}, for `from_size` of models and
    configurations."""
    return {
        "Transformer": tuple(transformer_config.SIZES),
        "BERT": tuple(bert_config.SIZES),
        "GPT": tuple(gpt_config.SIZES),
    }
