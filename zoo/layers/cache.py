"""What a decoder remembers between calls: one tree, two parts, one write index."""

from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.compiled import shapes_are_dynamic, value_at_hand
from zoo.layers.masks import causal_mask, document_mask, positions_of, slot_mask


class Place(NamedTuple):
    """Where T new tokens stand.

    Attributes:
        mask: (B or 1, T, C) bool, the slots each may attend to; without slots (B or 1, T, T).
        positions: (B or 1, T) int32, the position of each in its hypothesis.
        visible: (B, K, C) bool, `beam["visible"]` once they are in the cache.
    """

    mask: Any
    positions: Any
    visible: Any


class Pieces(NamedTuple):
    """Keys or values of a cache that grows: slots in two pieces, one behind the other.

    A new token is put behind the few in `new`; what is held is not copied for it.

    Attributes:
        held: (B, N, C, H), the slots that `Cache.compact` kept.
        new: (B, N, J, H), those since then.
    """

    held: Any
    new: Any


class Cache(NamedTuple):
    """The state of a batch that is being decoded.

    Letters: B rows, K hypotheses (beams) a row, C slots, N heads, H head size, S source length.

    The K hypotheses of a row share one store of C slots: every new token of every hypothesis takes
    the next free slot, and `beam["visible"]` says which slots a hypothesis descends from. So a
    search reorders one boolean table and never moves a key or a value, and source and prompt are
    never repeated.

    Attributes:
        row: tree of tensors (B, ...) that the hypotheses of a row share: self-attention slots
            (B, N, C, H), in `Pieces` where the cache grows, cross-attention keys and values
            (B, N, S, H), the source mask. A dict whose "slots" are the former.
        beam: tree of tensors (B, K, ...) that belong to one hypothesis and that a search reorders.
            A dict whose "visible" is (B, K, C) bool.
        index: () int32, the next free slot, the same for all rows; or (), the empty tuple, in a
            cache that grows (see `compact`): all its slots are taken, and new tokens bring theirs.
    """

    row: Any
    beam: Any
    index: Any

    @property
    def grows(self):
        """Whether new tokens bring their slots."""
        return isinstance(self.index, tuple)

    def check_room(self, num_tokens):
        """Raise where it can be seen that the next `num_tokens` = K * t tokens do not fit.

        Raises:
            ValueError: no multiple of K, or more than the free slots (a write would be lost).
        """
        _, num_beams, capacity = self.beam["visible"].shape
        index = None if self.grows else value_at_hand(self.index)
        if isinstance(num_tokens, int) and isinstance(num_beams, int) and num_tokens % num_beams:
            raise ValueError(
                f"ids must have K * t columns for the K = {num_beams} hypotheses of the cache; "
                f"got {num_tokens}"
            )
        if index is None or not isinstance(num_tokens, int) or not isinstance(capacity, int):
            return
        if capacity == 0 and (index > 0 or num_beams > 1):
            raise ValueError(
                "a cache without slots (capacity=0) takes one whole target of one hypothesis; to "
                "go on from it, start with a capacity"
            )
        if 0 < capacity < index + num_tokens:
            raise ValueError(
                f"the cache has {capacity} slots, of which {capacity - index} are free; got "
                f"{num_tokens} tokens: start with a larger capacity"
            )

    def place(self, length, real=None):
        """Where the next tokens go.

        Args:
            length: T = K * t, the number of new tokens of a row.
            real: (B, T) bool, False for padding, which nobody attends to; None: no padding.

        Returns:
            A `Place`.
        """
        visible = self.beam["visible"]
        if self.row["slots"]:
            num_rows, num_beams, capacity = ops.shape(visible)
            if real is None:
                real = ops.ones((num_rows, length), dtype="bool")
            index = self.index
            if self.grows:
                index, new = capacity, ops.zeros((num_rows, num_beams, length), dtype="bool")
                visible = ops.concatenate([visible, new], axis=-1)
            mask, after, positions = slot_mask(visible, index, real)
            return Place(mask, positions, after)
        mask = causal_mask(length)
        if real is None:
            return Place(mask, ops.arange(length, dtype="int32")[None], visible)
        return Place(ops.logical_and(mask, real[:, None, :]), positions_of(real), visible)

    def place_in_documents(self, documents, real=None):
        """Where the tokens of rows that are packed with documents stand, in a cache without slots.

        Args:
            documents: (B, T) int, which document a token belongs to.
            real: (B, T) bool, False for padding; None: no padding.

        Returns:
            A `Place`: attention stays within a document, and positions begin anew in each.
        """
        mask = document_mask(documents)
        if real is not None:
            mask = ops.logical_and(mask, real[:, None, :])
        positions = ops.maximum(ops.sum(ops.cast(mask, "int32"), axis=-1) - 1, 0)
        return Place(mask, positions, self.beam["visible"])

    def index_after(self, length):
        """`index` once the next T = `length` tokens are in the cache."""
        return () if self.grows else self.index + ops.cast(length, "int32")

    def expand(self, num_beams):
        """Turn one hypothesis a row into `num_beams` equal ones: beam leaves (B, 1, ...) to
        (B, num_beams, ...)."""
        return self._replace(
            beam=keras.tree.map_structure(lambda x: ops.repeat(x, num_beams, axis=1), self.beam)
        )

    def reorder(self, parents):
        """Let hypothesis k of row b continue hypothesis `parents[b, k]`; parents: (B, K) int32."""
        return self._replace(
            beam=keras.tree.map_structure(lambda x: gather_beams(x, parents), self.beam)
        )

    def take_rows(self, rows):
        """Keep the rows of the batch named by `rows`, (R,) int32, in that order."""

        def take(x):
            return ops.take(x, rows, axis=0)

        return self._replace(
            row=keras.tree.map_structure(take, self.row),
            beam=keras.tree.map_structure(take, self.beam),
        )

    def extend(self, num_slots):
        """Make room for more: `num_slots`, a whole number, of free slots at the end."""

        def pad(x):
            widths = [[0, 0] for _ in x.shape]
            widths[2][1] = num_slots
            return ops.pad(x, widths)

        return self._replace(
            row={**self.row, "slots": keras.tree.map_structure(pad, self.row["slots"])},
            beam={**self.beam, "visible": pad(self.beam["visible"])},
        )

    def compact(self, rows):
        """Keep the rows named by `rows`, and of their slots those that some hypothesis still sees.

        Attention reads every slot, also free ones and those that only dead beams saw. Afterwards
        there are as many as the row that needs most has, the slots of a hypothesis in their order,
        and the cache grows. That number depends on values: not for a compiled function on JAX.

        Args:
            rows: (R,) int32.

        Returns:
            The cache of R rows, which grows.
        """
        visible = ops.take(self.beam["visible"], rows, axis=0)  # (R, K, C)
        old = ops.arange(ops.shape(visible)[-1], dtype="int32")  # (C,)
        used = ops.any(visible, axis=1)  # (R, C)
        order = ops.argsort(ops.where(used, old, old + ops.size(old)), axis=-1)  # used ones first
        most = ops.max(ops.sum(ops.cast(used, "int32"), axis=-1), initial=0)
        order = order[:, :most]  # (R, C')

        visible = take_slots(self.beam["visible"][..., None], rows, order)[..., 0]
        none = most * 0  # not a plain 0: that TensorFlow would know, and let nothing be appended

        def take(x):
            whole = ops.concatenate(x, axis=2) if isinstance(x, Pieces) else x
            held = take_slots(whole, rows, order)
            return Pieces(held, held[:, :, :none])

        slots = _map_slots(take, self.row["slots"])
        rest = self._replace(row={**self.row, "slots": ()}).take_rows(rows)
        return Cache(
            row={**rest.row, "slots": slots},
            beam={**rest.beam, "visible": visible},
            index=(),
        )

    def truncate(self, num_slots):
        """Take the last `num_slots` slots back (steps times hypotheses): they are free again; in a
        cache that grows they are gone."""
        visible = self.beam["visible"]  # (B, K, C)
        capacity = ops.shape(visible)[-1]
        if self.grows:
            kept = capacity - num_slots

            def cut(x):
                num_new = ops.maximum(kept - ops.shape(x.held)[2], 0)
                return Pieces(x.held[:, :, :kept], x.new[:, :, :num_new])

            slots = _map_slots(cut, self.row["slots"])
            row, beam = {**self.row, "slots": slots}, {**self.beam, "visible": visible[..., :kept]}
            return self._replace(row=row, beam=beam)
        index = self.index - num_slots
        kept = ops.arange(capacity, dtype="int32") < index  # (C,)
        beam = {**self.beam, "visible": ops.logical_and(visible, kept)}
        return self._replace(beam=beam, index=index)

    def forget(self, num_tokens):
        """Hide the last tokens of each row from all its hypotheses, as if they had been padding.

        Rows may forget unequally; the slots stay taken.

        Args:
            num_tokens: (B,) int32.
        """
        visible = self.beam["visible"]  # (B, K, C)
        capacity = ops.cast(ops.shape(visible)[-1], "int32")
        end = (capacity if self.grows else self.index) - num_tokens  # (B,)
        kept = ops.arange(ops.shape(visible)[-1], dtype="int32") < end[:, None]  # (B, C)
        beam = {**self.beam, "visible": ops.logical_and(visible, kept[:, None])}
        return self._replace(beam=beam)


