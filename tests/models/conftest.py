"""Ids of a source and a target."""

import pytest

from tests.models_on_ids import some_ids


@pytest.fixture
def source(rng):
    """Three rows of 7, 4 and 2 tokens."""
    ids = some_ids(rng, 3, 7)
    ids[1, 4:] = ids[2, 2:] = 0
    return ids


@pytest.fixture
def target(rng):
    ids = some_ids(rng, 3, 5)
    ids[:, 0] = 2
    return ids
