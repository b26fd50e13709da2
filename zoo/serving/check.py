"""Whether a SavedModel is one that a default TF Serving runs."""

import dataclasses
import pathlib

from zoo.serving.graph import op_types, refuse_unservable
from zoo.serving.op_lists import RELEASES
from zoo.serving.replay import compare_batched, open_model, run_warmup
from zoo.serving.warmup import read_warmup


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found; `str()` of it is a page to read.

    Attributes:
        folder: the SavedModel's folder.
        size: bytes of all its files.
        signatures: {name: ({input: (dtype, shape)}, {output: (dtype, shape)})}.
        ops: names of the op types, a set.
        releases: the releases of TF Serving that know them all.
        requests: number of warm-up requests that were replayed.
        rows: number of their rows that were compared, alone and in one batch.
        difference: the largest difference of a float output in that comparison.
    """

    folder: str
    size: int
    signatures: dict
    ops: frozenset
    releases: tuple
    requests: int
    rows: int
    difference: float

    def __str__(self):
        lines = [f"{self.folder}: {self.size / 2**20:.1f} MiB"]
        for name, (inputs, outputs) in sorted(self.signatures.items()):
            lines.append(f"  {name}")
            lines += [f"    <- {each}" for each in _described(inputs)]
            lines += [f"    -> {each}" for each in _described(outputs)]
        lines.append(f"ops: all {len(self.ops)} types known to TF Serving {_and(self.releases)}")
        lines.append(f"warm-up: {self.requests} requests answered")
        lines.append(
            f"batching: {self.rows} rows answered alone as in company "
            f"(largest difference {self.difference:.1e})"
        )
        return "\n".join(lines)


def check(folder, releases=RELEASES):
    """Check a SavedModel as far as Python can, without Keras: ops, warm-up requests, batching.

    Args:
        folder: the SavedModel's folder (the one with saved_model.pb).
        releases: those of `zoo.serving.op_lists.RELEASES` that have to run it.

    Returns:
        A `Report`.

    Raises:
        ValueError: a server of these releases refuses an op, a warm-up request fails, or a row's
            answer depends on the other rows of its batch; the message names the culprit.
        FileNotFoundError: there is no SavedModel, or it has no warm-up requests.
    """
    folder = pathlib.Path(folder)
    refuse_unservable(folder, releases)
    requests = read_warmup(folder)
    model = open_model(folder)
    try:
        for number, request in enumerate(requests):
            run_warmup(model, number, *request)
        rows, difference = compare_batched(model, requests)
        signatures = {n: (model.inputs(n), model.outputs(n)) for n in model.served_names()}
    finally:
        model.close()
    return Report(
        folder=str(folder),
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        signatures=signatures,
        ops=frozenset(op_types(folder)),
        releases=tuple(releases),
        requests=len(requests),
        rows=rows,
        difference=difference,
    )


def _described(tensors):
    return [
        f"{name}: {dtype} [{'?' if shape is None else ', '.join(_size(size) for size in shape)}]"
        for name, (dtype, shape) in tensors.items()
    ]


def _size(size):
    return "any" if size is None else str(size)


def _and(names):
    return " and ".join(names)
