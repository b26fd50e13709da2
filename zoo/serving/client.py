"""Ask a model server, TF Serving or the development server, over REST or gRPC."""

import base64
import contextlib
import http.client
import io
import json
import urllib.parse

from zoo.serving.errors import Code, RequestError
from zoo.serving.gate import Deadline
from zoo.serving.manager import Spec
from zoo.serving.saved_model import DEFAULT_SIGNATURE

REST_ADDRESS, GRPC_ADDRESS = "http://127.0.0.1:8501", "grpc://127.0.0.1:8500"


def connect(address=REST_ADDRESS, timeout=30.0):
    """A client for an address: "http://HOST:PORT" speaks REST, "grpc://HOST:PORT" gRPC.

    Args:
        address: of the server.
        timeout: seconds that an answer may take, from the first byte sent to the last received.

    Raises:
        ValueError: the address has another form.
    """
    parts = urllib.parse.urlsplit(address)
    with contextlib.suppress(ValueError):  # a port that is no number
        if parts.scheme in ("http", "grpc") and parts.hostname and parts.port:
            kind = RestClient if parts.scheme == "http" else GrpcClient
            return kind(parts.hostname, parts.port, timeout)
    raise ValueError(f"address: got {address!r}, expected {REST_ADDRESS} or {GRPC_ADDRESS}")


class RestClient:
    """Requests over REST. Each failure is a `RequestError`.

    Args:
        host, port: of the server.
        timeout: seconds for each request.
    """

    def __init__(self, host, port, timeout):
        self._host, self._port, self._timeout = host, port, timeout

    def predict(self, spec, inputs, signature=DEFAULT_SIGNATURE):
        """Run a signature.

        Args:
            spec: a `Spec`: which model.
            inputs: {input name: nested list}; binary strings are bytes.
            signature: its name.

        Returns:
            {output name: nested list}; texts are str, those of an output whose name ends in
            "_bytes" are bytes.
        """
        body = {"signature_name": signature, "inputs": _packed(inputs)}
        found = self._ask(spec, ":predict", body)["outputs"]
        if not isinstance(found, dict) or set(found) == {"b64"}:  # one output comes without name
            (name,) = self.signatures(spec)[signature]["outputs"]
            found = {name: found}
        return {name: _unpacked(found[name]) for name in sorted(found)}

    def classify(self, spec, examples, signature=DEFAULT_SIGNATURE):
        """Classes of examples, {feature: value} each: [[(label, score)]]."""
        body = {"signature_name": signature, "examples": _packed(examples)}
        found = self._ask(spec, ":classify", body)["results"]
        return [[(label, score) for label, score in classes] for classes in found]

    def status(self, spec):
        """[{"version", "state", "error"}] of the model's versions; error is "" for a good one."""
        return [
            {
                "version": int(each["version"]),
                "state": each["state"],
                "error": each["status"]["error_message"],
            }
            for each in self._ask(spec, "")["model_version_status"]
        ]

    def signatures(self, spec):
        """{signature: {"inputs" or "outputs": {name: dtype}}} of a model."""
        found = self._ask(spec, "/metadata")["metadata"]["signature_def"]["signature_def"]
        return {
            name: {
                side: {key: info["dtype"] for key, info in sorted(signature[side].items())}
                for side in ("inputs", "outputs")
            }
            for name, signature in sorted(found.items())
            if name != "__saved_model_init_op"
        }

    def _ask(self, spec, method, body=None):
        """The JSON object that the server answers; a body is posted."""
        deadline = Deadline(self._timeout)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            with contextlib.closing(connection):
                content = None if body is None else json.dumps(body).encode()
                verb = "GET" if body is None else "POST"
                connection.connect()
                connection.sock.settimeout(deadline.left())
                connection.request(verb, _path(spec) + method, content)
                with http.client.HTTPResponse(_Reader(connection.sock, deadline)) as response:
                    response.begin()
                    answer = response.read()
        except (TimeoutError, RequestError) as error:  # the socket's, or the deadline's
            raise _too_late(self._timeout) from error
        except (OSError, http.client.HTTPException) as error:
            where = f"http://{self._host}:{self._port}"
            raise RequestError(Code.UNAVAILABLE, f"cannot reach {where}: {error}") from error
        return _read_answer(response.status, answer)


