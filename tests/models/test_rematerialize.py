"""Rematerialisation: the same numbers from less memory."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from tests.models_on_ids import some_ids
from tests.small_gpts import SMALL, VARIANTS, forward, real_from
from zoo.models import GPT, GPTConfig

BACKEND = keras.backend.backend()


def pair(variant="gpt2", dtype="float32", **fields):
    """A model that keeps what is inside its blocks, and one with the same weights that does not."""
    fields = {**VARIANTS[variant], "initializer_range": 0.3, **fields}
    plain = GPT(GPTConfig(**fields), dtype=dtype)
    thrifty = GPT(GPTConfig(**fields, rematerialize=True), dtype=dtype)
    thrifty.set_weights(plain.get_weights())
    return plain, thrifty


def loss_of(model, ids):
    """Mean squared logits, a scalar."""
    return ops.mean(ops.square(model({"token_ids": ids}, training=True)))


@pytest.mark.parametrize(("variant", "packed"), [("gpt2", False), ("present_day", True)])
def test_the_same_loss_and_gradients(rng, variant, packed):
    ids = some_ids(rng, 3, 8)
    inputs = {"token_ids": ids[:, :-1]}
    if packed:
        inputs["padding_mask"] = real_from((7, 5, 6), 7)
        inputs["document_ids"] = np.array([[1, 1, 2, 2, 2, 3, 3]] * 3, "int32")
    histories, weights = [], []
    for model in pair(variant):
        model.compile(
            keras.optimizers.SGD(0.5),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False if BACKEND == "tensorflow" else "auto",
        )
        history = model.fit(inputs, ids[:, 1:], batch_size=3, epochs=3, verbose=0)
        histories.append(history.history["loss"])
        weights.append([to_numpy(v.value) for v in model.trainable_variables])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-5)
    assert histories[0][0] > histories[0][2]  # it learns
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_same_outputs_and_precision(rng):
    ids = some_ids(rng, 3, 7)
    plain, thrifty = pair()
    np.testing.assert_allclose(forward(thrifty, ids), forward(plain, ids), atol=1e-6)
    plain, thrifty = pair(dtype="mixed_bfloat16")
    np.testing.assert_allclose(forward(thrifty, ids), forward(plain, ids), atol=1e-6)


def bytes_kept(model, ids):
    """Bytes of the arrays that wait for the backward pass."""
    if BACKEND == "torch":
        import torch

        kept = {}

        def pack(tensor):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = loss_of(model, ids)
        del loss
        return sum(kept.values())
    import jax

    def loss(values):
        with keras.StatelessScope(state_mapping=list(zip(model.variables, values, strict=True))):
            return loss_of(model, ids)

    values = [ops.convert_to_tensor(variable.value) for variable in model.variables]
    _, backward = jax.vjp(loss, values)
    kept = {id(array): array.nbytes for array in jax.tree.leaves(backward)}
    return sum(kept.values())


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow does not say; see the slow test")
def test_less_is_kept_for_the_backward_pass(rng):
    ids = some_ids(rng, 1, 61)
    parameters = 4 * sum(np.prod(v.shape) for v in pair(num_positions=61)[0].weights)
    kept = [bytes_kept(model, ids) for model in pair(num_positions=61, num_layers=6)]
    # 7 heads x 61 x 61 attention weights a layer, against the inputs of six blocks.
    attention = 6 * 7 * 61 * 61 * 4
    assert kept[0] > attention
    assert kept[1] < min(kept[0] / 3, 3 * parameters + attention / 2)


def test_blocks_are_computed_again(rng, monkeypatch):
    """Each block runs once more for the gradient, where the backend runs Python for it."""
    if BACKEND == "jax":
        import jax

        model = pair()[1]
        ids = some_ids(rng, 3, 7)
        text = str(jax.make_jaxpr(lambda ids: loss_of(model, ids))(ids))
        assert text.count("remat") + text.count("checkpoint") >= 2
        return
    for model, times in zip(pair(), (1, 2), strict=True):
        calls = []
        for block in model.decoder.blocks:
            monkeypatch.setattr(block, "step", counted(block.step, calls))
        backward(model, some_ids(rng, 3, 7))
        assert len(calls) == 2 * times


def counted(function, calls):
    def call(*arguments):
        calls.append(1)
        return function(*arguments)

    return call


def backward(model, ids):
    if BACKEND == "torch":
        loss_of(model, ids).backward()
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = loss_of(model, ids)
    tape.gradient(loss, [variable.value for variable in model.trainable_variables])


def test_dropout_is_refused():
    for name in ("dropout", "embedding_dropout", "attention_dropout"):
        with pytest.raises(ValueError, match=f"rematerialize must be False .* {name} = 0.1"):
            GPTConfig(**SMALL, rematerialize=True, **{name: 0.1})


# Linux's own account: `ru_maxrss` of a new program begins at the peak of what started it.
PROGRAM = """
import re, sys
from pathlib import Path
import keras, numpy as np
from zoo.models import GPT, GPTConfig
model = GPT(GPTConfig(vocab_size=37, hidden_dim=64, feed_forward_dim=256, num_layers=12,
    num_heads=4, num_positions=1024, rematerialize=sys.argv[1] == "True"))
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False)
ids = np.ones((1, 1025), "int32")

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

model.train_on_batch({"token_ids": ids[:, :9]}, ids[:, 1:10])
before = peak()
model.train_on_batch({"token_ids": ids[:, :-1]}, ids[:, 1:])
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a program's peak")
def test_a_training_step_needs_less_memory():
    """Attention weights alone are 16 MB a block, several times over. (Big arrays are mapped, so
    that what was freed does not count.)"""
    grown = [
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, str(rematerialize)],
                env={**os.environ, "KERAS_BACKEND": BACKEND, "MALLOC_MMAP_THRESHOLD_": "65536"},
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()[-1]
        )
        for rematerialize in (False, True)
    ]
    assert grown[1] < 0.6 * grown[0], grown
