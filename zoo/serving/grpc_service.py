"""TF Serving's gRPC services, PredictionService and ModelService, on the official messages."""

from zoo.serving import protos
from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.manager import Spec
from zoo.serving.methods import CLASSIFY, classify, infer, predict, regress
from zoo.serving.policies import policies
from zoo.serving.saved_model import DEFAULT_SIGNATURE

_LONGEST_MESSAGE = 1024


def add_services(server, manager, gate):
    """Register both services with a `grpc.aio` server.

    Args:
        server: the server.
        manager: a `Manager`.
        gate: a `Gate`.
    """
    import grpc

    services = {"PredictionService": _prediction_methods(), "ModelService": _model_methods()}
    for service, methods in services.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(_handler(manager, gate, *method))
            for name, method in methods.items()
        }
        name = f"tensorflow.serving.{service}"
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, handlers)])


def _prediction_methods():
    """{method: (message class of its requests, function)}."""
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        inference_pb2,
        predict_pb2,
        regression_pb2,
    )

    return {
        "Predict": (predict_pb2.PredictRequest, _predict),
        "Classify": (classification_pb2.ClassificationRequest, _classify),
        "Regress": (regression_pb2.RegressionRequest, _regress),
        "MultiInference": (inference_pb2.MultiInferenceRequest, _multi_inference),
        "GetModelMetadata": (get_model_metadata_pb2.GetModelMetadataRequest, _metadata),
    }


def _model_methods():
    """The same of the other service."""
    from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

    return {
        "GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, _status),
        "HandleReloadConfigRequest": (model_management_pb2.ReloadConfigRequest, _reload),
    }


def _handler(manager, gate, message_class, function):
    """The asynchronous function from bytes to bytes that the server calls."""
    from google.protobuf.message import DecodeError

    def answer(data, deadline):
        try:
            request = message_class.FromString(data)
        except DecodeError as error:
            raise RequestError(Code.INTERNAL, f"The message cannot be parsed: {error}") from error
        return function(manager, request, deadline).SerializeToString()

    async def call(data, context):
        try:
            return await gate.run(lambda deadline: answer(data, deadline), context.time_remaining())
        except RequestError as error:
            message = error.message
            if len(message) > _LONGEST_MESSAGE:
                message = message[:_LONGEST_MESSAGE] + "...TRUNCATED"
            await context.abort(_status_code(error.code), message)

    return call


def _status_code(code):
    import grpc

    return next(each for each in grpc.StatusCode if each.value[0] == code)


def _predict(manager, request, deadline):
    from tensorflow_serving.apis import predict_pb2

    spec = protos.read_spec(request)
    response = predict_pb2.PredictResponse()
    signature = request.model_spec.signature_name
    with manager.use(spec) as (version, model):
        protos.fill_spec(response.model_spec, spec.name, version, signature)
        inputs = protos.read_tensors(request.inputs)
        outputs = list(request.output_filter)
        found = predict(model, signature, inputs, outputs, deadline.left())
    protos.write_tensors(found, response.outputs)
    return response


def _classify(manager, request, deadline):
    from tensorflow_serving.apis import classification_pb2

    response = classification_pb2.ClassificationResponse()
    _fill_classes(response.result, _infer(manager, request, response, classify, deadline))
    return response


def _regress(manager, request, deadline):
    from tensorflow_serving.apis import regression_pb2

    response = regression_pb2.RegressionResponse()
    _fill_numbers(response.result, _infer(manager, request, response, regress, deadline))
    return response


def _infer(manager, request, response, method, deadline):
    spec, signature = protos.read_spec(request), request.model_spec.signature_name
    with manager.use(spec) as (version, model):
        protos.fill_spec(response.model_spec, spec.name, version, signature)
        examples = protos.read_examples(request.input)
        return method(model, signature, examples, deadline.left())


def _multi_inference(manager, request, deadline):
    from tensorflow_serving.apis import inference_pb2

    response = inference_pb2.MultiInferenceResponse()
    specs = [task.model_spec for task in request.tasks]
    spec = protos.as_spec(specs[0]) if specs else Spec("")
    with manager.use(spec) as (version, model):
        tasks = _tasks(request, model)
        examples = protos.read_examples(request.input)
        answers = infer(model, tasks, examples, deadline.left())
    for (signature, method), answer in zip(tasks, answers, strict=True):
        result = response.results.add()
        protos.fill_spec(result.model_spec, spec.name, version, signature)
        if method == CLASSIFY:
            _fill_classes(result.classification_result, answer)
        else:
            _fill_numbers(result.regression_result, answer)
    return response


def _metadata(manager, request, deadline):
    spec = protos.read_spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != "signature_def":
            raise invalid("Metadata field ", field, " is not supported")
    return protos.metadata_response(manager, spec)


def _status(manager, request, deadline):
    return protos.status_response(manager, protos.read_spec(request))


def _reload(manager, request, deadline):
    from tensorflow_serving.apis import model_management_pb2

    wanted = policies(request.config)
    manager.follow(wanted)
    manager.scan()
    available = manager.available()
    missing = [name for name in wanted if not available.get(name)]
    if missing:
        raise RequestError(
            Code.UNKNOWN, f"{len(missing)} model(s) did not become available: {missing}"
        )
    return model_management_pb2.ReloadConfigResponse()


def _tasks(request, model):
    """[(signature name, method name)] of a MultiInferenceRequest."""
    found = []
    for task in request.tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in (signature for signature, _ in found):
            raise invalid("Duplicate evaluation of signature: ", name)
        if name not in model.signatures:
            raise invalid("Requested signature not found in model graph: ", name)
        found.append((name, task.method_name))
    return found


def _fill_classes(result, answer):
    for classes in answer:
        entry = result.classifications.add()
        for label, score in classes:
            entry.classes.add(label=label.decode("utf-8", "replace"), score=score)


def _fill_numbers(result, answer):
    for number in answer:
        result.regressions.add(value=number)
