"""Positions: sinusoidal, learned and rotary."""

import math
import numbers

import keras
import numpy as np
from keras import ops

from zoo.compiled import value_at_hand
from zoo.layers.arguments import positive

LAYOUTS = ("interleaved", "half")


def _frequencies(size, base):
    """base^(-2 i / size), i from 0: (size / 2,) float64, in radians a position."""
    return float(base) ** (-2.0 * np.arange(size // 2) / size)


def _angles(positions, frequencies):
    """positions (B, T), frequencies (F,) -> their products modulo 2 pi, (B, T, F).

    In float32 an angle of 1000 is known to 3e-5 only. So positions are split into blocks of 64, and
    full turns are taken out of a block's angle beforehand, in float64.
    """
    block = 64
    block_angles = np.remainder(block * frequencies + math.pi, 2 * math.pi) - math.pi
    positions = ops.cast(positions, "float32")[..., None]  # (B, T, 1)
    blocks = ops.floor(positions / block)
    rest = positions - blocks * block
    block_angles, frequencies = (
        ops.convert_to_tensor(x, dtype="float32") for x in (block_angles, frequencies)
    )
    return blocks * block_angles + rest * frequencies


def _check_layout(layout):
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {LAYOUTS}; got {layout!r}")
    return layout


@keras.saving.register_keras_serializable("zoo")
class SinusoidalPositions(keras.layers.Layer):
    """Sines and cosines of geometric wavelengths: "Attention is all you need", 3.5.

    PE(p, 2 i) = sin(p / base^(2 i / D)) and PE(p, 2 i + 1) = cos of the same angle. There is no
    longest position. `layout="half"` (Marian, tensor2tensor) holds all sines, then all cosines.

    Called with positions (B, T) of any integer dtype -> (B, T, D).

    Args:
        hidden_dim: D, even.
        layout: "interleaved" (the paper) or "half".
        base: 10000 in the paper.

    Raises:
        ValueError: an odd hidden_dim or an unknown layout.
    """

    def __init__(self, hidden_dim, layout="interleaved", base=10000.0, **kwargs):
        super().__init__(**kwargs)
        if hidden_dim < 2 or hidden_dim % 2:
            raise ValueError(f"hidden_dim must be even and positive; got {hidden_dim}")
        self.hidden_dim = hidden_dim
        self.layout = _check_layout(layout)
        self.base = base

    def call(self, positions):
        angles = _angles(positions, _frequencies(self.hidden_dim, self.base))  # (B, T, D/2)
        sines, cosines = ops.sin(angles), ops.cos(angles)
        if self.layout == "half":
            table = ops.concatenate([sines, cosines], axis=-1)
        else:
            rows, length, _ = ops.shape(angles)
            table = ops.stack([sines, cosines], axis=-1)  # (B, T, D/2, 2)
            table = ops.reshape(table, (rows, length, self.hidden_dim))
        return ops.cast(table, self.compute_dtype)

    def compute_output_shape(self, positions_shape):
        return (*positions_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "layout": self.layout,
            "base": self.base,
        }


@keras.saving.register_keras_serializable("zoo")
class LearnedPositions(keras.layers.Layer):
    """One learned vector a position, as in GPT and BERT.

    Called with positions (B, T) int -> (B, T, D).

    Args:
        num_positions: the longest sequence.
        hidden_dim: D.
        initializer: of the table.

    Raises:
        ValueError: positions beyond the table. While tracing only the length is known.
    """

    def __init__(self, num_positions, hidden_dim, initializer="normal", **kwargs):
        super().__init__(**kwargs)
        self.num_positions = positive("num_positions", num_positions)
        self.hidden_dim = positive("hidden_dim", hidden_dim)
        self.table = keras.layers.Embedding(
            num_positions,
            hidden_dim,
            embeddings_initializer=initializer,
            name="table",
            dtype=self.dtype_policy,
        )

    def build(self, positions_shape):
        self.table.build(positions_shape)

    def call(self, positions):
        length = positions.shape[-1]
        values = value_at_hand(positions)
        if values is not None and values.size:
            length = max(length, values.max() + 1)
        if isinstance(length, numbers.Integral) and length > self.num_positions:
            raise ValueError(
                f"{self.name}: sequences may be at most {self.num_positions} long; got {length}"
            )
        return self.table(positions)

    def compute_output_shape(self, positions_shape):
        return (*positions_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_positions": self.num_positions,
            "hidden_dim": self.hidden_dim,
            "initializer": keras.initializers.serialize(self.table.embeddings_initializer),
        }


@keras.saving.register_keras_serializable("zoo")
class RotaryPositions:
    """Turns pairs of query and key features by position: "RoFormer" (Su et al. 2021), 3.2.2.

    The score of a turned query and a turned key depends on their distance alone. Attention takes
    this object: `MultiHeadAttention(..., rotary=RotaryPositions())`.

    Args:
        base: 10000 in the paper.
        layout: "half" pairs feature i with i + H/2 (Llama as Hugging Face stores it),
            "interleaved" pairs 2 i with 2 i + 1 (the paper).
        scaling: how frequencies are changed for texts longer than those first trained on: the dict
            `rope_scaling` of the transformers library, of type "linear" or "llama3"; or None.

    Raises:
        ValueError: an unknown layout or scaling, or an odd head size when called.
    """

    def __init__(self, base=10000.0, layout="half", scaling=None):
        self.base = base
        self.layout = _check_layout(layout)
        self.scaling = scaling
        self._scale = frequency_scaling(scaling)

    def __call__(self, heads, positions):
        """heads (B, N, T, H), positions (B or 1, T) int -> (B, N, T, H)."""
        size = heads.shape[-1]
        if size % 2:
            raise ValueError(f"rotary positions need an even head_dim; got {size}")
        frequencies = self._scale(_frequencies(size, self.base))
        angles = _angles(positions, frequencies)[:, None]  # (B or 1, 1, T, H/2)
        sines, cosines = (ops.cast(f(angles), heads.dtype) for f in (ops.sin, ops.cos))
        if self.layout == "half":
            first, second = ops.split(heads, 2, axis=-1)
        else:
            first, second = heads[..., ::2], heads[..., 1::2]  # (B, N, T, H/2)
        turned = (first * cosines - second * sines, second * cosines + first * sines)
        if self.layout == "half":
            return ops.concatenate(turned, axis=-1)
        return ops.reshape(ops.stack(turned, axis=-1), ops.shape(heads))

    def get_config(self):
        return {"base": self.base, "layout": self.layout, "scaling": self.scaling}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def frequency_scaling(scaling):
    """What `scaling`, a dict or None as for `RotaryPositions`, does to frequencies: a function
    (F,) -> (F,).

    Raises:
        ValueError: another type, or a number is missing.
    """
    if scaling is None:
        return lambda frequencies: frequencies
    kind = scaling.get("rope_type", scaling.get("type"))
    if kind not in _SCALINGS:
        raise ValueError(f"rotary scaling must be of type {tuple(_SCALINGS)}; got {scaling!r}")
    function, names = _SCALINGS[kind]
    missing = [name for name in names if not scaling.get(name)]
    if missing:
        raise ValueError(f"rotary scaling of type {kind!r} lacks {missing}; got {scaling!r}")
    return lambda frequencies: function(frequencies, *(float(scaling[name]) for name in names))


def _linear(frequencies, factor):
    """Positions are squeezed together: "Extending context window of large language models via
    positional interpolation" (Chen et al. 2023, arXiv:2306.15595), 2.3."""
    return frequencies / factor


def _llama3(frequencies, factor, low, high, length):
    """Long waves are squeezed, short ones stay, those between are mixed: "The Llama 3 herd of
    models" (arXiv:2407.21783), 3.2, as its code has it."""
    turns = length * frequencies / (2 * math.pi)  # within the length first trained on
    kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return kept * frequencies + (1 - kept) * frequencies / factor


_SCALINGS = {
    "linear": (_linear, ("factor",)),
    "llama3": (
        _llama3,
        (
            "factor",
            "low_freq_factor",
            "high_freq_factor",
            "original_max_position_embeddings",
        ),
    ),
}