class GrpcClient:
    """Requests over gRPC, with the same methods as `RestClient`.

    Args:
        host, port: of the server.
        timeout: seconds for each request.
    """

    def __init__(self, host, port, timeout):
        import grpc
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        channel = grpc.insecure_channel(target, [("grpc.max_receive_message_length", -1)])
        self._timeout = timeout
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, spec, inputs, signature=DEFAULT_SIGNATURE):
        """As `RestClient.predict`."""
        return self.send(self.prepare(spec, inputs, signature))

    def prepare(self, spec, inputs, signature=DEFAULT_SIGNATURE):
        """The PredictRequest, in the types that the model's signature asks for."""
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        _fill(request.model_spec, spec, signature)
        dtypes = self._definitions(spec)[signature].inputs
        for name, value in inputs.items():
            dtype = dtypes[name].dtype if name in dtypes else None
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, dtype))
        return request

    def send(self, request):
        """The outputs for a PredictRequest, as `RestClient.predict` has them."""
        import tensorflow as tf

        response = self._call(self._prediction.Predict, request)
        arrays = {n: tf.make_ndarray(proto) for n, proto in sorted(response.outputs.items())}
        return {
            name: array.tolist() if name.endswith("_bytes") else _texts(array.tolist())
            for name, array in arrays.items()
        }

    def classify(self, spec, examples, signature=DEFAULT_SIGNATURE):
        """As `RestClient.classify`."""
        from tensorflow.core.example import example_pb2
        from tensorflow_serving.apis import classification_pb2

        from zoo.serving.json_examples import read_input

        request = classification_pb2.ClassificationRequest()
        _fill(request.model_spec, spec, signature)
        for example in read_input({"examples": _packed(examples)}):
            request.input.example_list.examples.append(example_pb2.Example.FromString(example))
        response = self._call(self._prediction.Classify, request)
        return [
            [(each.label, each.score) for each in classes.classes]
            for classes in response.result.classifications
        ]

    def status(self, spec):
        """As `RestClient.status`."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, spec, "")
        response = self._call(self._model.GetModelStatus, request)
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        return [
            {
                "version": each.version,
                "state": name(each.state),
                "error": each.status.error_message,
            }
            for each in response.model_version_status
        ]

    def signatures(self, spec):
        """As `RestClient.signatures`."""
        from tensorflow.core.framework import types_pb2

        return {
            name: {
                side: {
                    key: types_pb2.DataType.Name(info.dtype)
                    for key, info in sorted(getattr(signature, side).items())
                }
                for side in ("inputs", "outputs")
            }
            for name, signature in sorted(self._definitions(spec).items())
            if name != "__saved_model_init_op"
        }

    def _definitions(self, spec):
        """{name: SignatureDef} of a model."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, spec, "")
        response = self._call(self._prediction.GetModelMetadata, request)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return found.signature_def

    def _call(self, method, request):
        import grpc

        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code = Code(error.code().value[0])
            if code == Code.DEADLINE_EXCEEDED:
                raise _too_late(self._timeout) from error
            raise RequestError(code, error.details()) from error


class _Reader(io.RawIOBase):
    """What `HTTPResponse` reads: a socket, each time for no longer than a deadline allows."""

    def __init__(self, sock, deadline):
        super().__init__()
        self._socket, self._deadline = sock, deadline

    def makefile(self, mode):
        return io.BufferedReader(self)

    def readable(self):
        return True

    def readinto(self, buffer):
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)


def _path(spec):
    """Of a model, in a URL."""
    path = f"/v1/models/{urllib.parse.quote(spec.name, safe='')}"
    if spec.version is not None:
        return f"{path}/versions/{spec.version}"
    if spec.label is not None:
        return f"{path}/labels/{urllib.parse.quote(spec.label, safe='')}"
    return path


def _fill(proto, spec, signature):
    proto.name = spec.name
    proto.signature_name = signature
    if spec.version is not None:
        proto.version.value = spec.version
    elif spec.label is not None:
        proto.version_label = spec.label


def _packed(value):
    """With bytes as base64."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: _packed(each) for key, each in value.items()}
    return [_packed(each) for each in value] if isinstance(value, list | tuple) else value


def _unpacked(value):
    """With base64 as bytes."""
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _texts(value):
    """With bytes as str."""
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _read_answer(status, answer):
    """The JSON object in an answer, whose failures are RequestErrors."""
    try:
        document = json.loads(answer.decode("utf-8", "replace"))
    except ValueError:
        document = None
    if status == 200 and isinstance(document, dict):
        return document
    code = next((code for code in Code if code.http == status != 200), Code.UNKNOWN)
    if isinstance(document, dict) and "error" in document:
        raise RequestError(code, str(document["error"]))
    raise RequestError(code, f"HTTP {status}: {answer[:200].decode('utf-8', 'replace')}")


def _too_late(timeout):
    return RequestError(Code.DEADLINE_EXCEEDED, f"no answer within {timeout} s")


__all__ = ["GRPC_ADDRESS", "REST_ADDRESS", "GrpcClient", "RestClient", "Spec", "connect"]
