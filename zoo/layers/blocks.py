"""Encoder and decoder blocks: each sublayer inside its add & norm."""

import keras

from zoo.layers.parts import build_part, part_config, parts_from_config


@keras.saving.register_keras_serializable("zoo")
class EncoderBlock(keras.layers.Layer):
    """Self-attention, then feed-forward: "Attention is all you need", figure 1, left.

    Called with x (B, T, D), attention_mask (B or 1, T or 1, T) bool, positions (B or 1, T) int (for
    rotary heads) -> (B, T, D).

    Args:
        self_attention: a `MultiHeadAttention`.
        feed_forward: a `FeedForward` or `GatedFeedForward`.
        add_norm: an `AddAndNorm`; every sublayer gets a copy of its own.
    """

    def __init__(self, self_attention, feed_forward, add_norm, **kwargs):
        super().__init__(**kwargs)
        _check_cross("self_attention", self_attention, False)
        self.self_attention = self_attention
        self.feed_forward = feed_forward
        self.add_norm_config = part_config(add_norm)
        self.self_attention_add_norm = add_norm.copy("self_attention_add_norm")
        self.feed_forward_add_norm = add_norm.copy("feed_forward_add_norm")

    def build(self, x_shape):
        build_part(self.self_attention, x_shape)
        build_part(self.self_attention_add_norm, x_shape)
        build_part(self.feed_forward, x_shape)
        build_part(self.feed_forward_add_norm, x_shape)

    def call(self, x, attention_mask=None, positions=None, packing=None):
        h = self.self_attention_add_norm.before(x)
        h = self.self_attention(
            h, attention_mask=attention_mask, positions=positions, packing=packing
        )
        x = self.self_attention_add_norm(x, h)
        h = self.feed_forward(self.feed_forward_add_norm.before(x))
        return self.feed_forward_add_norm(x, h)

    def compute_output_shape(self, x_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "self_attention": part_config(self.self_attention),
            "feed_forward": part_config(self.feed_forward),
            "add_norm": self.add_norm_config,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**parts_from_config(config, "add_norm", "self_attention", "feed_forward"))


@keras.saving.register_keras_serializable("zoo")
class DecoderBlock(keras.layers.Layer):
    """Causal self-attention, cross-attention where there is a context, feed-forward.

    "Attention is all you need", figure 1, right; without cross-attention a block of GPT.

    Called as a layer: x (B, T, D), context (B, S, E), attention_mask (B or 1, T, T) bool, positions
    (B or 1, T) int, cross_attention_mask (B or 1, T or 1, S) bool -> (B, T, D). `step` is the same
    wiring over a cache.

    Args:
        self_attention: a `MultiHeadAttention`.
        feed_forward: a `FeedForward` or `GatedFeedForward`.
        add_norm: an `AddAndNorm`; every sublayer gets a copy of its own.
        cross_attention: a `MultiHeadAttention` with cross=True, or None.
    """

    def __init__(self, self_attention, feed_forward, add_norm, cross_attention=None, **kwargs):
        super().__init__(**kwargs)
        _check_cross("self_attention", self_attention, False)
        if cross_attention is not None:
            _check_cross("cross_attention", cross_attention, True)
        self.self_attention = self_attention
        self.cross_attention = cross_attention
        self.feed_forward = feed_forward
        self.add_norm_config = part_config(add_norm)
        self.self_attention_add_norm = add_norm.copy("self_attention_add_norm")
        if cross_attention is not None:
            self.cross_attention_add_norm = add_norm.copy("cross_attention_add_norm")
        self.feed_forward_add_norm = add_norm.copy("feed_forward_add_norm")

    def build(self, x_shape, context_shape=None):
        build_part(self.self_attention, x_shape)
        build_part(self.self_attention_add_norm, x_shape)
        if self.cross_attention is not None:
            build_part(self.cross_attention, x_shape, context_shape or x_shape)
            build_part(self.cross_attention_add_norm, x_shape)
        build_part(self.feed_forward, x_shape)
        build_part(self.feed_forward_add_norm, x_shape)

    def call(
        self,
        x,
        context=None,
        attention_mask=None,
        positions=None,
        cross_attention_mask=None,
    ):
        memory = self.memory(context)
        return self.step(x, (), (), attention_mask, positions, memory, cross_attention_mask)[0]

    def memory(self, context):
        """What cross-attention reads, computed once a source: (B, S, E) -> two (B, M, S, H)."""
        if (self.cross_attention is None) != (context is None):
            raise ValueError(
                f"{self.name}: context must be given exactly when the block has cross-attention"
            )
        return () if context is None else self.cross_attention.keys_values(context)

    def step(self, x, slots, append, mask, positions, memory, memory_mask):
        """One pass over T new tokens, with or without a cache.

        Args:
            x: (B, T, D).
            slots: keys and values so far, two (B, M, C, H) or `Pieces`, or () for no cache.
            append: function (slots, new) -> slots for each of keys and values, or () for no cache.
            mask: (B or 1, T, C) bool; without a cache (B or 1, T, T).
            positions: (B or 1, T) int or None.
            memory: what `memory` returned.
            memory_mask: (B or 1, 1 or T, S) bool or None.

        Returns:
            x (B, T, D) and the slots with the new keys and values.
        """
        h = self.self_attention_add_norm.before(x)
        query, key, value = self.self_attention.queries_keys_values(h, positions)
        if slots:
            key, value = slots = append(slots[0], key), append(slots[1], value)
        x = self.self_attention_add_norm(x, self.self_attention.attend(query, key, value, mask))
        if self.cross_attention is not None:
            query = self.cross_attention.queries(self.cross_attention_add_norm.before(x))
            h = self.cross_attention.attend(query, *memory, memory_mask)
            x = self.cross_attention_add_norm(x, h)
        h = self.feed_forward(self.feed_forward_add_norm.before(x))
        return self.feed_forward_add_norm(x, h), slots

    def compute_output_shape(self, x_shape, context_shape=None):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "self_attention": part_config(self.self_attention),
            "feed_forward": part_config(self.feed_forward),
            "add_norm": self.add_norm_config,
            "cross_attention": part_config(self.cross_attention),
        }

    @classmethod
    def from_config(cls, config):
        parts = ("self_attention", "feed_forward", "cross_attention")
        return cls(**parts_from_config(config, "add_norm", *parts))


def _check_cross(name, attention, cross):
    if attention.cross != cross:
        raise ValueError(
            f"{name} must be a MultiHeadAttention with cross={cross}; got cross={attention.cross}"
        )
