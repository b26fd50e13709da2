"""Stacks of blocks over (B, T, D) vectors; what the vectors stand for is not their business."""

import keras
from keras import ops

from zoo.layers.add_norm import make_norm
from zoo.layers.cache import Cache, write
from zoo.layers.packing import Packing
from zoo.layers.parts import build_part, part_config
from zoo.layers.record import recording


class _Stack(keras.layers.Layer):
    """Blocks one after the other, and a last norm where one is asked for."""

    def __init__(self, blocks, final_norm=None, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.blocks = list(blocks)
        self.final_norm_name = final_norm
        self.epsilon = epsilon
        self.final_norm = None
        if final_norm is not None:
            self.final_norm = make_norm(final_norm, epsilon, self.dtype_policy, "final_norm")

    def finish(self, x):
        return x if self.final_norm is None else self.final_norm(x)

    def get_config(self):
        return {
            **super().get_config(),
            "blocks": [part_config(block) for block in self.blocks],
            "final_norm": self.final_norm_name,
            "epsilon": self.epsilon,
        }

    @classmethod
    def from_config(cls, config):
        blocks = [keras.saving.deserialize_keras_object(block) for block in config["blocks"]]
        return cls(**{**config, "blocks": blocks})


@keras.saving.register_keras_serializable("zoo")
class EncoderStack(_Stack):
    """A stack of `EncoderBlock`s: "Attention is all you need", 3.1.

    Called with x (B, T, D), attention_mask (B or 1, T or 1, T) bool, positions (B or 1, T) int ->
    (B, T, D). With real (B, T) bool, True where a token stands, vectors of padding are not computed
    where shapes may depend on values; they are zeros then.

    Args:
        blocks: list of `EncoderBlock`s.
        final_norm: None, "layer" or "rms": a norm after the last block; pre-norm stacks need one.
        epsilon: of the final norm.
    """

    def build(self, x_shape):
        for block in self.blocks:
            build_part(block, x_shape)
        if self.final_norm is not None:
            build_part(self.final_norm, x_shape)

    def call(self, x, attention_mask=None, positions=None, real=None):
        packing = None if real is None else Packing.of(real)
        if packing is not None:
            rows, length, size = ops.shape(x)
            x = packing.pack(ops.reshape(x, (-1, size)))[None]  # (1, R, D)
        for block in self.blocks:
            x = block(x, attention_mask=attention_mask, positions=positions, packing=packing)
        x = self.finish(x)
        if packing is None:
            return x
        return ops.reshape(packing.spread(x[0]), (rows, length, size))

    def compute_output_shape(self, x_shape):
        return x_shape


@keras.saving.register_keras_serializable("zoo")
class DecoderStack(_Stack):
    """A stack of `DecoderBlock`s: "Attention is all you need", 3.1.

    Called as a layer like a `DecoderBlock`. Over a cache: `start` once, then `step`.

    Args:
        blocks: list of `DecoderBlock`s.
        final_norm: None, "layer" or "rms": a norm after the last block; pre-norm stacks need one.
        epsilon: of the final norm.
        rematerialize: whether a pass without slots keeps only the inputs of the blocks for the
            gradient and computes what is inside again. The blocks must have no dropout.
    """

    def __init__(self, blocks, final_norm=None, epsilon=1e-6, rematerialize=False, **kwargs):
        super().__init__(blocks, final_norm, epsilon, **kwargs)
        self.rematerialize = rematerialize

    def build(self, x_shape, context_shape=None):
        for block in self.blocks:
            build_part(block, x_shape, context_shape)
        if self.final_norm is not None:
            build_part(self.final_norm, x_shape)

    def call(
        self,
        x,
        context=None,
        attention_mask=None,
        positions=None,
        cross_attention_mask=None,
    ):
        memory = self._memory(context)
        return self._through(x, (), 0, attention_mask, positions, memory, cross_attention_mask)[0]

    def start(self, num_rows, capacity, context=None, context_mask=None):
        """A cache with nothing in it but the context.

        Args:
            num_rows: B.
            capacity: C, the number of tokens that fit in, over all hypotheses of a row. 0: nothing
                is kept, and `step` takes one whole sequence.
            context: (B, S, E), what cross-attention reads, or None.
            context_mask: (B, 1, S) bool, True where it may be attended, or None.

        Returns:
            A `Cache` with one hypothesis a row.
        """
        keeps = not (isinstance(capacity, int) and capacity == 0)
        return Cache(
            row={
                "slots": self._slots(num_rows, capacity) if keeps else (),
                "memory": self._memory(context),
                "memory_mask": () if context_mask is None else context_mask,
            },
            beam={"visible": ops.zeros((num_rows, 1, capacity), dtype="bool")},
            index=ops.zeros((), dtype="int32"),
        )

    def step(self, x, cache, place):
        """T new tokens through all blocks.

        Args:
            x: (B, T, D).
            cache: from `start` or the last `step`.
            place: `cache.place(T)`.

        Returns:
            (B, T, D) and the cache that holds the tokens.
        """
        row = cache.row
        memory_mask = None if isinstance(row["memory_mask"], tuple) else row["memory_mask"]
        x, slots = self._through(
            x, row["slots"], cache.index, place.mask, place.positions, row["memory"], memory_mask
        )
        return x, Cache(
            row={**row, "slots": slots},
            beam={**cache.beam, "visible": place.visible},
            index=cache.index_after(ops.shape(x)[1]),
        )

    def _through(self, x, slots, index, mask, positions, memory, memory_mask):
        """x and slots after all blocks; see `DecoderBlock.step`."""

        def append(held, new):
            return write(held, new, index)

        # JAX computes again from a traced function, in which a recorder would find no values.
        if self.rematerialize and not slots and not recording():
            for i, block in enumerate(self.blocks):
                x = _rematerialized(block, mask, positions, memory[i], memory_mask)(x)
            return self.finish(x), ()
        after = []
        for i, block in enumerate(self.blocks):
            held = slots[i] if slots else ()
            x, held = block.step(x, held, append, mask, positions, memory[i], memory_mask)
            after.append(held)
        return self.finish(x), tuple(after) if slots else ()

    def get_config(self):
        return {**super().get_config(), "rematerialize": self.rematerialize}

    def _memory(self, context):
        """Keys and values of the context (B, S, E): two (B, M, S, H) a block."""
        return tuple(block.memory(context) for block in self.blocks)

    def _slots(self, num_rows, capacity):
        """Empty keys and values: two (B, M, C, H) a block."""

        def empty(attention):
            shape = (num_rows, attention.num_key_value_heads, capacity, attention.head_dim)
            return ops.zeros(shape, dtype=self.compute_dtype)

        attentions = [block.self_attention for block in self.blocks]
        return tuple((empty(attention), empty(attention)) for attention in attentions)


def _rematerialized(block, *rest):
    """A block without slots as a function of x whose inside is computed again for the gradient."""
    return keras.remat(lambda x: block.step(x, (), (), *rest)[0])