def _map_slots(function, slots):
    """`function` of all keys and values, tensors or `Pieces`, in a tree of tuples."""
    if isinstance(slots, tuple) and not isinstance(slots, Pieces):
        return tuple(_map_slots(function, each) for each in slots)
    return function(slots)


def gather_beams(x, parents):
    """x (B, K, ...), parents (B, J) int32 with values in [0, K) -> (B, J, ...)."""
    parents = ops.convert_to_tensor(parents, dtype="int32")
    shape = ops.shape(x)
    num_rows, num_beams = shape[0], shape[1]
    flat = ops.reshape(x, (num_rows * num_beams, *shape[2:]))  # (B*K, ...)
    offsets = ops.arange(num_rows, dtype="int32")[:, None] * num_beams  # (B, 1)
    return ops.take(flat, parents + offsets, axis=0)  # (B, J, ...)


def take_slots(slots, rows, order):
    """slots (B, N, C, H), rows (R,) int32, order (R, J) int32 in [0, C) -> (R, N, J, H)."""
    num_rows, num_heads, capacity, size = ops.shape(slots)
    flat = ops.reshape(slots, (num_rows * num_heads * capacity, size))
    heads = rows[:, None] * num_heads + ops.arange(num_heads, dtype="int32")  # (R, N)
    return ops.take(flat, heads[:, :, None] * capacity + order[:, None, :], axis=0)


