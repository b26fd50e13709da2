"""What all tests share: every test starts from the same random state."""

import gc
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Programs of tests are tiny: most of the time on JAX is compilation.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def same_random_state():
    # Only where a test module has loaded keras: others show that they can do without.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(1706)


@pytest.fixture
def rng():
    return np.random.default_rng(3762)


@pytest.fixture
def quick_collection():
    """For tests that quantize: Keras collects all garbage once for each layer."""
    gc.freeze()
    yield
    gc.unfreeze()
