import contextlib
import json
import socket
import threading
import time

import pytest

from tests.serving.calls import only_in_process
from zoo.serving.__main__ import main
from zoo.serving.client import GrpcClient, RestClient, Spec, connect
from zoo.serving.errors import Code, RequestError

pytestmark = only_in_process

SMALL = Spec("small")


@pytest.fixture(params=["http", "grpc"])
def address(request, dev_server):
    return dev_server.rest if request.param == "http" else f"grpc://{dev_server.grpc}"


@pytest.fixture
def client(address):
    return connect(address)


def test_predict(client):
    assert client.predict(SMALL, {"x": [1.0, 0.1]}) == {"y": [7.0, 2.5]}
    found = client.predict(SMALL, {"a": [[1, 2, 3]], "b": [4]}, "pair")
    assert found == {"sum": [10.0], "twice": [8]}
    found = client.predict(SMALL, {"text": ["ß", b"\xff"]}, "text")
    assert found == {"length": [2, 1], "text": ["ß", "\N{REPLACEMENT CHARACTER}"]}
    assert client.predict(SMALL, {"raw": [b"\xff\0"]}, "binary") == {"copy_bytes": [b"\xff\0"]}


def test_predict_by_version_and_label(client):
    assert client.predict(Spec("small", version=3), {"x": [1.0]}) == {"y": [5.0]}
    assert client.predict(Spec("small", label="stable"), {"x": [1.0]}) == {"y": [5.0]}


def test_classify_status_signatures(client):
    found = client.classify(SMALL, [{"x": 0.25}], "classify")
    assert found == [[("low", 0.75), ("high", 0.25)]]
    assert client.status(SMALL) == [
        {"version": version, "state": "AVAILABLE", "error": ""} for version in (3, 5)
    ]
    signatures = client.signatures(SMALL)
    assert signatures["pair"] == {
        "inputs": {"a": "DT_FLOAT", "b": "DT_INT32"},
        "outputs": {"sum": "DT_FLOAT", "twice": "DT_INT32"},
    }
    assert "__saved_model_init_op" not in signatures


def test_failures_have_the_codes_of_the_server(client):
    for spec, code, message in (
        (Spec("z"), Code.NOT_FOUND, "Latest(z)"),
        (Spec("small", label="z"), Code.INVALID_ARGUMENT, "version label: z"),
        (Spec("a/../b c"), Code.NOT_FOUND, "Latest(a/../b c)"),
    ):
        with pytest.raises(RequestError) as caught:
            client.predict(spec, {"x": [1.0]})
        assert caught.value.code == code
        assert message in caught.value.message


def test_a_server_that_is_not_there():
    for address in ("http://127.0.0.1:9", "grpc://127.0.0.1:9"):
        with pytest.raises(RequestError) as caught:
            connect(address, timeout=5).status(SMALL)
        assert caught.value.code == Code.UNAVAILABLE
        assert "127.0.0.1:9" in caught.value.message


def dribble_a_head(connection, stop):
    while not stop.wait(0.1):
        connection.sendall(b"H")


def fall_silent_in_the_body(connection, stop):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    stop.wait(0.9)
    connection.sendall(b" ")
    stop.wait(7)


@pytest.mark.parametrize("answer", [dribble_a_head, fall_silent_in_the_body])
def test_a_deadline_holds_for_the_whole_answer(answer):
    stop = threading.Event()

    def serve_one():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            answer(connection, stop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one, daemon=True)
        thread.start()
        start = time.monotonic()
        with pytest.raises(RequestError, match=r"no answer within 1\.0 s"):
            connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=1.0).status(SMALL)
        assert time.monotonic() - start < 1.7
        stop.set()
        thread.join(7)


def test_addresses():
    assert isinstance(connect("http://[::1]:8501"), RestClient)
    assert isinstance(connect("grpc://localhost:8500"), GrpcClient)
    for address in ("localhost:8501", "https://a:1", "http://a", "http://a:b", "http://a:99999"):
        with pytest.raises(ValueError, match="address: got"):
            connect(address)


def ask(capsys, address, *arguments):
    status = main(["client", *arguments, "--address", address])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if status == 0 else captured.err


def test_command_line(address, capsys):
    found = ask(capsys, address, "predict", "small", "ß", "a", "--signature", "text")
    assert found == (0, {"length": [2, 1], "text": ["ß", "a"]})
    inputs = '{"a": [[1, 2, 3]], "b": [4]}'
    found = ask(capsys, address, "predict", "small", "--inputs", inputs, "--signature", "pair")
    assert found == (0, {"sum": [10.0], "twice": [8]})
    found = ask(capsys, address, "classify", "small", "--inputs", '[{"x": 1.0}]', "--version", "3")
    assert found == (0, [[["low", 0.0], ["high", 1.0]]])
    assert ask(capsys, address, "status", "small")[1][0]["version"] == 3
    assert "pair" in ask(capsys, address, "signatures", "small", "--label", "stable")[1]


def test_command_line_says_what_is_wrong(address, capsys):
    for arguments, message in (
        (["predict", "z", "a"], "RequestError: NOT_FOUND: "),
        (["predict", "small", "a", "--signature", "pair"], "has the inputs ['a', 'b']: give them"),
        (["predict", "small", "a", "--signature", "z"], "signature: got 'z', the model has ["),
    ):
        status, said = ask(capsys, address, *arguments)
        assert status == 1
        assert message in said
