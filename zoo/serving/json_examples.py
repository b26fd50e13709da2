"""Requests to classify and regress in JSON: features become serialized `tf.Example`s."""

from zoo.serving.errors import invalid
from zoo.serving.json_requests import decode_binary, encode_text, shown


def read_input(document):
    """The examples of a Classify or Regress request.

    Args:
        document: the request, a dict, with "examples" and perhaps "context", features that all of
            the examples have.

    Returns:
        Serialized `tf.Example`s, a list of bytes.

    Raises:
        RequestError: it does not fit.
    """
    shared = b""
    if "context" in document:
        shared = _example(document["context"])
    if "examples" not in document:
        raise invalid(
            shown(document),
            " When method is classify, key 'examples' is expected and was not found",
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid(shown(document), " Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(shown(document), " 'examples' value is an empty array")
    # Two serialized messages in a row are the one that has the fields of both.
    return [shared + _example(features) for features in examples]


def _example(features):
    """{feature: value or list of values} as a serialized `tf.Example`."""
    from tensorflow.core.example import example_pb2

    if not isinstance(features, dict):
        raise invalid("Example must be JSON object but got JSON ", _kind(features))
    example = example_pb2.Example()
    for name, values in features.items():
        feature = example.features.feature[encode_text(name).decode("utf-8", "replace")]
        for value in values if isinstance(values, list) else [values]:
            _add(feature, name, value)
    return example.SerializeToString()


def _add(feature, name, value):
    kind, converted = _typed(name, value)
    if feature.WhichOneof("kind") not in (None, kind):
        raise invalid(
            "Unexpected element type in feature: ",
            name,
            " expecting type: ",
            feature.WhichOneof("kind").removesuffix("_list"),
        )
    getattr(feature, kind).value.append(converted)


def _typed(name, value):
    """The field of `tf.Feature` for a JSON value, and the value there."""
    if isinstance(value, bool):
        return "int64_list", int(value)
    if isinstance(value, str):
        return "bytes_list", encode_text(value)
    if isinstance(value, float):
        return "float_list", value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid("Feature: ", name, " has uint64_t element. Only int64_t is supported.")
        return "int64_list", value
    if isinstance(value, dict) and set(value) == {"b64"}:
        return "bytes_list", decode_binary(value)
    raise invalid("Feature: ", name, " has element with unexpected JSON type: ", _kind(value))


def _kind(value):
    names = {type(None): "Null", bool: str(value), dict: "Object", list: "Array", str: "String"}
    return names.get(type(value), "Number")
