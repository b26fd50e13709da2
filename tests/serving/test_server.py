"""The development server as a process: limits, swaps under load, its end, and what it says."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

from tests.serving.calls import only_in_process
from tests.serving.dev_server import DevServer
from zoo.serving.client import Spec, connect
from zoo.serving.errors import Code, RequestError

pytestmark = only_in_process

SMALL = Spec("small")
FOREVER = {"steps": [2_000_000_000]}
STUCK = {"length": [300_000]}


def clients(server, timeout=30.0):
    return [connect(server.rest, timeout), connect(f"grpc://{server.grpc}", timeout)]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def states(client):
    return {each["version"]: each["state"] for each in client.status(SMALL)}


@pytest.fixture(scope="module")
def versions_to_come(tmp_path_factory):
    """Exports 1 to 6, which answer 1 by their number plus 2, to be moved into a model's folder."""
    from tests.serving.small_exports import write_small

    folder = tmp_path_factory.mktemp("to_come")
    for version in range(1, 7):
        write_small(folder / str(version), factor=float(version))
    return folder


def publish(source, folder):
    """As an export appears: a copy beside, and a rename."""
    partial = folder / f".{source.name}.partial"
    shutil.copytree(source, partial)
    os.rename(partial, folder / source.name)


def test_swaps_versions_without_dropping_a_request(versions_to_come, tmp_path):
    model = tmp_path / "small"
    model.mkdir()
    publish(versions_to_come / "1", model)
    stop, answers, failures = threading.Event(), set(), []

    def ask(client):
        while not stop.is_set():
            try:
                answers.add(client.predict(SMALL, {"x": [1.0, 1.0]})["y"][0])
            except Exception as error:  # every failure counts
                failures.append(error)

    with DevServer(tmp_path, "--poll", "0.1") as server:
        askers = [threading.Thread(target=ask, args=[each]) for each in clients(server) * 2]
        for asker in askers:
            asker.start()
        rest, _ = clients(server)
        for version in range(2, 6):
            publish(versions_to_come / str(version), model)
            wait_until(lambda number=version: states(rest).get(number) == "AVAILABLE")
        wait_until(lambda: states(rest)[4] == "END")
        stop.set()
        for asker in askers:
            asker.join()
        last = {client.predict(SMALL, {"x": [1.0]})["y"][0] for client in clients(server)}
    assert failures == []
    assert answers == {3.0, 4.0, 5.0, 6.0, 7.0}
    assert last == {7.0}


def test_refuses_a_broken_version_and_goes_on(versions_to_come, tmp_path):
    model = tmp_path / "small"
    model.mkdir()
    publish(versions_to_come / "1", model)
    with DevServer(tmp_path, "--poll", "0.1") as server:
        client, _ = clients(server)
        (model / "2").mkdir()
        (model / "2" / "saved_model.pb").write_bytes(b"no graph")
        os.symlink(versions_to_come / "4", model / "4")  # outside of the models folder
        wait_until(lambda: states(client).get(4) == "END")
        by_version = {each["version"]: each for each in client.status(SMALL)}
        assert "lies outside the models folder" in by_version[4]["error"]
        assert client.predict(SMALL, {"x": [1.0]}) == {"y": [3.0]}
        os.unlink(model / "4")
        wait_until(lambda: states(client).get(2) == "END")
        assert client.predict(SMALL, {"x": [1.0]}) == {"y": [3.0]}
        # written again, it is tried again
        shutil.copytree(versions_to_come / "2", model / "2", dirs_exist_ok=True)
        wait_until(lambda: states(client)[2] == "AVAILABLE")
        assert client.predict(SMALL, {"x": [1.0]}) == {"y": [4.0]}
        # and taken away, it makes room for the one before
        shutil.rmtree(model / "2")
        wait_until(lambda: states(client)[2] == "END")
        assert client.predict(SMALL, {"x": [1.0]}) == {"y": [3.0]}


def test_time_and_queue_have_an_end(small_models):
    options = ["--timeout", "1.5", "--threads", "1", "--queue", "1", "--poll", "60"]
    with DevServer(small_models, *options) as server:
        for client in clients(server):
            with pytest.raises(RequestError) as caught:
                client.predict(SMALL, FOREVER, "slow")
            assert caught.value.code == Code.DEADLINE_EXCEEDED
        codes = []

        def ask(client):
            try:
                client.predict(SMALL, FOREVER, "slow")
            except RequestError as error:
                codes.append(error.code)

        asking = [threading.Thread(target=ask, args=[clients(server)[0]]) for _ in range(5)]
        for asker in asking:
            asker.start()
        for asker in asking:
            asker.join()
        # one runs and one waits until their time is over; three find the queue full
        assert sorted(codes) == [Code.DEADLINE_EXCEEDED] * 2 + [Code.UNAVAILABLE] * 3
        for client in clients(server):
            assert client.predict(SMALL, {"x": [1.0]}) == {"y": [7.0]}


def test_clients_have_deadlines(dev_server):
    for client in clients(dev_server, timeout=0.5):
        with pytest.raises(RequestError, match="no answer within 0.5 s") as caught:
            client.predict(SMALL, {"steps": [1_000_000]}, "slow")
        assert caught.value.code == Code.DEADLINE_EXCEEDED


def test_slow_senders_and_cut_connections_disturb_nobody(small_models):
    with DevServer(small_models, "--timeout", "2", "--poll", "60") as server:
        address = urllib.parse.urlsplit(server.rest)
        head = b"POST /v1/models/small:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
        slow = []
        for number in range(40):
            connection = socket.create_connection((address.hostname, address.port))
            connection.sendall(head[: number * 3] if number % 2 else head + b"\r\n{")
            if number % 4 < 2:
                connection.close()
            else:
                slow.append((number, connection))
        for client in clients(server):
            assert client.predict(SMALL, {"x": [1.0]}) == {"y": [7.0]}
        for number, connection in slow:
            connection.settimeout(20)
            answer = connection.recv(100)
            if number % 2 == 0:  # the body never came
                assert answer.startswith(b"HTTP/1.1 408 ")
            else:  # nor did the whole head
                assert answer == b""
            connection.close()


