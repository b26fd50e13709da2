import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.backends import randomize, to_numpy
from zoo.models import BERTClassifier, BERTConfig, BERTTagger, Transformer
from zoo.training import (
    LayerwiseAdamW,
    depth_levels,
    enable_lora,
    fine_tuning_optimizer,
    freeze_layers,
    merge_lora,
)

CONFIG = {
    "vocab_size": 37,
    "num_layers": 3,
    "num_heads": 2,
    "hidden_dim": 14,
    "feed_forward_dim": 11,
    "num_positions": 13,
}
INPUTS = {"token_ids": np.arange(5, 26).reshape(3, 7).astype("int32")}
LABELS = np.array([0, 2, 1])


def classifier():
    return randomize(BERTClassifier(BERTConfig(**CONFIG), 3, name="bert"), scale=0.2)


def values(model):
    return {v.path: to_numpy(v.value).copy() for v in model.weights}


def moved(model, before):
    """Paths of the weights that are not what they were."""
    return {path for path, value in values(model).items() if (value != before[path]).any()}


def test_levels_of_depth():
    names = [[layer.name for layer in level] for level in depth_levels(classifier())]
    assert names[0][:4] == ["token_embedding", "positions", "segment_embedding", "embedding_norm"]
    assert names[1:4] == [["block_0"], ["block_1"], ["block_2"]]
    assert {"pooler", "classifier"} <= set(names[4])
    model = classifier()
    variables = [v for level in depth_levels(model) for layer in level for v in layer.weights]
    assert sorted(v.path for v in variables) == sorted(v.path for v in model.weights)
    with pytest.raises(ValueError, match="must have one stack of blocks .* it has 2"):
        depth_levels(Transformer.from_size("tiny", vocab_size=11))


