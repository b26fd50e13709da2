"""Give the randomness of an epoch an address, so that a resumed epoch draws the same numbers."""

import keras
import numpy as np


def seed_epoch(model, seed, epoch):
    """Seed Python, numpy, the backend and the random layers of a model from (seed, epoch).

    Dropout draws from the states of the layers' seed generators, on torch from its global
    generator; no file of weights holds either.

    Args:
        model: a built `keras.Model`.
        seed, epoch: integers >= 0.
    """
    keras.utils.set_random_seed(_hash(seed, epoch))
    weights = {id(variable) for variable in model.weights}
    generators = [variable for variable in model.variables if id(variable) not in weights]
    for number, state in enumerate(generators, start=1):
        state.assign([_hash(seed, epoch, number), 0])


def _hash(*address):
    """31 bits, which every backend's type for seeds can hold."""
    return int(np.random.SeedSequence(address).generate_state(1)[0] >> 1)