def test_a_second_request_may_not_be_slow_either(small_models):
    with DevServer(small_models, "--timeout", "2", "--poll", "60") as server:
        address = urllib.parse.urlsplit(server.rest)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.settimeout(20)
            connection.sendall(b"GET /v1/models/small HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"GET /v1")
            while connection.recv(10_000):
                pass


def test_what_is_no_http_is_refused(dev_server):
    address = urllib.parse.urlsplit(dev_server.rest)
    for data in (b"\0\xff" * 100, b"a" * 200_000):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.settimeout(20)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(data)
                assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert clients(dev_server)[0].predict(SMALL, {"x": [1.0]}) == {"y": [7.0]}


def test_stops_when_what_was_asked_is_answered(small_models):
    with DevServer(small_models, "--poll", "60") as server:
        answers = []

        def ask(client):
            answers.append(client.predict(SMALL, {"steps": [200_000]}, "slow"))

        asking = [threading.Thread(target=ask, args=[client]) for client in clients(server)]
        for asker in asking:
            asker.start()
        time.sleep(0.3)
        assert server.stop() == 0
        for asker in asking:
            asker.join()
        assert answers == [{"count": [200_000], "steps": [200_000]}] * 2
        for client in clients(server, timeout=5):
            with pytest.raises(RequestError) as caught:
                client.status(SMALL)
            assert caught.value.code == Code.UNAVAILABLE


def test_an_op_that_cannot_be_interrupted_stops_neither_swaps_nor_the_end(
    versions_to_come, tmp_path
):
    model = tmp_path / "small"
    model.mkdir()
    publish(versions_to_come / "1", model)
    options = ["--timeout", "1", "--grace", "1", "--poll", "0.1"]
    with DevServer(tmp_path, *options) as server:
        rest, client = clients(server)
        with pytest.raises(RequestError) as caught:
            client.predict(SMALL, STUCK, "stuck")
        assert caught.value.code == Code.DEADLINE_EXCEEDED
        publish(versions_to_come / "2", model)
        wait_until(lambda: states(rest).get(2) == "AVAILABLE")
        assert client.predict(SMALL, {"x": [1.0]}) == {"y": [4.0]}
        publish(versions_to_come / "3", model)
        wait_until(lambda: states(rest).get(3) == "AVAILABLE")
        assert states(rest)[1] == "UNLOADING"
        start = time.monotonic()
        assert server.stop() == 1
        assert time.monotonic() - start < 10
        assert server.lines[-1] == "stopped: something went on for more than 1.0 s"


def test_a_models_config_that_is_written_during_the_start_is_not_missed(small_models, tmp_path):
    shutil.copytree(small_models / "small", tmp_path / "small")
    script = """if True:
        import asyncio, logging, os, pathlib, signal, sys
        from zoo.serving.config import write_config
        from zoo.serving.server import serve
        from zoo.serving.settings import Settings
        class Seen(logging.Handler):
            def emit(self, record):
                if record.getMessage() == "serving small version 3":
                    os.kill(os.getpid(), signal.SIGTERM)
        logging.basicConfig(level=logging.INFO, handlers=[Seen()])
        def announce(line):
            if line == "ready":
                write_config(sys.argv[1])
        asyncio.run(serve(Settings(sys.argv[1], rest_port=0, grpc_port=0, poll=0.1), announce))
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_starts_again_on_its_ports_after_kill_9(small_models):
    with DevServer(small_models) as server:
        ports = [each.rpartition(":")[2] for each in (server.rest, server.grpc)]
        clients(server)[0].predict(SMALL, {"x": [1.0]})
        server.kill()
    with DevServer(small_models, "--rest-port", ports[0], "--grpc-port", ports[1]) as again:
        for client in clients(again):
            assert client.predict(SMALL, {"x": [1.0]}) == {"y": [7.0]}
        for taken in (["--rest-port", ports[0]], ["--grpc-port", ports[1]]):
            with pytest.raises(RuntimeError, match="did not start"):
                DevServer(small_models, *taken)


def test_says_where_it_listens(small_models, dev_server):
    assert any("not made for production" in line for line in dev_server.lines)
    assert not any("CAUTION" in line for line in dev_server.lines)
    assert dev_server.rest.startswith("http://127.0.0.1:")
    with DevServer(small_models, "--host", "0.0.0.0") as server:
        assert any("CAUTION: it listens on 0.0.0.0" in line for line in server.lines)


def test_a_folder_that_is_not_there():
    command = [sys.executable, "-m", "zoo.serving", "serve", "nowhere", "--rest-port", "0"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "'nowhere' is no folder of models" in result.stderr


def test_needs_no_keras_and_no_model_of_zoo(small_models):
    script = """if True:
        import asyncio, json, os, signal, sys
        from zoo.serving.server import serve
        from zoo.serving.settings import Settings
        def announce(line):
            if line == "ready":
                os.kill(os.getpid(), signal.SIGTERM)
        asyncio.run(serve(Settings(sys.argv[1], rest_port=0, grpc_port=0), announce))
        unwanted = ["keras", "keras_hub", "tensorflow_text"]
        unwanted += ["zoo.models", "zoo.layers", "zoo.tasks"]
        print(json.dumps([name for name in unwanted if name in sys.modules]))
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(small_models)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []
