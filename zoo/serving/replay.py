"""Run the warm-up requests of a SavedModel: as a server does on loading, and row by row."""

import numpy as np

from zoo.serving.errors import RequestError
from zoo.serving.saved_model import SavedModel
from zoo.serving.warmup import read_warmup

TOLERANCE = 1e-4


def replay(folder):
    """Load a SavedModel and run its warm-up requests, as a server does before it takes traffic.

    Returns:
        The outputs of each request in order, {name: array} each.

    Raises:
        ValueError: it cannot be loaded, or a request fails; the message names the request.
        FileNotFoundError: there are no warm-up requests.
    """
    requests = read_warmup(folder)
    model = open_model(folder)
    try:
        return [run_warmup(model, number, *request) for number, request in enumerate(requests)]
    finally:
        model.close()


def open_model(folder, threads=(0, 0)):
    """A `SavedModel`; failures are ValueErrors."""
    try:
        return SavedModel(folder, threads)
    except RequestError as error:
        raise ValueError(f"{str(folder)!r} cannot be loaded: {error}") from error


def run_warmup(model, number, signature, inputs):
    """The outputs of one warm-up request; failures are ValueErrors."""
    try:
        if signature not in model.signatures:
            raise ValueError(f"there is no such signature, only {sorted(model.signatures)}")
        return model.run(inputs, signature)
    except (RequestError, ValueError) as error:
        raise ValueError(
            f"warm-up request {number} (signature {signature!r}, inputs {inputs}) fails: {error}"
        ) from error


def compare_batched(model, requests):
    """Whether rows are answered alone as they are in company: a server merges requests.

    Args:
        model: a `SavedModel`.
        requests: [(signature name, {input name: array (B, ...)})]; rows of one signature whose
            other axes agree are merged into one batch.

    Returns:
        The number of rows, and the largest difference of a float output, relative where it is
        above 1.

    Raises:
        ValueError: a row's answer differs (a float by more than `TOLERANCE`); the message shows it.
    """
    count, largest = 0, 0.0
    for signature, rows in _merged(requests):
        names = list(rows[0])
        batch = {name: np.concatenate([row[name] for row in rows]) for name in names}
        together = _run(model, signature, batch)
        for number, row in enumerate(rows):
            alone = _run(model, signature, row)
            for name, value in alone.items():
                difference = apart(value[0], together[name][number])
                if difference > TOLERANCE:
                    raise ValueError(
                        f"signature {signature!r}: output {name!r} of the row {row} depends on "
                        f"the other rows of its batch: {value[0]} alone, "
                        f"{together[name][number]} among {len(rows)} rows"
                    )
                largest = max(largest, difference)
        count += len(rows)
    return count, largest


def _run(model, signature, inputs):
    try:
        return model.run(inputs, signature)
    except RequestError as error:
        raise ValueError(f"signature {signature!r} fails with {inputs}: {error}") from error


def _merged(requests):
    """[(signature, [rows as batches of one])]: each row once, with those that fit beside it."""
    groups = {}
    for signature, inputs in requests:
        shapes = tuple(sorted((name, value.shape[1:]) for name, value in inputs.items()))
        rows = groups.setdefault((signature, shapes), {})
        for number in range(min(len(value) for value in inputs.values())):
            row = {name: value[number : number + 1] for name, value in inputs.items()}
            rows.setdefault(repr({name: value.tolist() for name, value in row.items()}), row)
    return [(signature, list(rows.values())) for (signature, _), rows in groups.items() if rows]


def apart(alone, together):
    """How far two answers to a row are apart.

    Args:
        alone, together: arrays of one type; they may differ in width, and are filled up with 0 or
            "" as answers are whose rows differ.

    Returns:
        0 for the same; infinity for other words or whole numbers; else the largest difference,
        relative where it is above 1.
    """
    alone, together = np.asarray(alone), np.asarray(together)
    shape = np.maximum(alone.shape, together.shape)
    alone, together = _filled(alone, shape), _filled(together, shape)
    if alone.dtype.kind != "f":
        return 0.0 if np.array_equal(alone, together) else np.inf
    if not alone.size or np.array_equal(alone, together, equal_nan=True):
        return 0.0
    with np.errstate(invalid="ignore"):  # infinity minus infinity: not the same place, or above
        distances = np.abs(alone - together) / np.maximum(1.0, np.abs(alone))
    return float(np.max(np.where(alone == together, 0.0, np.nan_to_num(distances, nan=np.inf))))


def _filled(array, shape):
    filled = np.full(shape, b"" if array.dtype == object else 0, array.dtype)
    filled[tuple(slice(size) for size in array.shape)] = array
    return filled
