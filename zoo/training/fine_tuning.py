"""What is done to a pretrained model before `compile`: which weights train, and how fast.

Layers are frozen, and LoRA is enabled, before the optimizer is made and the model compiled.
"""

from keras import ops

from zoo.checkpoints.weights import assign_weights, lora_paths, named_weights
from zoo.layers import DecoderStack, EncoderStack
from zoo.training.layerwise import LayerwiseAdamW, layerwise_rates
from zoo.training.schedules import PerUpdate, WarmupLinear


def fine_tuning_optimizer(
    model,
    peak,
    warmup_updates,
    total_updates,
    *,
    weight_decay=0.01,
    layer_decay=1.0,
    clip_norm=1.0,
    accumulate=None,
    ema_momentum=None,
):
    """AdamW with a linear rise and fall of the rate, as BERT was fine-tuned (Devlin et al. 2018).

    With warmup_updates=1 the numbers are those of `torch.optim.AdamW` under
    `get_linear_schedule_with_warmup(0, total_updates)` of the transformers library. That rises from
    0 and wastes its first update; with w + 1 warm-up updates here, the fall is that of w there.

    Args:
        model: the model to train; read where `layer_decay` is below 1.
        peak: highest learning rate, that of the head.
        warmup_updates: updates until `peak`, at least 1.
        total_updates: updates of the training, not batches.
        weight_decay: in units of the learning rate; biases and norms have none.
        layer_decay: factor on the rate from each block to the one below, see `layerwise_rates`.
        clip_norm: longest gradient, of all weights together; None: not clipped.
        accumulate: batches of an update, or None; with `RowBatches(accumulate=k)` and a loss that
            sums, these equal one batch.
        ema_momentum: momentum of a moving average of the weights, or None; see
            `zoo.training.averaging`.

    Raises:
        ValueError: an argument is out of range, or the model has no blocks to tell apart.
    """
    rate = WarmupLinear(peak, warmup_updates, total_updates)
    several = accumulate is not None and accumulate > 1
    rates = None if layer_decay == 1.0 else layerwise_rates(depth_levels(model), layer_decay)
    return LayerwiseAdamW(
        PerUpdate(rate, accumulate) if several else rate,
        weight_decay,
        rates,
        global_clipnorm=clip_norm,
        gradient_accumulation_steps=accumulate if several else None,
        use_ema=ema_momentum is not None,
        ema_momentum=0.0 if ema_momentum is None else ema_momentum,
    )


def depth_levels(model):
    """The layers of a model by depth.

    Args:
        model: made of layers, one stack of L blocks, and layers on top, in this order.

    Returns:
        List of L + 2 lists of layers: the embeddings, each block alone, the head.

    Raises:
        ValueError: the model has no stack, or several.
    """
    stack = _stack(model)
    place = model.layers.index(stack)
    norm = [] if stack.final_norm is None else [stack.final_norm]
    blocks = [[block] for block in stack.blocks]
    return [model.layers[:place], *blocks, norm + model.layers[place + 1 :]]


def freeze_layers(model, blocks):
    """Keep the embeddings and the first blocks as they are: they do not train.

    Args:
        model: see `depth_levels`; not compiled yet.
        blocks: how many blocks, counted from the embeddings; 0 freezes the embeddings alone.

    Raises:
        ValueError: the model has not so many blocks.
    """
    levels = depth_levels(model)
    if not 0 <= blocks <= len(levels) - 2:
        raise ValueError(
            f"blocks must be between 0 and {len(levels) - 2}, the blocks of {model.name}; "
            f"got {blocks}"
        )
    for level in levels[: blocks + 1]:
        for layer in level:
            layer.trainable = False


def enable_lora(model, rank, alpha=None):
    """Train low-rank changes of the attention's products, and the head (LoRA, Hu et al. 2021).

    The rest of embeddings and blocks is frozen. Queries, keys and values, being one product here,
    share the first of the two matrices.

    Args:
        model: see `depth_levels`; not compiled yet.
        rank: r, at least 1.
        alpha: the change is scaled by alpha / r; None: r.

    Raises:
        ValueError: `rank` is out of range, or the model has LoRA already.
    """
    if not rank >= 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    if lora_paths(named_weights(model)):
        raise ValueError(f"{model.name} has LoRA already: merge_lora(model) first")
    for level in depth_levels(model)[:-1]:
        for layer in level:
            for variable in layer.trainable_variables:
                variable.trainable = False
    for dense in _attention_products(model):
        dense.enable_lora(rank, alpha)


def merge_lora(model):
    """A model of the same class with LoRA's changes in its kernels, to save, export or train on.

    Args:
        model: after `enable_lora` and training; it stays as it is.

    Raises:
        ValueError: the model has no LoRA, or has it elsewhere than `enable_lora` puts it.
    """
    variables = named_weights(model)
    arrays = {path: ops.convert_to_numpy(v.value) for path, v in variables.items()}
    if not lora_paths(variables):
        raise ValueError(f"{model.name} has no LoRA to merge: see enable_lora")
    paths = {id(variable): path for path, variable in variables.items()}
    for dense in _attention_products(model):
        if not dense.lora_enabled:
            continue
        first, second = paths[id(dense.lora_kernel_a)], paths[id(dense.lora_kernel_b)]
        change = arrays.pop(first) @ arrays.pop(second) * (dense.lora_alpha / dense.lora_rank)
        kernel = first.removesuffix("lora_kernel_a") + "kernel"
        arrays[kernel] = arrays[kernel] + change
    merged = type(model).from_config(model.get_config())
    assign_weights(named_weights(merged), arrays, f"{model.name} without LoRA")
    return merged


def _stack(model):
    stacks = [layer for layer in model.layers if isinstance(layer, (EncoderStack, DecoderStack))]
    if len(stacks) != 1:
        raise ValueError(
            f"{model.name} must have one stack of blocks to be fine-tuned by depth; "
            f"it has {len(stacks)}"
        )
    return stacks[0]


def _attention_products(model):
    """The Dense layers of the self-attention of every block."""
    for block in _stack(model).blocks:
        yield block.self_attention.query_key_value
        yield block.self_attention.output_projection
