"""Foreign weights as tables: which tensor of another library is which variable of ours.

A converter is a `Table` and nothing else; the one loop here checks names and shapes and moves the
numbers, in both directions. It sees variable paths, never model classes.
"""

import dataclasses
import itertools

import numpy as np
from keras import ops

from zoo.checkpoints.weights import assign_weights, check_merged, check_not_quantized


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one library stores what another stores: a name, and axes to swap or to drop.

    Args:
        transposed: whether rows and columns are swapped, as in torch's Linear (out, in).
        leading: number of axes of size one that the foreign tensor has in front.
    """

    transposed: bool = False
    leading: int = 0

    def to_ours(self, array):
        """Foreign array -> ours."""
        array = array.reshape(array.shape[self.leading :])
        return array.T if self.transposed else array

    def to_theirs(self, array):
        """Our array -> the foreign one."""
        array = array.T if self.transposed else array
        return array.reshape((1,) * self.leading + array.shape)

    def their_shape(self, shape):
        """Our shape -> the foreign one."""
        return (1,) * self.leading + (tuple(shape)[::-1] if self.transposed else tuple(shape))


AS_IS = Layout()
TRANSPOSED = Layout(transposed=True)
ONE_ROW = Layout(leading=1)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One variable and the foreign tensors that hold its numbers.

    Args:
        variable: path of the variable below the model's own name.
        tensors: foreign names; several lie side by side, in equal parts, on the variable's last
            axis (fused queries, keys and values).
        layout: a `Layout`, the same for all of `tensors`.
        copies: foreign names that may hold the same numbers once more (tied weights). Read where
            the first name is absent, checked where it is present, never written.
        zeros_if_absent: whether a file without the tensors means zeros.
        shares: relative sizes of `tensors` on the variable's last axis; (): equal parts.
    """

    variable: str
    tensors: tuple[str, ...]
    layout: Layout = AS_IS
    copies: tuple[str, ...] = ()
    zeros_if_absent: bool = False
    shares: tuple[int, ...] = ()

    def numbered(self, number):
        """The same with {i} replaced by `number`."""
        variable, *names = (
            name.replace("{i}", str(number))
            for name in (self.variable, *self.tensors, *self.copies)
        )
        tensors, copies = names[: len(self.tensors)], names[len(self.tensors) :]
        return dataclasses.replace(
            self, variable=variable, tensors=tuple(tensors), copies=tuple(copies)
        )

    def their_shapes(self, shape):
        """{foreign name: shape} for a variable of `shape`."""
        ends = (0, *self.ends(shape[-1]), shape[-1])
        sizes = [end - start for start, end in itertools.pairwise(ends)]
        found = {
            name: self.layout.their_shape((*shape[:-1], size))
            for name, size in zip(self.tensors, sizes, strict=True)
        }
        return found | {name: found[self.tensors[0]] for name in self.copies}

    def ends(self, size):
        """Where the parts of `tensors`, but the last, end on a last axis of `size`."""
        shares = self.shares or (1,) * len(self.tensors)
        ends = itertools.accumulate(shares[:-1])
        return [size * end // sum(shares) for end in ends]


@dataclasses.dataclass(frozen=True)
class Table:
    """All variables of a model and their foreign names.

    Args:
        entries: tuple of `Entry`.
        ignored: foreign names that hold nothing learned, such as tables of sinusoids.
    """

    entries: tuple[Entry, ...]
    ignored: tuple[str, ...] = ()


def repeated(entries, count):
    """`entries` once for each of `count` blocks, {i} replaced by 0, 1, ..."""
    return tuple(entry.numbered(i) for i in range(count) for entry in entries)


def linear(ours, *theirs):
    """A Dense whose numbers are in a torch Linear, or in several side by side: kernel and bias."""
    kernels = tuple(f"{name}.weight" for name in theirs)
    biases = tuple(f"{name}.bias" for name in theirs)
    return Entry(f"{ours}/kernel", kernels, TRANSPOSED), Entry(f"{ours}/bias", biases)


def load_weights(variables, tensors, table, source):
    """Assign foreign tensors to variables, all or nothing.

    Args:
        variables: {path: variable}, all of a model.
        tensors: `TensorFiles`, or any mapping from names to arrays with a method `shape(name)`.
        table: a `Table`.
        source: where the tensors come from, for the error.

    Raises:
        ValueError: tensors are missing, unexpected, of a wrong shape, or differ from the tensor
            that they are tied to; all mismatches are listed at once.
    """
    _check_paths(variables, table)
    problems = _mismatches(variables, tensors, table)
    if problems:
        raise ValueError(f"{source} does not fit the model:\n  " + "\n  ".join(problems))
    arrays = {e.variable: _read(e, variables[e.variable], tensors) for e in table.entries}
    assign_weights(variables, arrays, source)


def foreign_tensors(variables, table):
    """{path: variable} -> {foreign name: numpy array}, what `load_weights` reads."""
    check_merged(variables)
    check_not_quantized(variables)
    _check_paths(variables, table)
    found = {}
    for entry in table.entries:
        array = ops.convert_to_numpy(variables[entry.variable].value)
        parts = np.split(array, entry.ends(array.shape[-1]), axis=-1)
        for name, part in zip(entry.tensors, parts, strict=True):
            found[name] = np.ascontiguousarray(entry.layout.to_theirs(part))
    return found


def _check_paths(variables, table):
    """A table that does not name every variable once is an error of ours, not of the file."""
    paths = [entry.variable for entry in table.entries]
    if sorted(paths) != sorted(variables):
        raise KeyError(
            f"the table lacks {sorted(set(variables) - set(paths))} and names "
            f"{sorted(set(paths) - set(variables))}, which the model has not"
        )


def _mismatches(variables, tensors, table):
    known = set(table.ignored)
    problems = []
    for entry in table.entries:
        known.update(entry.tensors, entry.copies)
        shapes = entry.their_shapes(variables[entry.variable].shape)
        problems += _entry_mismatches(entry, shapes, tensors)
    return problems + [f"unexpected: {name}" for name in sorted(set(tensors) - known)]


def _entry_mismatches(entry, shapes, tensors):
    """What is wrong with the foreign tensors, of {name: shape} `shapes`, of one entry."""
    present = [name for name in (*entry.tensors, *entry.copies) if name in tensors]
    wrong = [name for name in present if tensors.shape(name) != shapes[name]]
    problems = [
        f"wrong shape: {name} is {tensors.shape(name)}, the model needs {shapes[name]}"
        for name in wrong
    ]
    if not (entry.zeros_if_absent or any(name in tensors for name in entry.copies)):
        absent = [name for name in entry.tensors if name not in tensors]
        problems += [f"missing: {name} {shapes[name]}" for name in absent]
    if entry.copies and not wrong:
        problems += [
            f"{name} differs from {present[0]}, which it is tied to"
            for name in present[1:]
            if not np.array_equal(tensors[name], tensors[present[0]])
        ]
    return problems


def _read(entry, variable, tensors):
    names = [name for name in entry.tensors if name in tensors]
    names = names or [name for name in entry.copies if name in tensors][:1]
    if not names:
        return np.zeros(variable.shape, "float32")
    return np.concatenate([entry.layout.to_ours(tensors[name]) for name in names], axis=-1)
