"""The model of a GPT recipe: its shape as options, its optimizer, its samples."""

import dataclasses

from recipes.cli import option


@dataclasses.dataclass(frozen=True)
class Shape:
    """Options of what the model is made of; the defaults are GPT-2's but small."""

    size: str = option("", "sizes of zoo.models.GPT instead of the numbers below")
    layers: int = option(4, "decoder blocks")
    hidden: int = option(128, "width of the model")
    feed_forward: int = option(0, "inner width; 0: 4 times --hidden, with a gate 8 / 3 times")
    heads: int = option(4, "heads of attention")
    key_value_heads: int = option(0, "heads of keys and values; 0: as many as --heads")
    positions: str = option("learned", "positions", choices=("learned", "rotary"))
    norm: str = option("layer", "norm of the blocks", choices=("layer", "rms"))
    gated: bool = option(False, "gated feed-forward networks with SiLU instead of GELU")
    bias: bool = option(True, "biases of projections")
    tied: bool = option(True, "logits by the table of embeddings")
    dropout: float = option(0.0, "rate on embeddings, sublayers and attention weights")
    rematerialize: bool = option(False, "less memory for a third more work")


def load_model(settings, tokenizer):
    """A GPT with released weights.

    Args:
        settings: has `pretrained` and `length`.
        tokenizer: gives the vocabulary.

    Raises:
        ValueError: the model is too small for the vocabulary or the length.
    """
    import zoo

    model = zoo.models.GPT.from_pretrained(settings.pretrained)
    config = model.config
    if config.vocab_size < tokenizer.vocabulary_size:
        raise ValueError(
            f"pretrained: the model has {config.vocab_size} ids, the tokenizer "
            f"{tokenizer.vocabulary_size}: give the model's own by --tokenizer"
        )
    if config.num_positions < settings.length:
        raise ValueError(
            f"pretrained: the model's context is {config.num_positions} tokens; got "
            f"length={settings.length}"
        )
    return model


def make_model(settings, tokenizer):
    """A GPT with random weights.

    Args:
        settings: a `Shape` with `length`, which is its context.
        tokenizer: gives vocabulary and ids.

    Raises:
        ValueError: the shape cannot be built.
    """
    import zoo

    fields = {
        "vocab_size": tokenizer.vocabulary_size,
        "num_positions": settings.length,
        "dropout": settings.dropout,
        "attention_dropout": settings.dropout,
        "rematerialize": settings.rematerialize,
        "start_id": tokenizer.start_id,
        "end_id": tokenizer.end_id,
        "pad_id": tokenizer.pad_id,
    }
    if settings.size:
        return zoo.models.GPT.from_size(settings.size, **fields)
    return zoo.models.GPT(zoo.models.GPTConfig(**fields, **_parts(settings)))


def _parts(settings):
    """The fields of `GPTConfig` that a `Shape` has numbers for."""
    inner = settings.feed_forward
    if not inner:
        # The gate is a third matrix: as many weights (Shazeer 2020, arXiv:2002.05202), rounded up.
        inner = -(-settings.hidden // 3) * 8 if settings.gated else 4 * settings.hidden
    return {
        "num_layers": settings.layers,
        "hidden_dim": settings.hidden,
        "feed_forward_dim": inner,
        "num_heads": settings.heads,
        "num_key_value_heads": settings.key_value_heads or None,
        "positions": settings.positions,
        "norm": settings.norm,
        "gated": settings.gated,
        "activation": "silu" if settings.gated else "gelu_tanh",
        "use_bias": settings.bias,
        "tied_logits": settings.tied,
    }


def make_optimizer(settings):
    """AdamW with clipped gradients, linear warm-up and half a cosine (Brown et al. 2020, B)."""
    import zoo

    total = settings.epochs * settings.updates
    rate = zoo.training.WarmupCosine(settings.peak, settings.warmup, total, settings.floor)
    steps = None
    if settings.accumulate > 1:  # Keras asks a schedule once a batch
        steps, rate = settings.accumulate, zoo.training.PerUpdate(rate, settings.accumulate)
    average = {}
    if settings.ema:  # Keras moves it once a batch
        momentum = settings.ema ** (1 / settings.accumulate)
        average = {"use_ema": True, "ema_momentum": momentum}
    adam = zoo.training.Adam(
        rate,
        beta_2=settings.beta_2,
        weight_decay=settings.weight_decay or None,
        global_clipnorm=settings.clip or None,
        gradient_accumulation_steps=steps,
        **average,
    )
    adam.exclude_from_weight_decay(var_names=["bias", "beta", "gamma", "scale"])
    return adam


def sampler(settings, generator):
    """A function of nothing that gives texts of the model as it is then.

    Args:
        settings: has `prompt`, `samples`, `sample_tokens`, `temperature` and `seed`.
        generator: a `zoo.tasks.TextGenerator`.

    Raises:
        ValueError: the prompt fills the context.
    """
    tokenizer, context = generator.tokenizer, generator.model.config.num_positions
    prompt = settings.prompt
    if not prompt and tokenizer.start_id is None:
        prompt = tokenizer.decode([[0]])[0]  # for characters most often the line end
    room = context - len(tokenizer.encode([prompt])[0])
    if room < 1:
        raise ValueError(f"prompt: {context - room} tokens do not fit the context of {context}")

    def generate():
        (found,) = generator.generate(
            [prompt],
            max_new_tokens=min(settings.sample_tokens, room, context - 1),
            temperature=settings.temperature,
            num_samples=settings.samples if settings.temperature else 1,
            seed=settings.seed,
        )
        return [prompt + each.text for each in found]

    return generate


def make_generator(model, tokenizer):
    """The model as a task that fills half of its context, if that is not too much."""
    import zoo

    return zoo.tasks.TextGenerator(
        model, tokenizer, {"max_new_tokens": max(1, min(64, model.config.num_positions // 2))}
    )
