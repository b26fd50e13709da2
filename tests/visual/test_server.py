import http.client
import json
import socket
import threading

import pytest

from tests.visual.served import served
from zoo.visual.server import PageServer, is_loopback


class Echo:
    """Stands for an Explorer: gives back the texts."""

    def __init__(self):
        self.busy = threading.Lock()

    def form(self):
        return {"task": "Echo", "parameters": 1, "fields": []}

    def look(self, texts):
        assert self.busy.acquire(blocking=False), "two questions at a time"
        try:
            if texts == ["refused"]:
                raise ValueError("refused: give another")
            if texts == ["broken"]:
                raise KeyError("broken")
            return {"texts": texts}
        finally:
            self.busy.release()


@pytest.fixture(scope="module")
def server():
    with served(Echo()) as server:
        yield server


def ask(server, method="POST", path="/look", body=None, **headers):
    """(status, headers, body) of a request; headers that are None are left out."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    if isinstance(body, list):
        body = json.dumps({"texts": body})
    body = body.encode() if isinstance(body, str) else body
    sent = {"Host": f"127.0.0.1:{server.server_port}", "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Length", str(len(body)))
    connection.putrequest(method, path, skip_host=True)
    for name, value in sent.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    found = response.status, response.headers, response.read()
    connection.close()
    return found


def test_the_page_and_its_questions(server):
    status, headers, body = ask(server, "GET", "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert b'"task": "Echo"' in body
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    nasty = ["</script><b>\u2028"]
    status, headers, body = ask(server, body=nasty)
    assert (status, json.loads(body)) == (200, {"texts": nasty})
    assert headers["Content-Type"] == "application/json"
    status, headers, body = ask(server, path="/page", body=nasty)
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="attention.html"'
    assert b"</script><b>" not in body


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "",
        None,
        "[",
        "8.8.8.8:{port}",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/look")])
def test_other_hosts_are_refused(server, host, method, path):
    host = host and host.format(port=server.server_port)
    status, _, body = ask(server, method, path, body=["x"], Host=host)
    assert status == 403
    assert "its own address alone" in json.loads(body)["error"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "[::1]"])
def test_names_of_this_machine_are_served(server, host):
    assert ask(server, "GET", "/", Host=f"{host}:{server.server_port}")[0] == 200


def test_pages_of_other_sites_cannot_ask(server):
    own = f"http://127.0.0.1:{server.server_port}"
    assert ask(server, body=["x"], Origin=own)[0] == 200
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{server.server_port}"):
        assert ask(server, body=["x"], Origin=origin)[0] == 403
    # What a form of another site can send without asking first.
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        status, _, body = ask(server, body=["x"], Content_Type=kind)
        assert (status, json.loads(body)) == (
            400,
            {"error": "Content-Type must be application/json"},
        )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"{}", b'{"texts": [], "more": 1}', b"\xff", b"[" * 60000],
)
def test_what_is_no_question_is_refused(server, body):
    status, _, answer = ask(server, body=body)
    assert status == 400
    assert "the body must be" in json.loads(answer)["error"]


def test_a_saved_page_opens_at_what_was_chosen(server):
    view = {"kind": 2, "layer": 1, "head": 5, "query": 3, "step": 6}
    status, _, body = ask(server, path="/page", body=json.dumps({"texts": ["x"], "view": view}))
    assert status == 200
    assert f'"view": {json.dumps(view)}' in body.decode()


@pytest.mark.parametrize("view", [[], "x", {"step": -1}, {"step": True}, {"step": 0.5}, {"x": 0}])
def test_what_is_no_view_is_refused(server, view):
    status, _, body = ask(server, path="/page", body=json.dumps({"texts": ["x"], "view": view}))
    assert status == 400
    assert "view must have whole numbers" in json.loads(body)["error"]


@pytest.mark.parametrize("length", ["-1", "x", "65537", "1e3", "\u0661", None])
def test_lengths_are_checked_before_a_body_is_read(server, length):
    length = length and length.encode("utf-8").decode("latin-1")
    status, headers, _ = ask(server, body=b"{}", Content_Length=length)
    assert status == 400
    assert headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/look"),
        ("GET", "/page.js"),
        ("GET", "/../../etc/passwd"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "//etc/passwd"),
        ("POST", "/"),
        ("POST", "/other"),
    ],
)
def test_no_path_is_read_as_a_file(server, method, path):
    status, headers, body = ask(server, method, path, body=["x"])
    assert (status, json.loads(body)) == (404, {"error": "not found"})
    assert headers["Connection"] == "close"  # or the body would be the next request


def test_faults_are_said_and_the_server_goes_on(server):
    status, _, body = ask(server, body=["refused"])
    assert (status, json.loads(body)) == (400, {"error": "refused: give another"})
    status, _, body = ask(server, body=["broken"])
    assert (status, json.loads(body)) == (500, {"error": "KeyError: 'broken'"})
    assert ask(server, "DELETE", "/")[0] == 501
    with socket.create_connection(("127.0.0.1", server.server_port)) as cut:
        cut.sendall(b"POST /look HTTP/1.1\r\nContent-Le")
    assert ask(server, body=["good"])[0] == 200


def test_one_question_at_a_time(server):
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(server, body=["x"])[0]))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16


def test_loopback_is_the_default_and_others_are_checked_too():
    with PageServer(Echo(), port=0) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert server.url == f"http://127.0.0.1:{server.server_port}/"
    with PageServer(Echo(), "0.0.0.0", port=0) as server:
        port = server.server_port
        assert server.is_host(f"192.0.2.7:{port}")
        assert server.is_host(f"{socket.gethostname()}:{port}")
        assert not server.is_host(f"evil.example:{port}")
    assert is_loopback("::1")
    assert is_loopback("127.8.9.1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.org")
