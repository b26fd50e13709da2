"""Warm-up requests: a TFRecord file of PredictionLog messages that TF Serving replays on loading.

A model with an op that the server lacks loads without a word, and its first request fails; with
this file the load fails instead, where someone is watching.
"""

import functools
import pathlib

from zoo.serving.runtime import load_tensorflow

WARMUP_FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")

# The part of tensorflow_serving/apis/*.proto that a request needs. Declared here, in a pool of its
# own, so that exports need no tensorflow-serving-api and do not clash with an installed one. Two
# fields are written as their equals on the wire: maps as repeated entries, TensorProto as bytes.
_SCHEMA = """
name: "zoo/serving/prediction_log.proto" package: "zoo.serving" syntax: "proto3"
message_type { name: "PredictionLog"
  field { name: "predict_log" number: 6 type: TYPE_MESSAGE type_name: ".zoo.serving.PredictLog" } }
message_type { name: "PredictLog"
  field { name: "request" number: 1 type: TYPE_MESSAGE type_name: ".zoo.serving.PredictRequest" } }
message_type { name: "PredictRequest"
  field { name: "model_spec" number: 1 type: TYPE_MESSAGE type_name: ".zoo.serving.ModelSpec" }
  field { name: "inputs" number: 2 type: TYPE_MESSAGE type_name: ".zoo.serving.NamedTensor"
          label: LABEL_REPEATED } }
message_type { name: "PredictResponse"
  field { name: "outputs" number: 1 type: TYPE_MESSAGE type_name: ".zoo.serving.NamedTensor"
          label: LABEL_REPEATED } }
message_type { name: "ModelSpec" field { name: "signature_name" number: 3 type: TYPE_STRING } }
message_type { name: "NamedTensor"
  field { name: "key" number: 1 type: TYPE_STRING }
  field { name: "value" number: 2 type: TYPE_BYTES } }
"""


@functools.cache
def message_class(name):
    """The class of one message of the schema above, for example "PredictionLog"."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

    schema = text_format.Parse(_SCHEMA, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(schema)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"zoo.serving.{name}"))


def encode_request(signature_name, inputs, dtypes=None):
    """One request as the bytes of a PredictionLog.

    Args:
        signature_name: the signature to call.
        inputs: {argument name: array or nested list}.
        dtypes: {argument name: dtype name}, for inputs that do not tell (an empty list).
    """
    import tensorflow as tf

    log = message_class("PredictionLog")()
    request = log.predict_log.request
    request.model_spec.signature_name = signature_name
    for name, value in inputs.items():
        tensor = tf.convert_to_tensor(value, None if dtypes is None else dtypes[name])
        request.inputs.add(key=name, value=tf.make_tensor_proto(tensor).SerializeToString())
    return log.SerializeToString()


def decode_request(record):
    """The signature name and the inputs, {argument name: array}, of an encoded PredictionLog."""
    request = message_class("PredictionLog").FromString(record).predict_log.request
    return request.model_spec.signature_name or "serving_default", _arrays(request.inputs)


def decode_response(record):
    """The outputs, {name: array}, of an encoded PredictResponse."""
    return _arrays(message_class("PredictResponse").FromString(record).outputs)


def _arrays(entries):
    tf = load_tensorflow()
    from tensorflow.core.framework import tensor_pb2

    parse = tensor_pb2.TensorProto.FromString
    return {entry.key: tf.make_ndarray(parse(entry.value)) for entry in entries}


def write_warmup(folder, records):
    """Write encoded requests (`encode_request`) where a server looks for them in `folder`."""
    import tensorflow as tf

    path = pathlib.Path(folder) / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def has_warmup(folder):
    """Whether a SavedModel has a warm-up file."""
    return (pathlib.Path(folder) / WARMUP_FILE).is_file()


def read_warmup(folder):
    """The requests of a SavedModel's warm-up file: [(signature name, {argument name: array})].

    Raises:
        FileNotFoundError: the SavedModel has no such file.
    """
    tf = load_tensorflow()
    path = pathlib.Path(folder) / WARMUP_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{str(folder)!r} has no warm-up requests ({WARMUP_FILE})")
    return [decode_request(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
