import pytest

from zoo.serving import replay, warmup


def test_requests_come_back(tf):
    record = warmup.encode_request("n_best", {"text": ["a", "ü"], "top_p": [0.5, 1.0]})
    signature, inputs = warmup.decode_request(record)
    assert signature == "n_best"
    assert inputs["text"].tolist() == [b"a", "ü".encode()]
    assert inputs["top_p"].tolist() == [0.5, 1.0]


def test_an_empty_batch_has_the_dtype_of_the_input(tf):
    _, inputs = warmup.decode_request(
        warmup.encode_request("serving_default", {"text": []}, {"text": "string"})
    )
    assert inputs["text"].shape == (0,)
    assert inputs["text"].dtype == object


def test_equals_the_messages_of_tensorflow_serving(tf):
    prediction_log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    record = warmup.encode_request("n_best", {"text": ["a", "b"]})
    log = prediction_log.PredictionLog.FromString(record)
    assert log.predict_log.request.model_spec.signature_name == "n_best"
    assert tf.make_ndarray(log.predict_log.request.inputs["text"]).tolist() == [b"a", b"b"]
    assert log.ByteSize() == len(record)
    _, inputs = warmup.decode_request(log.SerializeToString())
    assert inputs["text"].tolist() == [b"a", b"b"]


def test_reads_what_others_wrote(tf):
    prediction_log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = prediction_log.PredictionLog()
    log.predict_log.request.model_spec.name = "translation"
    log.predict_log.request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a"]))
    signature, inputs = warmup.decode_request(log.SerializeToString())
    assert signature == "serving_default"
    assert inputs["text"].tolist() == [b"a"]


def test_every_signature_is_warmed(toy_export, toy_signature):
    requests = warmup.read_warmup(toy_export)
    assert [name for name, _ in requests] == ["serving_default"] * 3 + ["again"] * 3
    for (_, inputs), answer in zip(requests, replay(toy_export), strict=True):
        here = toy_signature.function(text=inputs["text"])
        assert answer["text"].tolist() == here["text"].numpy().tolist()


def test_says_when_there_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no warm-up requests"):
        warmup.read_warmup(tmp_path)
