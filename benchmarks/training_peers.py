"""The contestants of the training step: one Transformer, written with three libraries.

Each builder runs in a process of its own (`benchmarks.worker`) and imports its library alone. All
train on the same batch: teacher forcing, every position a real token, the loss the mean cross
entropy over real tokens, dropout on embeddings, sublayers and attention weights, AdamW.
"""

import numpy as np

from benchmarks.worker import Contestant

ROWS, SOURCE_LENGTH, TARGET_LENGTH = 32, 24, 24
VOCAB_SIZE, DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 8000, 0.1, 1e-4, 0.01
PAD_ID, START_ID, END_ID, FIRST_ID = 0, 2, 3, 4
SIZES = {  # layers of each stack, D, feed-forward, heads
    "tiny": (4, 128, 256, 4),
    "small": (6, 256, 1024, 4),
    "base": (6, 512, 2048, 8),
}


def batch():
    """source_ids (B, S), target_ids (B, T), labels (B, T), sample_weight (B, T)."""
    generator = np.random.default_rng(0)
    source = generator.integers(FIRST_ID, VOCAB_SIZE, (ROWS, SOURCE_LENGTH), dtype="int32")
    labels = generator.integers(FIRST_ID, VOCAB_SIZE, (ROWS, TARGET_LENGTH), dtype="int32")
    target = np.roll(labels, 1, axis=1)
    target[:, 0] = START_ID
    labels[:, -1] = END_ID
    return source, target, labels, np.ones((ROWS, TARGET_LENGTH), "float32")


def zoo(size, precision):
    """`zoo.models.Transformer` with `compile` and `train_on_batch`."""
    import keras

    import zoo.training
    from zoo.models import Transformer

    keras.config.set_dtype_policy(precision)
    model = Transformer.from_size(
        size,
        vocab_size=VOCAB_SIZE,
        dropout=DROPOUT,
        attention_dropout=DROPOUT,
        pad_id=PAD_ID,
        start_id=START_ID,
        end_id=END_ID,
    )
    optimizer = zoo.training.Adam(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return _keras_step(model, optimizer, zoo.training.TokenCrossEntropy())


def keras_hub(size, precision):
    """The same network of keras-hub's layers."""
    import keras

    keras.config.set_dtype_policy(precision)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return _keras_step(_keras_hub_transformer(*SIZES[size]), optimizer, loss)


def _keras_hub_transformer(num_layers, hidden_dim, feed_forward_dim, num_heads):
    import keras
    from keras_hub.layers import (
        ReversibleEmbedding,
        SinePositionEncoding,
        TransformerDecoder,
        TransformerEncoder,
    )

    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    table, positions = ReversibleEmbedding(VOCAB_SIZE, hidden_dim), SinePositionEncoding()

    def embed(ids):
        vectors = table(ids) * hidden_dim**0.5
        return keras.layers.Dropout(DROPOUT)(vectors + positions(vectors))

    real = keras.ops.not_equal(source_ids, PAD_ID)
    x = embed(source_ids)
    for _ in range(num_layers):
        block = TransformerEncoder(feed_forward_dim, num_heads, dropout=DROPOUT)
        x = block(x, padding_mask=real)
    y = embed(target_ids)
    for _ in range(num_layers):
        block = TransformerDecoder(feed_forward_dim, num_heads, dropout=DROPOUT)
        y = block(y, x, encoder_padding_mask=real)
    return keras.Model([source_ids, target_ids], table(y, reverse=True))


def _keras_step(model, optimizer, loss):
    import keras

    model.compile(optimizer, loss)
    source, target, labels, weight = batch()
    inputs = {"source_ids": source, "target_ids": target}

    def call():
        return model.train_on_batch(inputs, labels, weight)

    first = float(np.ravel(call())[0])
    return Contestant(
        call,
        {
            "parameters": model.count_params(),
            "variables": len(model.trainable_variables),
            "first_loss": first,
            "backend": keras.backend.backend(),
            "compiled": f"jit_compile={model.jit_compile}",
        },
    )


def marian(size, precision):
    """transformers' MarianMTModel on torch, eager; bfloat16 by autocast."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    num_layers, hidden_dim, feed_forward_dim, num_heads = SIZES[size]
    config = MarianConfig(
        vocab_size=VOCAB_SIZE,
        d_model=hidden_dim,
        encoder_layers=num_layers,
        decoder_layers=num_layers,
        encoder_ffn_dim=feed_forward_dim,
        decoder_ffn_dim=feed_forward_dim,
        encoder_attention_heads=num_heads,
        decoder_attention_heads=num_heads,
        dropout=DROPOUT,
        attention_dropout=DROPOUT,
        activation_dropout=0.0,
        activation_function="relu",
        scale_embedding=True,
        pad_token_id=PAD_ID,
        decoder_start_token_id=START_ID,
        eos_token_id=END_ID,
    )
    model = MarianMTModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    source, target, labels, _ = (torch.from_numpy(array) for array in batch())
    source, target, labels = source.long(), target.long(), labels.long()
    low = precision != "float32"

    def call():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = model(
                input_ids=source,
                attention_mask=source != PAD_ID,
                decoder_input_ids=target,
                labels=labels,
            ).loss
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return Contestant(
        call,
        {
            # Marian's sinusoids are counted as parameters, though they are not trained.
            "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "variables": len(list(model.parameters())),
            "first_loss": call(),
            "backend": "torch",
            "threads": torch.get_num_threads(),
        },
    )
