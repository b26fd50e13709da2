"""The REST API of the development server: a table of requests, good and bad, and their answers.

The right answers are those of TF Serving: its guide "RESTful API" and the sources of 2.20.0
(http_rest_api_util.cc, http_rest_api_handler.cc, json_tensor.cc, predict_util.cc, classifier.cc).
"""

import gzip
import http.client
import json
import re
import urllib.parse

import pytest

from tests.serving.calls import only_in_process

pytestmark = only_in_process

PREDICT = "/v1/models/small:predict"
NUMBERS = {"signature_name": "pair"}
BINARY = {"signature_name": "binary"}


def ask(dev_server, method, path, body=None, headers=()):
    """(status, body) of one request."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(dev_server.rest).netloc)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


GOOD = [
    # row format
    ({"instances": [1.0, 2, -4]}, {"predictions": [7.0, 12.0, -18.0]}),
    ({"instances": [0.1]}, {"predictions": [2.5]}),
    (
        NUMBERS | {"instances": [{"a": [1, 2, 3], "b": 4}, {"b": 5, "a": [0.5, 0, 0]}]},
        {"predictions": [{"sum": 10.0, "twice": 8}, {"sum": 5.5, "twice": 10}]},
    ),
    (BINARY | {"instances": [{"b64": "/wA="}]}, {"predictions": [{"b64": "/wA="}]}),
    (BINARY | {"instances": ["/w"]}, {"predictions": [{"b64": "L3c="}]}),
    # column format
    ({"inputs": [1.0]}, {"outputs": [7.0]}),
    ({"inputs": {"x": [1.0, 2.0]}}, {"outputs": [7.0, 12.0]}),
    ({"inputs": {"x": []}}, {"outputs": []}),
    (
        NUMBERS | {"inputs": {"a": [[1, 2, 3]], "b": [4]}},
        {"outputs": {"sum": [10.0], "twice": [8]}},
    ),
    (BINARY | {"inputs": [{"b64": "/w"}]}, {"outputs": [{"b64": "/w=="}]}),  # no padding
    (
        {"signature_name": "uneven", "inputs": [3, 4]},
        {"outputs": {"one": [3.0], "all": [3.0, 4.0]}},
    ),
    # types
    ({"signature_name": "bool", "instances": [True, False]}, {"predictions": [True, False]}),
    ({"signature_name": "int8", "instances": [-128, 127]}, {"predictions": [-128, 127]}),
    ({"signature_name": "int64", "instances": [-(2**63)]}, {"predictions": [-(2**63)]}),
    ({"signature_name": "uint64", "instances": [2**64 - 1]}, {"predictions": [2**64 - 1]}),
    ({"signature_name": "float64", "instances": [1e300]}, {"predictions": [1e300]}),
    (
        {"signature_name": "text", "instances": ["", "ß\0\U0001f600"]},
        {"predictions": [{"length": 0, "text": ""}, {"length": 7, "text": "ß\0\U0001f600"}]},
    ),
    # a signature given as "" is the default
    ({"signature_name": "", "instances": [1.0]}, {"predictions": [7.0]}),
]


@pytest.mark.parametrize(("request_", "answer"), GOOD)
def test_predict(dev_server, request_, answer):
    status, body = ask(dev_server, "POST", PREDICT, json.dumps(request_))
    assert (status, json.loads(body)) == (200, answer)


def test_predict_by_version_and_label(dev_server):
    for which, factor in (("versions/3", 3), ("versions/5", 5), ("labels/stable", 3)):
        path = f"/v1/models/small/{which}:predict"
        _, body = ask(dev_server, "POST", path, '{"instances": [10.0]}')
        assert json.loads(body) == {"predictions": [10.0 * factor + 2]}


BAD_BODIES = [
    (b"", 400, "JSON Parse error: The document is empty"),
    (b"{", 400, "JSON Parse error: "),
    (b'{"instances": [1.0', 400, "JSON Parse error: "),
    (b"[" * 100_000, 400, "JSON Parse error: "),
    (b'{"instances": ["\\ud800"], "signature_name": "text"}', 400, "surrogate pair in string"),
    (b"[1]", 400, "Is not object"),
    (b"{}", 400, "^Missing 'inputs' or 'instances' key$"),
    (b'{"instances": [1.0], "inputs": [1.0]}', 400, "expecting only one of 'inputs' or 'inst"),
    (b'{"instances": 1.0}', 400, "Expecting 'instances' to be an list/array$"),
    (b'{"instances": []}', 400, "No values in 'instances' array$"),
    (b'{"instances": ["a"]}', 400, "process element: 0 .*Type: String is not of expected type: f"),
    (b'{"instances": [true]}', 400, "Type: True is not of expected type: float"),
    (b'{"instances": [null]}', 400, "Type: Null is not of expected type: float"),
    (b'{"instances": [1.0, [2.0]]}', 400, "process element: 1 .*Expecting shape \\[\\] but got: "),
    (b'{"instances": [1.0, [2.0, 3.0]]}', 400, "Expecting tensor size: 1 but got: 2"),
    (b'{"instances": [[1.0, [2.0]]]}', 400, "unexpected level: 1 expected < 1"),
    (b'{"instances": [[[1.0], 2.0]]}', 400, "found at incorrect level: 2 .*Expected at level: 2"),
    (b'{"instances": [[[1.0], [2.0, 3.0]]]}', 400, "unexpected size: 2 at level: 1"),
    (b'{"instances": [{"z": 1.0}]}', 400, "does not have named input: z"),
    (b'{"instances": [{"x": 1.0}, 2.0]}', 400, "Expecting object but got list at item 1"),
    (b'{"instances": [1.0, {"x": 2.0}]}', 400, "Expecting value/list but got object at item 1"),
    (b'{"instances": [{"a": [1, 2, 3]}], "signature_name": "pair"}', 400, "equal to: a,b$"),
    (b'{"instances": [1], "signature_name": "pair"}', 400, "^instances is a plain list, but "),
    (b'{"inputs": [1], "signature_name": "pair"}', 400, "^inputs is a plain value/list, "),
    (b'{"inputs": {"a": [[1, 2, 3]]}, "signature_name": "pair"}', 400, "Missing named input: b in"),
    (b'{"inputs": [1.5], "signature_name": "int64"}', 400, "not of expected type: int64"),
    (b'{"inputs": [2147483648], "signature_name": "int8"}', 400, "not of expected type: int8"),
    (b'{"inputs": [-1], "signature_name": "uint64"}', 400, "not of expected type: uint64"),
    (b'{"inputs": [1], "signature_name": "float16"}', 501, "^Conversion of .* to type: half"),
    (b'{"inputs": [1], "signature_name": "half"}', 400, "write JSON value for tensor type: half"),
    (b'{"inputs": [{"b64": "*"}], "signature_name": "binary"}', 400, "Unable to base64 decode"),
    (b'{"inputs": [{"c": "a"}], "signature_name": "binary"}', 400, "formatted correctly for bas"),
    (b'{"instances": [1], "signature_name": 7}', 400, "key must be a string value"),
    (b'{"instances": [1], "signature_name": "z"}', 400, 'name: "z" not found in signature def$'),
    (b'{"instances": [3, 4], "signature_name": "uneven"}', 400, "has inconsistent batch size: "),
    (b'{"instances": [9.0], "signature_name": "checked"}', 400, "assertion failed"),
    (b'{"inputs": 1.0}', 400, "shape"),
    (b'{"inputs": [[1.0]]}', 400, "shape"),
    (b'{"inputs": ' + b"[" * 31 + b"1.0" + b"]" * 31 + b"}", 400, "shape"),
    (b'{"instances": ' + b"[" * 32 + b"1.0" + b"]" * 32 + b"}", 400, "shape"),
    (b'{"inputs": ' + b"[" * 66 + b"1.0" + b"]" * 66 + b"}", 400, "of 66 levels, expected at most"),
    (b'{"instances": ' + b"[" * 67 + b"1.0" + b"]" * 67 + b"}", 400, "of 66 levels, expected at"),
    (b'{"instances": [1], "signature_name": "\\ud800"}', 400, 'name: "\\?" not found in signature'),
    (b'{"instances": [{"\\ud800": 1.0}]}', 400, "does not have named input: \\?"),
    (b'{"instances": ["' + b"\xff" + b'"]}', 400, "Type: String is not of expected type: float"),
    (b'{"instances": [1], "signature_name": "__saved_model_init_op"}', 400, "not found in signat"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "message"), BAD_BODIES)
def test_bad_predictions(dev_server, body, status, message):
    found, answer = ask(dev_server, "POST", PREDICT, body)
    assert found == status
    assert set(json.loads(answer)) == {"error"}
    assert re.search(message, json.loads(answer)["error"], re.DOTALL)


def test_objects_that_can_just_be_read(dev_server):
    """Writing them into a message takes some levels more than reading them did."""
    for levels in range(950, 1010):
        body = b'{"signature_name": 7, "a": ' + b'{"a": ' * levels + b"1" + b"}" * (levels + 1)
        status, answer = ask(dev_server, "POST", PREDICT, body)
        assert (status, set(json.loads(answer))) == (400, {"error"})


ROUTES = [
    ("GET", "/", 404, None),
    ("GET", "/v2/models/small", 404, None),
    ("GET", "/v1/models", 400, "Missing model name in request."),
    ("GET", "/v1/models/", 400, "Malformed request: GET /v1/models/"),
    ("GET", "/v1/other", 400, "Malformed request: GET /v1/other"),
    ("POST", "/v1/models/small", 400, "Malformed request: POST /v1/models/small"),
    ("GET", PREDICT, 400, f"Malformed request: GET {PREDICT}"),
    ("PUT", PREDICT, 400, f"Malformed request: PUT {PREDICT}"),
    ("DELETE", "/v1/models/small", 400, "Malformed request: DELETE /v1/models/small"),
    ("POST", "/v1/models/small:explain", 400, "Malformed request: POST /v1/models/small:explain"),
    ("POST", "/v1/models/small:PREDICT", 400, "Malformed request: POST /v1/models/small:PREDICT"),
    ("POST", "/v1/models/small/versions/3/labels/stable:predict", 400, "Malformed request: "),
    ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
    ("GET", "/v1/models/small/versions/4", 404, "Could not find version 4 of model small"),
    ("GET", "/v1/models/other/metadata", 404, "Servable not found for request: Latest(other)"),
    ("GET", "/v1/models/small/labels/z/metadata", 400, "Unrecognized servable version label: z"),
    ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
    ("POST", "/v1/models/small/versions/4:predict", 404,
     "Servable not found for request: Specific(small, 4)"),
    ("POST", "/v1/models/small/labels/z:predict", 400, "Unrecognized servable version label: z"),
    ("POST", "/v1/models/..%2f..%2fetc%2fpasswd:predict", 404, "Servable not found for request: "),
    ("POST", "/v1/models/..:predict", 404, "Servable not found for request: Latest(..)"),
    ("GET", "/v1/models/%00", 404, "Could not find any versions of model \0"),
    ("GET", "/v1/../../etc/passwd", 400, "Malformed request: "),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status", "message"), ROUTES)
def test_routes(dev_server, method, path, status, message):
    body = '{"instances": [1.0]}' if method in ("POST", "PUT") else None
    found, answer = ask(dev_server, method, path, body)
    assert found == status
    if message is not None:
        assert json.loads(answer)["error"].startswith(message)


def test_a_version_that_is_no_number_has_an_empty_answer(dev_server):
    path = "/v1/models/small/versions/99999999999999999999"
    assert ask(dev_server, "GET", path) == (400, b"")


def test_options_want_an_origin(dev_server):
    assert ask(dev_server, "OPTIONS", PREDICT)[0] == 400
    assert ask(dev_server, "OPTIONS", PREDICT, headers={"Origin": "https://a.b"}) == (200, b"")


def test_status(dev_server):
    good = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    both = [{"version": "3"} | good, {"version": "5"} | good]
    for path, expected in (
        ("/v1/models/small", both),
        ("/v1/models/small/labels/stable", both),  # labels are not looked at
        ("/V1/MODELS/small/versions/5", both[1:]),
    ):
        status, body = ask(dev_server, "GET", path)
        assert (status, json.loads(body)) == (200, {"model_version_status": expected})


def test_metadata(dev_server):
    _, body = ask(dev_server, "GET", "/v1/models/small/versions/3/metadata")
    document = json.loads(body)
    assert document["model_spec"] == {"name": "small", "signature_name": "", "version": "3"}
    info = document["metadata"]["signature_def"]["signature_def"]["pair"]["inputs"]["a"]
    assert info["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in info["tensor_shape"]["dim"]] == ["-1", "3"]


def test_classify_and_regress(dev_server):
    examples = {"examples": [{"x": 0.25}, {"x": [1.0]}]}
    status, body = ask(
        dev_server, "POST", "/v1/models/small:classify",
        json.dumps({"signature_name": "classify"} | examples),
    )  # fmt: skip
    expected = [[["low", 0.75], ["high", 0.25]], [["low", 0.0], ["high", 1.0]]]
    assert (status, json.loads(body)) == (200, {"results": expected})
    shared = {"signature_name": "regress", "context": {"x": 2.0}, "examples": [{}, {}]}
    _, body = ask(dev_server, "POST", "/v1/models/small:regress", json.dumps(shared))
    assert json.loads(body) == {"results": [10.0, 10.0]}


BAD_EXAMPLES = [
    ({}, "key 'examples' is expected and was not found"),
    ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
    ({"examples": []}, "'examples' value is an empty array"),
    ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
    ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
    ({"examples": [{"x": [[1.0]]}]}, "Feature: x has element with unexpected JSON type: Array"),
    ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x"),
    ({"examples": [{"x": 2**64 - 1}]}, "Only int64_t is supported"),
    ({"examples": [{"y": 1.0}]}, "Feature: x \\(data type: float\\) is required"),
    ({"examples": [{"\ud800": 1.0}]}, "surrogate pair in string is invalid"),
    ({"examples": [{"x": 1.0}], "signature_name": "\ud800"}, "found with the name: \\?$"),
    ({"examples": [{"x": 1.0}], "signature_name": "z"}, "No signature was found with the name: z"),
    ({"examples": [{"x": 1.0}], "signature_name": "serving_default"}, "No classification inputs"),
]


@pytest.mark.parametrize(("request_", "message"), BAD_EXAMPLES)
def test_bad_examples(dev_server, request_, message):
    body = json.dumps({"signature_name": "classify"} | request_)
    status, answer = ask(dev_server, "POST", "/v1/models/small:classify", body)
    assert status == 400
    assert re.search(message, json.loads(answer)["error"])


def test_strings_that_are_no_utf8_stay_as_they_are(dev_server):
    body = b'{"signature_name": "text", "inputs": ["\xff\x80"]}'
    status, answer = ask(dev_server, "POST", PREDICT, body)
    assert status == 200
    assert b'"\xff\x80"' in answer
    assert b'"length": [2]' in answer


def test_numbers_that_json_has_not(dev_server):
    body = '{"instances": [NaN, Infinity, -Infinity]} and what follows is not read'
    status, answer = ask(dev_server, "POST", PREDICT, body)
    assert (status, answer) == (200, b'{"predictions": [NaN, Infinity, -Infinity]}')


def test_gzip(dev_server):
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"instances": [1.0]}')
    assert ask(dev_server, "POST", PREDICT, body, headers)[0] == 200
    assert ask(dev_server, "POST", PREDICT, b"no gzip", headers)[0] == 400
    bomb = gzip.compress(b" " * 50_000_000)
    assert ask(dev_server, "POST", PREDICT, bomb, headers)[0] == 413


def test_refuses_a_body_that_is_too_large(dev_server):
    status, answer = ask(dev_server, "POST", PREDICT, b" " * 2_000_000)
    assert status == 413
    assert "more than 1000000" in json.loads(answer)["error"]
    chunks = (b" " * 100_000 for _ in range(20))  # no length is declared
    try:
        status, _ = ask(dev_server, "POST", PREDICT, chunks)
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # it hung up before everything was sent
    assert status == 413
