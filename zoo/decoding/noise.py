"""Noise with an address: the same bits on every backend.

`keras.random` gives three different streams on three backends. Here a number is a hash of where it
is used, (row seed, sample, step, token), so it depends on nothing else: not on the batch, the
backend or what was drawn before. All arithmetic is on int32, which wraps around on every backend;
JAX has no int64 by default and torch no uint32 products.
"""

from keras import ops

_GOLDEN = 0x9E3779B9  # 2^32 over the golden ratio: keeps `mix` away from its fixed point 0


def mix(x):
    """Scramble the bits of x (...) int32: "lowbias32" of C. Wellons, hash-prospector, 2018."""
    x = ops.bitwise_xor(x, _shift_right(x, 16)) * _signed(0x7FEB352D)
    x = ops.bitwise_xor(x, _shift_right(x, 15)) * _signed(0x846CA68B)
    return ops.bitwise_xor(x, _shift_right(x, 16))


def fold(key, number):
    """A new key out of a key and a number; int32 of any shapes that broadcast."""
    return mix(ops.bitwise_xor(key, mix(number + _signed(_GOLDEN))))


def row_seeds(seed, num_rows):
    """One seed a row.

    Args:
        seed: whole number of at most 32 bits or () int32: row i gets fold(seed, i); or (B,) int32:
            row i gets seed[i].
        num_rows: B.

    Returns:
        (B,) int32.
    """
    if isinstance(seed, int):
        if not -(2**31) <= seed < 2**32:
            raise ValueError(f"seed must have at most 32 bits; got {seed}")
        seed = _signed(seed & 0xFFFFFFFF)
    seed = ops.convert_to_tensor(seed, dtype="int32")
    if len(seed.shape) == 1:
        return seed
    if len(seed.shape) > 1:
        raise ValueError(f"seed must be one number or have shape (B,); got {tuple(seed.shape)}")
    return fold(seed, ops.arange(num_rows, dtype="int32"))


def gumbel(seeds, num_samples, step, vocab_size):
    """Gumbel noise: logits + noise is largest at token i with probability softmax(logits)[i].

    Args:
        seeds: (B,) int32.
        num_samples: K.
        step: () int32, the number of the token.
        vocab_size: V.

    Returns:
        (B, K, V) float32 between -2.9 and 16.7.
    """
    keys = fold(seeds[:, None], ops.arange(num_samples, dtype="int32"))  # (B, K)
    keys = fold(keys, step)[:, :, None]
    bits = fold(keys, ops.arange(vocab_size, dtype="int32"))  # (B, K, V)
    # 23 bits and a half: exact in float32, and neither 0 nor 1.
    uniform = (ops.cast(_shift_right(bits, 9), "float32") + 0.5) * 2.0**-23
    return -ops.log(-ops.log(uniform))


def _shift_right(x, count):
    """A logical shift: int32 shifts drag the sign along, so its copies are masked away."""
    return ops.bitwise_and(ops.right_shift(x, count), (1 << (32 - count)) - 1)


def _signed(x):
    """The int32 that has the bits of x, 0 <= x < 2^32."""
    return x - (1 << 32) if x >= 1 << 31 else x