def test_optimizer_with_rates_by_depth():
    model = classifier()
    optimizer = fine_tuning_optimizer(model, 0.01, 1, 4, weight_decay=0.5, layer_decay=0.5)
    optimizer.build(model.trainable_variables)
    before = values(model)
    ones = [keras.ops.ones(v.shape) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    after = values(model)
    depths = {"classifier": 0, "pooler": 0, "block_2": 1, "block_1": 2, "block_0": 3}
    for path, weight in before.items():
        (depth,) = {depths[part] for part in path.split("/") if part in depths} or {4}
        rate = 0.01 * 0.5**depth
        decay = 0.5 if path.endswith(("kernel", "embeddings")) else 0.0
        # The first step of Adam is as long as the rate, whatever the gradient.
        expected = weight - rate * (1.0 + decay * weight)
        np.testing.assert_allclose(after[path], expected, rtol=1e-5, atol=1e-6)


def test_only_kernels_and_embeddings_decay():
    model = classifier()
    optimizer = fine_tuning_optimizer(model, 0.01, 1, 4)
    optimizer.build(model.trainable_variables)
    zeros = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    before = values(model)
    optimizer.apply(zeros, model.trainable_variables)
    names = {path.rsplit("/", 1)[1] for path in moved(model, before)}
    assert names == {"kernel", "embeddings"}
    assert {v.name for v in model.weights} - names == {"bias", "gamma", "beta"}


def test_options_of_the_optimizer():
    model = classifier()
    optimizer = fine_tuning_optimizer(
        model, 0.01, 2, 5, clip_norm=None, accumulate=3, ema_momentum=0.9
    )
    assert isinstance(optimizer, LayerwiseAdamW)
    assert optimizer.gradient_accumulation_steps == 3
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    assert optimizer.global_clipnorm is None
    rates = [float(to_numpy(optimizer._learning_rate(batch))) for batch in range(15)]
    assert rates[:6] == pytest.approx([0.005] * 3 + [0.01] * 3)
    assert rates[-1] > 0
    plain = fine_tuning_optimizer(model, 0.01, 2, 5)
    assert plain.gradient_accumulation_steps is None
    assert (plain.epsilon, plain.beta_1, plain.beta_2) == (1e-8, 0.9, 0.999)
    assert (plain.global_clipnorm, plain.weight_decay, plain.use_ema) == (1.0, 0.01, False)


@pytest.mark.parametrize("blocks", [0, 2, 3])
def test_frozen_layers_do_not_move(blocks):
    model = classifier()
    freeze_layers(model, blocks)
    before = values(model)
    model.compile(
        fine_tuning_optimizer(model, 0.01, 1, 2, layer_decay=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(INPUTS, LABELS, verbose=0)
    free = [f"block_{i}/" for i in range(blocks, 3)] + ["/pooler/", "/classifier/"]
    assert moved(model, before) == {p for p in before if any(part in p for part in free)}


@pytest.mark.parametrize("blocks", [-1, 4])
def test_more_blocks_than_there_are(blocks):
    with pytest.raises(ValueError, match=f"between 0 and 3, the blocks of bert; got {blocks}"):
        freeze_layers(classifier(), blocks)


@pytest.mark.parametrize("kind", [BERTClassifier, BERTTagger])
def test_lora_trains_little_and_merges(tmp_path, kind):
    model = randomize(kind(BERTConfig(**CONFIG), 3, name="bert"), scale=0.2)
    before, answer = values(model), to_numpy(model(INPUTS))
    enable_lora(model, 2, alpha=6)
    np.testing.assert_allclose(to_numpy(model(INPUTS)), answer, atol=1e-6)
    head = 4 if kind is BERTClassifier else 2
    assert len(model.trainable_variables) == 3 * 2 * 2 + head
    labels = LABELS if kind is BERTClassifier else INPUTS["token_ids"] % 3
    model.compile(
        fine_tuning_optimizer(model, 0.05, 1, 9, layer_decay=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(INPUTS, labels, epochs=3, verbose=0)
    changed = {path for path in moved(model, {**values(model), **before}) if path in before}
    assert all("/pooler/" in path or "/classifier/" in path for path in changed)
    assert len(changed) == head
    trained = to_numpy(model(INPUTS))
    assert np.abs(trained - answer).max() > 0.01
    with pytest.raises(ValueError, match="the model has LoRA .* save zoo.training.merge_lora"):
        model.save_pretrained(tmp_path / "refused")
    assert not list(tmp_path.iterdir())
    merged = merge_lora(model)
    assert type(merged) is kind
    np.testing.assert_allclose(to_numpy(merged(INPUTS)), trained, atol=1e-5)
    assert sorted(v.path for v in merged.trainable_variables) == sorted(before)
    merged.save_pretrained(tmp_path / "folder")
    assert not [n for n in load_file(tmp_path / "folder" / "model.safetensors") if "lora" in n]
    again = kind.from_pretrained(tmp_path / "folder")
    np.testing.assert_allclose(to_numpy(again(INPUTS)), trained, atol=1e-5)


def test_lora_errors():
    model = classifier()
    with pytest.raises(ValueError, match="bert has no LoRA to merge"):
        merge_lora(model)
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        enable_lora(model, 0)
    enable_lora(model, 1)
    with pytest.raises(ValueError, match="bert has LoRA already"):
        enable_lora(model, 1)
    elsewhere = classifier()
    elsewhere.pooler.enable_lora(1)
    with pytest.raises(ValueError, match="unexpected: pooler/lora_kernel_a"):
        merge_lora(elsewhere)


def test_optimizer_made_before_layers_were_frozen():
    model = classifier()
    optimizer = fine_tuning_optimizer(model, 0.01, 1, 2, layer_decay=0.9)
    freeze_layers(model, 1)
    with pytest.raises(ValueError, match="make the optimizer after freeze_layers"):
        optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="layer_decay must be above 0"):
        fine_tuning_optimizer(model, 0.01, 1, 2, layer_decay=0.0)