def write(slots, new, index):
    """Write T tokens into consecutive slots; or append them in a cache that grows.

    By a slice update where shapes are fixed, as on JAX, whose loops make it in place. Elsewhere by
    `where` under a mask, because slice updates become an XLA op on TensorFlow, which a default TF
    Serving refuses, and scatters into this layout cost 1.4 to 2.9 times as much.

    Args:
        slots: (B, N, C, H); `Pieces` in a cache that grows.
        new: (B, N, T, H), T <= C.
        index: () int32, the slot of the first token; () in a cache that grows.

    Returns:
        The same with the tokens.
    """
    if isinstance(index, tuple):
        return slots._replace(new=ops.concatenate([slots.new, new], axis=2))
    if not shapes_are_dynamic():
        return _write_slice(slots, new, index)
    relative = ops.arange(ops.shape(slots)[2], dtype="int32") - index  # (C,)
    length = ops.shape(new)[2]
    inside = ops.logical_and(relative >= 0, relative < length)  # (C,)
    if not (isinstance(length, int) and length == 1):  # a length unknown while tracing is a tensor
        new = ops.take(new, ops.clip(relative, 0, length - 1), axis=2)  # (B, N, C, H)
    return ops.where(inside[:, None], new, slots)


def _write_slice(slots, new, index):
    # Too many tokens are asked for, but never written, by a loop that is traced and makes no step.
    new = new[:, :, : slots.shape[2]]
    # Rows and heads as one axis: see `_packing` of zoo/decoding/drivers.py.
    flat, new = (ops.reshape(x, (-1, *x.shape[2:])) for x in (slots, new))  # (B*N, C or T, H)
    return ops.reshape(ops.slice_update(flat, (0, index, 0), new), slots.shape)
