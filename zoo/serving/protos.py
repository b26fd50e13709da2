"""The official messages of the serving API: model specs, status, metadata, tensors."""

import json
import math

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.json_answers import write_json
from zoo.serving.manager import Spec
from zoo.serving.saved_model import DEFAULT_SIGNATURE

_MOST_ELEMENTS = 2**24


def read_spec(request):
    """The `Spec` of a request with a `model_spec`.

    Raises:
        RequestError: it has none.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return as_spec(request.model_spec)


def as_spec(proto):
    """A ModelSpec message as a `Spec`."""
    choice = proto.WhichOneof("version_choice")
    return Spec(
        name=proto.name,
        version=proto.version.value if choice == "version" else None,
        label=proto.version_label if choice == "version_label" else None,
    )


def fill_spec(proto, name, version, signature):
    """Say in a response's ModelSpec what has answered."""
    proto.name = name
    proto.version.value = version
    proto.signature_name = signature or DEFAULT_SIGNATURE


def status_response(manager, spec):
    """The GetModelStatusResponse for a `Spec`."""
    from tensorflow_serving.apis import get_model_status_pb2

    response = get_model_status_pb2.GetModelStatusResponse()
    for version, state, error in manager.status(spec):
        entry = response.model_version_status.add(version=version, state=state)
        entry.status.error_code = error.code if error else Code.OK
        entry.status.error_message = error.message if error else ""
    return response


def status_json(manager, spec):
    """The same as JSON, bytes."""
    from google.protobuf import json_format

    response = status_response(manager, spec)
    return json_format.MessageToJson(response, always_print_fields_with_no_presence=True).encode()


def metadata_response(manager, spec):
    """The GetModelMetadataResponse for a `Spec`: its signatures."""
    from tensorflow_serving.apis import get_model_metadata_pb2

    signatures = get_model_metadata_pb2.SignatureDefMap()
    with manager.use(spec) as (version, model):
        for name, signature in model.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = spec.name
    response.model_spec.version.value = version
    response.metadata["signature_def"].Pack(signatures)
    return response


def metadata_json(manager, spec):
    """The same as JSON, bytes."""
    from google.protobuf import json_format
    from tensorflow_serving.apis import get_model_metadata_pb2

    def as_dict(message):
        text = json_format.MessageToJson(
            message, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
        )
        return json.loads(text)

    response = metadata_response(manager, spec)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return write_json(
        {
            "model_spec": as_dict(response.model_spec),
            "metadata": {"signature_def": as_dict(signatures)},
        }
    )


def read_tensors(entries):
    """{name: TensorProto} as {name: array}.

    Raises:
        RequestError: a tensor's values do not fit its shape or type.
    """
    import tensorflow as tf

    found = {}
    for name, proto in entries.items():
        # One value may stand for all of a shape, so a few bytes can ask for any amount of memory.
        if math.prod(max(dim.size, 0) for dim in proto.tensor_shape.dim) > _MOST_ELEMENTS:
            raise invalid("tensor too large: ", name, f" has more than {_MOST_ELEMENTS} elements")
        try:
            found[name] = tf.make_ndarray(proto)
        except Exception as error:  # from numpy or TensorFlow: whatever the bytes led it to
            raise invalid("tensor parsing error: ", name) from error
    return found


def write_tensors(arrays, entries):
    """Put {name: array} into a map of TensorProto."""
    import tensorflow as tf

    for name, array in arrays.items():
        entries[name].CopyFrom(tf.make_tensor_proto(array))


def read_examples(proto):
    """The serialized examples of an Input message, a list of bytes.

    Raises:
        RequestError: it has none.
    """
    kind = proto.WhichOneof("kind")
    if kind == "example_list":
        found = [example.SerializeToString() for example in proto.example_list.examples]
    elif kind == "example_list_with_context":
        shared = proto.example_list_with_context.context.SerializeToString()
        examples = proto.example_list_with_context.examples
        found = [shared + example.SerializeToString() for example in examples]
    else:
        found = []
    if not found:
        raise RequestError(Code.INVALID_ARGUMENT, "Input is empty.")
    return found
