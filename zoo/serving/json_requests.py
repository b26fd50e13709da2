"""Tensors out of JSON, as TF Serving's REST API reads them: rows or columns of nested lists."""

import base64
import binascii
import json
import re

import numpy as np

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.saved_model import type_name

_ENDS = {"int32": 31, "int16": 31, "int8": 31, "uint8": 31, "int64": 63}  # checked as int32, too
_UNSIGNED_ENDS = {"uint32": 32, "uint64": 64}
_FLOATS = ("float32", "float64")
_JSON_KINDS = {str: "String", list: "Array", dict: "Object", type(None): "Null"}
_JSON_KINDS |= {int: "Number", float: "Number"}
_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_LEVELS = 31  # numpy 1 has 32 axes at most, and rows are stacked


def parse_json(body):
    """The object in a request's body, a dict.

    Strings may hold any bytes: those that are no UTF-8 are read as lone surrogates.

    Raises:
        RequestError: it is no JSON, or no object.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        start = _SPACE.match(text).end()
        document, _ = json.JSONDecoder().raw_decode(text, start)  # what follows is not read
    except (ValueError, RecursionError) as error:
        raise invalid("JSON Parse error: ", error) from error
    if not isinstance(document, dict):
        raise invalid(shown(document), " Is not object")
    return document


def signature_name(document):
    """The field `signature_name` of a request, "" if there is none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            shown(document),
            " not formatted correctly. 'signature_name' key must be a string value.",
        )
    return name


def read_inputs(document, dtypes):
    """The tensors of a Predict request.

    Args:
        document: the request, a dict, with "instances" (rows) or "inputs" (columns).
        dtypes: {input name: dtype name} of the signature.

    Returns:
        {input name: array}, and whether the request was in rows.

    Raises:
        RequestError: it does not fit.
    """
    if "instances" in document and "inputs" in document:
        raise invalid(
            shown(document),
            " Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise invalid(shown(document), " Expecting 'instances' to be an list/array")
        if not rows:
            raise invalid(shown(document), " No values in 'instances' array")
        return _read_rows(rows, dtypes), True
    if "inputs" in document:
        return _read_columns(document["inputs"], dtypes), False
    raise invalid("Missing 'inputs' or 'instances' key")


def _read_columns(value, dtypes):
    if not isinstance(value, dict) or _is_binary(value):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        value = dict.fromkeys(dtypes, value)
    for name in dtypes:
        if name not in value:
            raise invalid("Missing named input: ", name, " in 'inputs' object.")
    return {name: _tensor(value[name], dtype) for name, dtype in dtypes.items()}


def _read_rows(rows, dtypes):
    named = _is_named(rows[0])
    if not named and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns = {name: [] for name in dtypes}
    for number, row in enumerate(rows):
        if _is_named(row) != named:
            found = ("object but got list", "value/list but got object")[not named]
            raise invalid("Expecting ", found, f" at item {number} of input list")
        items = row.items() if named else [(next(iter(dtypes)), row)]
        for name, value in items:
            try:
                columns_of_name = _column(columns, name)
                columns_of_name.append(_like_first(_tensor(value, dtypes[name]), columns_of_name))
            except RequestError as error:
                raise invalid(
                    f"Failed to process element: {number} ",
                    f"key: {name} " if named else "",
                    f"of 'instances' list. Error: {error}",
                ) from error
        if named and set(row) != set(dtypes):
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: ",
                _json(row),
                " keys must be equal to: ",
                ",".join(sorted(dtypes)),
            )
    return {name: np.stack(values) for name, values in columns.items()}


def _column(columns, name):
    if name not in columns:
        raise invalid("JSON object: does not have named input: ", name)
    return columns[name]


def _like_first(array, others):
    if others and others[0].size != array.size:
        raise invalid(f"Expecting tensor size: {others[0].size} but got: {array.size}")
    if others and others[0].shape != array.shape:
        shapes = (str(list(each.shape)).replace(" ", "") for each in (others[0], array))
        raise invalid("Expecting shape ", " but got: ".join(shapes))
    return array


def _tensor(value, dtype):
    """A nested list as an array; its shape is that of the first elements."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            break
        first = first[0]
    if len(shape) > _MOST_LEVELS:
        raise invalid(f"Encountered list of {len(shape)} levels, expected at most {_MOST_LEVELS}")
    flat = []
    _flatten(value, 0, shape, dtype, flat)
    array = np.empty(len(flat), object if dtype == "string" else dtype)
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinity
        array[:] = flat if dtype == "string" else np.array(flat, _wide(dtype)).astype(dtype)
    return array.reshape(shape)


def _wide(dtype):
    """Where whole numbers are kept before they are cut off, as the server cuts them."""
    return dtype if dtype in (*_FLOATS, "bool", "uint64") else "int64"


def _flatten(value, level, shape, dtype, flat):
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                shown(value),
                f" found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}",
            )
        flat.append(_scalar(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, level + 1, shape, dtype, flat)


def _scalar(value, dtype):
    if dtype == "string":
        if isinstance(value, dict):
            return decode_binary(value)
        if isinstance(value, str):
            return encode_text(value)
    elif dtype == "bool":
        if isinstance(value, bool):
            return value
    elif dtype in _FLOATS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError as error:
                raise invalid(shown(value), " is too large") from error
    elif dtype in _ENDS or dtype in _UNSIGNED_ENDS:
        if _is_whole(value, dtype):
            return value
    else:
        raise RequestError(
            Code.UNIMPLEMENTED, f"Conversion of {shown(value)} to type: {type_name(dtype)}"
        )
    kind = str(value) if isinstance(value, bool) else _JSON_KINDS[type(value)]
    raise invalid(shown(value), f" Type: {kind} is not of expected type: {type_name(dtype)}")


def _is_whole(value, dtype):
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    if dtype in _UNSIGNED_ENDS:
        return 0 <= value < 1 << _UNSIGNED_ENDS[dtype]
    return -(1 << _ENDS[dtype]) <= value < 1 << _ENDS[dtype]


def _is_named(row):
    return isinstance(row, dict) and not _is_binary(row)


def _is_binary(value):
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def decode_binary(value):
    """The bytes of {"b64": text}.

    Raises:
        RequestError: it is no such object, or no base64.
    """
    if not _is_binary(value):
        raise invalid(shown(value), " not formatted correctly for base64 data")
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def encode_text(text):
    """The bytes of a JSON string.

    Raises:
        RequestError: an escape stands for half a character.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error


def shown(value):
    return f"JSON Value: {_json(value)}"


def _json(value):
    """JSON for a message, cut off at 256 characters."""
    try:
        text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:  # it could just be read
        return "of many levels"
    return text[:256]
