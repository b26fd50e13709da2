"""Tensors into JSON, as TF Serving's REST API writes them: rows or columns of nested lists."""

import base64
import json

import numpy as np

from zoo.serving.errors import invalid
from zoo.serving.saved_model import type_name


def write_outputs(outputs, in_rows):
    """The answer of a Predict request as the bytes of a JSON object.

    Args:
        outputs: {output name: array}.
        in_rows: whether the request was in rows.

    Raises:
        RequestError: the outputs differ in their first axis (rows), or JSON has no such type.
    """
    if not in_rows:
        columns = {name: _listed(name, outputs[name]) for name in sorted(outputs)}
        return write_json({"outputs": columns if len(columns) > 1 else columns.popitem()[1]})
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid("Tensor name: ", name, " has no shape information ")
    sizes = {name: len(array) for name, array in outputs.items()}
    expected = next(iter(sizes.values()))
    for name, size in sizes.items():
        if size != expected:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {size} expecting: {expected}"
            )
    columns = [_listed(name, outputs[name]) for name in sorted(outputs)]
    if len(columns) == 1:
        return write_json({"predictions": columns[0]})
    names = sorted(outputs)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return write_json({"predictions": rows})


def write_classes(answers):
    """The answer of a Classify request: [[(label, score)]] as the bytes of a JSON object."""
    found = [[[_text(label), _short(score)] for label, score in classes] for classes in answers]
    return write_json({"results": found})


def write_numbers(answers):
    """The answer of a Regress request: a list of float32 as the bytes of a JSON object."""
    return write_json({"results": [_short(number) for number in answers]})


def write_json(value):
    """JSON as bytes; what was no UTF-8 stays as it was, as the server leaves it."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _listed(name, array):
    if array.dtype == object:
        if name.endswith("_bytes"):
            return _mapped(lambda each: {"b64": base64.b64encode(each).decode()}, array)
        return _mapped(_text, array)
    if array.dtype == np.float32:
        return _mapped(_short, array)
    if array.dtype == np.float64 or array.dtype.kind in "iub":
        return array.tolist()
    raise invalid("Failed to write JSON value for tensor type: ", type_name(array.dtype))


def _text(each):
    return each.decode("utf-8", "surrogateescape")


def _short(number):
    """0.1 and not 0.10000000149011612, for a float32."""
    return float(str(number))


def _mapped(function, array):
    found = np.empty(array.size, object)
    found[:] = [function(each) for each in array.ravel()]
    return found.reshape(array.shape).tolist()
