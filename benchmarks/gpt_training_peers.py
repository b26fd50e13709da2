"""The contestants of GPT-2's training step: the same weights by three libraries.

The weights are those of `generation_peers.make_folder`. Each builder runs in a process of its own
(`benchmarks.worker`) and imports its library alone. All train on the same rows: every position
predicts the id that follows, mean cross-entropy, dropout as in GPT-2 on embeddings, sublayers and
attention weights, AdamW.
"""

import numpy as np

from benchmarks.generation_peers import VOCAB_SIZE
from benchmarks.worker import Contestant

LEARNING_RATE, WEIGHT_DECAY = 1e-5, 0.01


def batch(rows, length):
    """token_ids and labels, both (B, T) int32: the label at t is the id at t + 1."""
    ids = np.random.default_rng(0).integers(0, VOCAB_SIZE - 1, (rows, length + 1), dtype="int32")
    return ids[:, :-1], ids[:, 1:]


def zoo(folder, precision, rows, length, dropout):
    """`zoo.models.GPT` with `compile` and `train_on_batch`."""
    import keras

    import zoo.training
    from zoo import checkpoints
    from zoo.models import GPT

    keras.config.set_dtype_policy(precision)
    checkpoint = checkpoints.open_gpt(folder)
    rates = dict.fromkeys(("dropout", "embedding_dropout", "attention_dropout"), dropout)
    model = GPT({**checkpoint.fields, **rates})
    checkpoint.load(checkpoints.named_weights(model))
    optimizer = zoo.training.Adam(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    ids, labels = batch(rows, length)
    return _keras_step(
        model, optimizer, zoo.training.TokenCrossEntropy(), {"token_ids": ids}, labels
    )


def keras_hub(folder, precision, rows, length, dropout):
    """`keras_hub.models.GPT2CausalLM` with `compile` and `train_on_batch`."""
    import keras
    import keras_hub

    keras.config.set_dtype_policy(precision)
    backbone = keras_hub.models.GPT2Backbone.from_preset(folder, dropout=dropout)
    model = keras_hub.models.GPT2CausalLM(backbone)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ids, labels = batch(rows, length)
    inputs = {"token_ids": ids, "padding_mask": np.ones_like(ids)}
    return _keras_step(model, optimizer, loss, inputs, labels)


def _keras_step(model, optimizer, loss, inputs, labels):
    import keras

    model.compile(optimizer, loss, weighted_metrics=[])

    def call():
        return model.train_on_batch(inputs, labels)

    without_dropout = float(np.ravel(model.test_on_batch(inputs, labels))[0])
    losses = {"loss_without_dropout": without_dropout, "first_loss": float(np.ravel(call())[0])}
    return Contestant(
        call,
        {
            "parameters": model.count_params(),
            "backend": keras.backend.backend(),
            "compiled": f"jit_compile={model.jit_compile}",
            **losses,
        },
    )


def transformers(folder, precision, rows, length, dropout, compiled):
    """`GPT2LMHeadModel` with the library's default optimizer, the fused AdamW.

    Args:
        compiled: whether by `torch.compile`.
    """
    import torch
    from transformers import GPT2LMHeadModel

    rates = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)
    model = GPT2LMHeadModel.from_pretrained(folder, **rates)
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(
        model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    ids, labels = (torch.from_numpy(array).long() for array in batch(rows, length))
    low = precision != "float32"

    def loss_by(forward):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            # `shift_labels` are labels that are shifted already.
            return forward(input_ids=ids, labels=labels, shift_labels=labels, use_cache=False).loss

    def call():
        optimizer.zero_grad()
        loss = loss_by(run)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    with torch.no_grad():
        without_dropout = float(loss_by(model.eval()))
    model.train()
    return Contestant(
        call,
        {
            "parameters": sum(p.numel() for p in model.parameters()),
            "backend": "torch",
            "attention": model.config._attn_implementation,
            "threads": torch.get_num_threads(),
            "loss_without_dropout": without_dropout,
            "first_loss": call(),
        },
    )
