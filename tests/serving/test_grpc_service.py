"""The gRPC API of the development server, asked by the official stubs.

The right answers are those of TF Serving 2.20.0: prediction_service_impl.cc, predict_util.cc,
classifier.cc, multi_inference.cc, get_model_metadata_impl.cc, get_model_status_impl.cc.
"""

import grpc
import numpy as np
import pytest

from tests.serving.calls import only_in_process

pytestmark = only_in_process

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def channel(dev_server):
    with grpc.insecure_channel(dev_server.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model_service(channel):
    from tensorflow_serving.apis import model_service_pb2_grpc

    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict_request(tf, inputs, signature="", **spec):
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest(
        model_spec={"name": "small", "signature_name": signature} | spec
    )
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def examples(tf, *numbers):
    """An Input message."""
    from tensorflow_serving.apis import input_pb2

    found = input_pb2.Input()
    for number in numbers:
        example = found.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(number)
    return found


def failure(method, request):
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=30)
    return caught.value.code(), caught.value.details()


def test_predict(prediction, tf):
    response = prediction.Predict(predict_request(tf, {"x": np.float32([1, 2])}), timeout=30)
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [7.0, 12.0]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("small", 5, "serving_default")


def test_predict_strings_and_some_outputs(prediction, tf):
    request = predict_request(tf, {"text": [b"\xff\0", b""]}, "text")
    outputs = prediction.Predict(request, timeout=30).outputs
    assert tf.make_ndarray(outputs["text"]).tolist() == [b"\xff\0", b""]
    request.output_filter.append("length")
    assert set(prediction.Predict(request, timeout=30).outputs) == {"length"}


def test_predict_by_version_and_label(prediction, tf):
    inputs = {"x": np.float32([10])}
    for spec, factor in (({"version": {"value": 3}}, 3), ({"version_label": "stable"}, 3)):
        response = prediction.Predict(predict_request(tf, inputs, **spec), timeout=30)
        assert tf.make_ndarray(response.outputs["y"]).tolist() == [factor * 10 + 2]


def test_bad_predictions(prediction, tf):
    x = np.float32([1])
    not_found, precondition = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION
    table = [
        (predict_request(tf, {"x": x}, name="z"), not_found, "request: Latest(z)"),
        (predict_request(tf, {"x": x}, name=""), INVALID, "ModelSpec has no name specified."),
        (predict_request(tf, {"x": x}, version={"value": 4}), not_found, "Specific(small, 4)"),
        (predict_request(tf, {"x": x}, version_label="z"), INVALID, "version label: z"),
        (predict_request(tf, {"x": x}, "z"), precondition, 'signature key "z" not found.'),
        (predict_request(tf, {}, "__saved_model_init_op"), precondition, "_init_op\" not found."),
        (predict_request(tf, {}), INVALID, "input size does not match signature: 0!=1 len({}) != "),
        (predict_request(tf, {"x": x, "z": x}), INVALID, "Sent extra: {z}. Missing but "),
        (predict_request(tf, {"z": x}), INVALID, "Signature input alias: x(feed name: "),
        (predict_request(tf, {"x": [1]}), INVALID, "Expects arg[0] to be float but int32 is prov"),
        (predict_request(tf, {"x": ["a"]}), INVALID, "to be float but string is provided"),
        (predict_request(tf, {"x": np.float32([[1]])}), INVALID, "shape"),
        (predict_request(tf, {"x": np.float32([9])}, "checked"), INVALID, "assertion failed"),
    ]  # fmt: skip
    for request, code, message in table:
        found, details = failure(prediction.Predict, request)
        assert found == code
        assert message in details
    request = predict_request(tf, {"x": x})
    request.output_filter.extend(["y", "y"])
    assert failure(prediction.Predict, request) == (INVALID, "duplicate output tensor alias: y")
    request.output_filter[1] = "z"
    assert "Outputs expected to be in the set {y}" in failure(prediction.Predict, request)[1]
    request = predict_request(tf, {"x": x})
    request.inputs["x"].tensor_content = b"three bytes"
    assert failure(prediction.Predict, request) == (INVALID, "tensor parsing error: x")
    request = predict_request(tf, {"x": x})
    request.inputs["x"].tensor_shape.dim[0].size = 2**40  # one number stands for all
    assert "too large" in failure(prediction.Predict, request)[1]
    request.ClearField("model_spec")
    assert failure(prediction.Predict, request) == (INVALID, "Missing ModelSpec")


def test_long_messages_are_cut_off(prediction, tf):
    _, details = failure(prediction.Predict, predict_request(tf, {}, name="z" * 5000))
    assert details.endswith("...TRUNCATED")
    assert len(details) == 1024 + len("...TRUNCATED")


