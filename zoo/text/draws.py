"""Random numbers with an address: the same on every platform and in every release of numpy."""

import numpy as np


def uniform(shape, key):
    """Numbers of [0, 1) by Philox (Salmon et al. 2011), a pure function of the key.

    Made from raw random words, because numpy promises the stream of a bit generator for good, but
    not that of `Generator.random` (NEP 19).

    Args:
        shape: tuple of int.
        key: integers >= 0.

    Returns:
        float64 array of 53 random bits each.
    """
    words = np.random.Philox(np.random.SeedSequence(list(key))).random_raw(int(np.prod(shape)))
    return ((words >> np.uint64(11)) * 2.0**-53).reshape(shape)


def below(uniform_numbers, limits):
    """Whole numbers from 0 to limit - 1, each as likely (to 53 bits), of numbers of [0, 1).

    Args:
        uniform_numbers: float64 array.
        limits: int array of the same shape, or int; at least 1.
    """
    return (uniform_numbers * limits).astype("int64")
