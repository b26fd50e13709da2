"""Training data is prepared and batched where TensorFlow is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys

for name in ("tensorflow", "tensorflow_text", "keras_hub"):
    sys.modules[name] = None  # any import of it fails

import keras
from zoo.text import (
    EvaluationBatches, PairBatches, open_ids, read_parallel, train_sentencepiece, write_ids
)

source_file, target_file, folder = sys.argv[1:]
tokenizer = train_sentencepiece([source_file, target_file], 101)
for name, texts in zip(("source", "target"), read_parallel(source_file, target_file)):
    write_ids(f"{folder}/{name}", texts, tokenizer)
ids = [open_ids(f"{folder}/{name}", tokenizer) for name in ("source", "target")]
batches = PairBatches(*ids, tokenizer.special_ids, max_tokens=499)
inputs, labels, weight = batches[3]
assert labels.shape == weight.shape == inputs["target_ids"].shape
assert sum(1 for _ in EvaluationBatches(*ids, tokenizer.special_ids)) > 0
assert tokenizer.decode(labels)[0].startswith("Die")
assert not [name for name in sys.modules if name.startswith("tensorflow.")]
print(keras.backend.backend(), "fine")
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_prepare_and_batch(corpus, tmp_path, backend):
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(corpus), str(corpus), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == f"{backend} fine", result.stderr