def test_classify_and_regress(prediction, tf):
    from tensorflow_serving.apis import classification_pb2, regression_pb2

    spec = {"name": "small", "signature_name": "classify"}
    request = classification_pb2.ClassificationRequest(model_spec=spec, input=examples(tf, 0.25))
    response = prediction.Classify(request, timeout=30)
    (classes,) = response.result.classifications
    assert [(c.label, c.score) for c in classes.classes] == [("low", 0.75), ("high", 0.25)]
    assert response.model_spec.version.value == 5
    request.ClearField("input")
    assert failure(prediction.Classify, request) == (INVALID, "Input is empty.")
    request.model_spec.signature_name = ""
    request.input.CopyFrom(examples(tf, 1))
    code, details = failure(prediction.Classify, request)
    assert code == INVALID
    assert details.startswith("No classification inputs found in SignatureDef: ")

    spec["signature_name"] = "regress"
    request = regression_pb2.RegressionRequest(model_spec=spec)
    with_context = request.input.example_list_with_context
    with_context.context.features.feature["x"].float_list.value.append(2.0)
    with_context.examples.add()
    (number,) = prediction.Regress(request, timeout=30).result.regressions
    assert number.value == 10.0


def test_multi_inference(prediction, tf):
    from tensorflow_serving.apis import inference_pb2

    tasks = [
        {"model_spec": {"name": "small", "signature_name": name},
         "method_name": f"tensorflow/serving/{name}"}
        for name in ("classify", "regress")
    ]  # fmt: skip
    request = inference_pb2.MultiInferenceRequest(tasks=tasks, input=examples(tf, 0.25))
    classes, numbers = prediction.MultiInference(request, timeout=30).results
    assert classes.classification_result.classifications[0].classes[1].score == 0.25
    assert numbers.regression_result.regressions[0].value == 1.25
    assert numbers.model_spec.signature_name == "regress"

    for change, code, message in (
        ({"method_name": "tensorflow/serving/predict"}, grpc.StatusCode.UNIMPLEMENTED,
         "Unsupported signature method_name: tensorflow/serving/predict"),
        ({"model_spec": tasks[0]["model_spec"]}, INVALID, "Duplicate evaluation of signature: "),
        ({"model_spec": {"name": "z"}}, INVALID, "must access the same model name."),
        ({"model_spec": {}}, INVALID, "Found ModelSpec with an empty model name."),
        ({"model_spec": {"name": "small", "signature_name": "z"}}, INVALID,
         "Requested signature not found in model graph: z"),
    ):  # fmt: skip
        request = inference_pb2.MultiInferenceRequest(
            tasks=[tasks[0], tasks[1] | change], input=examples(tf, 0.25)
        )
        found, details = failure(prediction.MultiInference, request)
        assert found == code
        assert message in details
    empty = inference_pb2.MultiInferenceRequest()
    assert failure(prediction.MultiInference, empty)[1] == "ModelSpec has no name specified."


def test_metadata(prediction):
    from tensorflow_serving.apis import get_model_metadata_pb2

    request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec={"name": "small"})
    message = "GetModelMetadataRequest must specify at least one metadata_field"
    assert failure(prediction.GetModelMetadata, request) == (INVALID, message)
    request.metadata_field.append("z")
    message = "Metadata field z is not supported"
    assert failure(prediction.GetModelMetadata, request) == (INVALID, message)
    request.metadata_field[0] = "signature_def"
    response = prediction.GetModelMetadata(request, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def["pair"].inputs) == {"a", "b"}
    assert response.model_spec.version.value == 5


def test_status(model_service):
    from tensorflow_serving.apis import get_model_status_pb2

    request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "small"})
    entries = model_service.GetModelStatus(request, timeout=30).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
    assert [(each.version, each.state) for each in entries] == [(3, available), (5, available)]
    request.model_spec.version.value = 4
    code, details = failure(model_service.GetModelStatus, request)
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, "Could not find version 4 of model small")


def test_reload_follows_no_path(model_service, tmp_path):
    from tensorflow_serving.apis import model_management_pb2

    request = model_management_pb2.ReloadConfigRequest()
    code, details = failure(model_service.HandleReloadConfigRequest, request)
    assert code == INVALID
    assert "Only ModelConfigList is currently supported" in details
    request.config.model_config_list.config.add(name="secret", base_path=str(tmp_path))
    code, details = failure(model_service.HandleReloadConfigRequest, request)
    assert code == INVALID
    assert "this server has its models in one folder" in details


def test_malformed_messages_and_unknown_methods(channel):
    for method, data, code in (
        ("PredictionService/Predict", b"\xff\xff", grpc.StatusCode.INTERNAL),
        ("PredictionService/Explain", b"", grpc.StatusCode.UNIMPLEMENTED),
        ("SessionService/SessionRun", b"", grpc.StatusCode.UNIMPLEMENTED),
    ):
        found, _ = failure(channel.unary_unary(f"/tensorflow.serving.{method}"), data)
        assert found == code


def test_a_message_that_is_too_large(channel):
    method = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert failure(method, bytes(2_000_000))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
