"""The contestants of BERT: one classifier of two labels by three libraries, the same weights.

`make_folder` draws a BERT of random weights; each other function is a builder that runs in a
process of its own (`benchmarks.worker`) and imports its runtime alone. The `_forward` ones infer,
the `_step` ones train: dropout on embeddings, sublayers, attention weights and the pooled vector,
mean cross-entropy, AdamW. Everyone gets the same batch of ids, cut to its longest row. ONNX Runtime
is in `bert_onnx`.
"""

import itertools
import pathlib

import numpy as np

from benchmarks.worker import Contestant

SHORTEST, LONGEST, SEED = 20, 128, 0
VOCAB_SIZE, LABELS, DROPOUT, LEARNING_RATE, WEIGHT_DECAY = 30522, 2, 0.1, 2e-5, 0.01
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZES = {"tiny": (2, 128), "small": (4, 512), "base": (12, 768)}  # layers, D


def lengths(batch, rows):
    """Real tokens of each row: all `LONGEST`, or drawn once between `SHORTEST` and that."""
    if batch == "full":
        return np.full(rows, LONGEST)
    return np.random.default_rng(SEED).integers(SHORTEST, LONGEST + 1, rows)


def arrays(batch, rows):
    """token_ids, segment_ids, padding_mask (B, T) as zoo and keras-hub name them; labels (B,)."""
    real = np.arange(lengths(batch, rows).max()) < lengths(batch, rows)[:, None]
    generator = np.random.default_rng(SEED)
    ids = generator.integers(len(SPECIAL), VOCAB_SIZE, real.shape, dtype="int32") * real
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": real}
    return inputs, (np.arange(rows) % LABELS).astype("int32")


def make_folder(folder, size):
    """Write a classifier as the transformers library writes it, and its vocab.txt."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    num_layers, hidden_dim = SIZES[size]
    config = BertConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=hidden_dim,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_dim // 64,
        intermediate_size=4 * hidden_dim,
        hidden_dropout_prob=DROPOUT,
        attention_probs_dropout_prob=DROPOUT,
        # Larger than for training: with tiny weights every row would have the same logits, and
        # their agreement would say nothing.
        initializer_range=0.05,
        num_labels=LABELS,
    )
    torch.manual_seed(SEED)
    BertForSequenceClassification(config).save_pretrained(folder)
    pathlib.Path(folder, "vocab.txt").write_text("\n".join((*SPECIAL, *words())) + "\n")


def words():
    """Invented words, each a piece of its own, that fill the vocabulary."""
    syllables = [first + second for first in "bcdfghjklmnprstv" for second in "aeiou"]
    spelled = map("".join, itertools.product(syllables, repeat=3))
    return list(itertools.islice(spelled, VOCAB_SIZE - len(SPECIAL)))


def zoo_forward(folder, precision, batch, rows):
    """`zoo.models.BERTClassifier` with `predict_on_batch`."""
    return _keras_forward(_zoo(folder, precision), batch, rows)


def zoo_step(folder, precision, batch, rows):
    """`zoo.models.BERTClassifier` with `compile` and `train_on_batch`."""
    import zoo.training

    model = _zoo(folder, precision)
    optimizer = zoo.training.Adam(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return _keras_step(model, optimizer, batch, rows)


def _zoo(folder, precision):
    import keras

    from zoo.models import BERTClassifier

    keras.config.set_dtype_policy(precision)
    return BERTClassifier.from_pretrained(folder)


def keras_hub_forward(folder, precision, batch, rows):
    """`keras_hub.models.BertTextClassifier` with `predict_on_batch`."""
    return _keras_forward(_keras_hub(folder, precision), batch, rows)


def keras_hub_step(folder, precision, batch, rows):
    """`keras_hub.models.BertTextClassifier` with `compile` and `train_on_batch`."""
    import keras

    model = _keras_hub(folder, precision)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return _keras_step(model, optimizer, batch, rows)


def _keras_hub(folder, precision):
    import keras
    import keras_hub
    from safetensors.numpy import load_file

    keras.config.set_dtype_policy(precision)
    model = keras_hub.models.BertTextClassifier(
        keras_hub.models.BertBackbone.from_preset(folder),
        num_classes=LABELS,
        dropout=DROPOUT,
        preprocessor=None,
    )
    weights = load_file(f"{folder}/model.safetensors")
    head = weights["classifier.weight"].T, weights["classifier.bias"]
    model.get_layer("logits").set_weights(head)
    return model


def _keras_forward(model, batch, rows):
    inputs, _ = arrays(batch, rows)

    def call():
        return model.predict_on_batch(inputs)

    return Contestant(call, {**_keras_facts(model), "logits": np.asarray(call(), float).tolist()})


def _keras_step(model, optimizer, batch, rows):
    import keras

    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    inputs, labels = arrays(batch, rows)

    def call():
        return model.train_on_batch(inputs, labels)

    without_dropout = float(np.ravel(model.test_on_batch(inputs, labels))[0])
    losses = {"loss_without_dropout": without_dropout, "first_loss": float(np.ravel(call())[0])}
    return Contestant(call, {**_keras_facts(model), **losses})


def _keras_facts(model):
    import keras
    import tensorflow as tf

    return {
        "parameters": model.count_params(),
        "backend": keras.backend.backend(),
        "compiled": f"jit_compile={model.jit_compile}",
        "threads": [
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ],
    }


def transformers_forward(folder, precision, batch, rows, compiled, cast):
    """`BertForSequenceClassification` without gradients.

    Args:
        compiled: whether by `torch.compile`; its environment asks for frozen, prepacked weights.
        cast: bfloat16 by casting the weights instead of by autocast.
    """
    import torch

    model = _transformers(folder).eval()
    if cast:
        model = model.to(torch.bfloat16)
    run = torch.compile(model) if compiled else model
    inputs, _ = torch_arrays(batch, rows)
    low = precision != "float32" and not cast

    def call():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            return run(**inputs).logits.float().numpy()

    return Contestant(call, {**_torch_facts(model), "logits": call().tolist()})


def transformers_step(folder, precision, batch, rows, compiled):
    """`BertForSequenceClassification` with the library's default optimizer, the fused AdamW."""
    import torch

    model = _transformers(folder)
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(
        model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    inputs, labels = torch_arrays(batch, rows)
    low = precision != "float32"

    def loss_by(forward):
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            return forward(**inputs, labels=labels).loss

    def call():
        optimizer.zero_grad()
        loss = loss_by(run)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    with torch.no_grad():
        without_dropout = float(loss_by(model.eval()))
    model.train()
    losses = {"loss_without_dropout": without_dropout, "first_loss": call()}
    return Contestant(call, {**_torch_facts(model), **losses})


def _transformers(folder):
    from transformers import BertForSequenceClassification

    return BertForSequenceClassification.from_pretrained(folder)


def torch_arrays(batch, rows):
    import torch

    inputs, labels = arrays(batch, rows)
    tensors = {name: torch.from_numpy(array).long() for name, array in inputs.items()}
    named = {
        "input_ids": tensors["token_ids"],
        "attention_mask": tensors["padding_mask"],
        "token_type_ids": tensors["segment_ids"],
    }
    return named, torch.from_numpy(labels).long()


def _torch_facts(model):
    import torch

    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "backend": "torch",
        "attention": model.config._attn_implementation,
        "threads": torch.get_num_threads(),
    }
