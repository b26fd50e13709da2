"""A training with every callback runs, and writes, where TensorFlow is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("resumable.py")  # hides TensorFlow from these two backends


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_train(tmp_path, backend):
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "FIRST_WEIGHTS": "1",
        "PYTHONPATH": str(SCRIPT.parents[2]),
    }
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "final.npz") as final:
        assert all(np.isfinite(final[name]).all() for name in final.files)
    assert (tmp_path / "checkpoints" / "epoch-00005" / "state.json").exists()
