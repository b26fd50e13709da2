"""The development server under 32 clients, version swaps, malformed requests, and kill -9.

    python -m benchmarks.serving_faults MODELS NAME

serves copies of the largest version of a model. Clients ask good questions all the time, each its
own, whose answers are known from the same SavedModel in this process; others send what is
malformed, slow or cut off; new versions appear. Then: what a request costs more than the call in
process, and how soon the server is back after kill -9.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import tempfile
import threading
import time
import urllib.parse

import numpy as np

from benchmarks.common import machine, print_machine
from benchmarks.serving_load import typical_rows
from tests.serving.dev_server import DevServer
from zoo.serving.client import Spec, connect
from zoo.serving.errors import Code, RequestError
from zoo.serving.saved_model import SavedModel
from zoo.serving.versions import versions

CLIENTS = 32
SWAPS = 20
CALLS = 300
WORDS = 8  # in a question


class GoodClient(threading.Thread):
    """Asks one question again and again, and compares the answer with the right one.

    Args:
        address: of the server.
        case: (question, right answer).
        stop: an event that ends it.
    """

    def __init__(self, address, case, stop):
        super().__init__(daemon=True)
        self._client = connect(address, timeout=60.0)
        self._question, self._right = case
        self._end = stop
        self.answers = self.wrong = 0
        self.failures = []

    def run(self):
        while not self._end.is_set():
            try:
                found = self._client.predict(Spec("model"), self._question)
                right = same(found, self._right)
            except RequestError as error:
                self.failures.append(str(error))
            except Exception as error:  # of the client or in the answer: a failure all the same
                self.failures.append(repr(error))
            else:
                self.answers += 1
                self.wrong += not right


class BadClient(threading.Thread):
    """Sends what no server should be sent; counts answers that are no clear refusal."""

    def __init__(self, server, name, stop):
        super().__init__(daemon=True)
        self._address = urllib.parse.urlsplit(server.rest)
        self._grpc = server.grpc
        self._path = f"/v1/models/{name}:predict".encode()
        self._end = stop
        self.sent = 0
        self.unclear = []

    def run(self):
        kinds = [self._malformed_json, self._malformed_proto, self._slow, self._cut]
        while not self._end.is_set():
            try:
                kinds[self.sent % len(kinds)](self.sent)
            except Exception as error:  # a connection that was refused or reset is no answer
                self.unclear.append(repr(error))
            self.sent += 1
            time.sleep(0.02)

    def _malformed_json(self, number):
        bodies = [
            b"", b"{", b"[" * 50_000, b'{"instances": [' + b"1," * 1000, b'{"instances": [{}]}',
            b'{"instances": [[["a"]]]}', b'{"instances": [null]}', b'{"inputs": {"text": 7}}',
            os.urandom(1000), b'{"instances": ["a"], "signature_name": "' + b"z" * 5000 + b'"}',
        ]  # fmt: skip
        body = bodies[number // 4 % len(bodies)]
        with self._connection() as connection:
            connection.sendall(self._head(len(body)) + body)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        if not answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 503 ")) or b'"error"' not in answer:
            self.unclear.append(answer[:200])

    def _malformed_proto(self, number):
        import grpc

        with grpc.insecure_channel(self._grpc) as channel:
            method = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            try:
                method(os.urandom(number % 500 + 1), timeout=60)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNKNOWN:
                    self.unclear.append(str(error))

    def _slow(self, number):
        with self._connection() as connection:
            connection.sendall(self._head(1000) + b'{"inst')
            time.sleep(0.3)

    def _cut(self, number):
        with self._connection() as connection:
            head = self._head(1000)
            connection.sendall(head[: number % len(head)])

    def _head(self, length):
        return b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (
            self._path,
            length,
        )

    def _connection(self):
        found = socket.create_connection((self._address.hostname, self._address.port))
        found.settimeout(60)
        return found


def same(found, right):
    """Whether an answer is the right one: its names, its shapes, words, and numbers to 1e-4."""
    return set(found) == set(right) and all(_same(found[name], right[name]) for name in right)


def _same(found, right):
    found, right = np.asarray(found), np.asarray(right)
    if found.shape != right.shape:
        return False
    if right.dtype.kind == "U":
        return np.array_equal(found, right)
    return np.allclose(np.float64(found), np.float64(right), rtol=1e-4, atol=1e-4)


def make_cases(model, source, count):
    """[(question, right answer)], no two questions alike, as clients write and read them.

    Raises:
        ValueError: all answers are alike.
    """
    rows = typical_rows(source, count)
    questions = [_row(rows, number) for number in range(count)]
    cases = [(_plain(question), _plain(model.run(question))) for question in questions]
    if all(same(right, cases[0][1]) for _, right in cases):
        raise ValueError(f"{source} gives every question one answer: none could be told as wrong")
    return cases


def _row(rows, number):
    """One of the rows as a batch, its texts made anew of the letters of all: no two are alike."""
    rng = np.random.default_rng(number)
    found = {}
    for name, value in rows.items():
        found[name] = value[number : number + 1].copy()
        if value.dtype == object:
            letters = sorted(set("".join(b"".join(value).decode().split())))
            words = ["".join(rng.choice(letters, rng.integers(1, 7))) for _ in range(WORDS)]
            found[name][0] = " ".join(words).encode()
    return found


def _plain(arrays):
    """{name: array} as {name: nested list}, with str for bytes."""
    decode = np.vectorize(lambda text: text.decode("utf-8", "replace"), otypes=[object])
    return {
        name: (decode(array) if array.dtype == object else array).tolist()
        for name, array in arrays.items()
    }


def under_load(folder, source, cases, swaps):
    """32 clients at once, bad ones beside them, and new versions; a dict of figures."""
    model, stop = folder / "model", threading.Event()
    publish(source, model / "1")
    with DevServer(folder, "--poll", "0.2", "--queue", "200", "--timeout", "60") as server:
        addresses = [server.rest, f"grpc://{server.grpc}"] * (len(cases) // 2)
        good = [GoodClient(*each, stop) for each in zip(addresses, cases, strict=True)]
        bad = [BadClient(server, "model", stop) for _ in range(2)]
        for client in good + bad:
            client.start()
        seconds = [swap(server, source, model, number) for number in range(2, swaps + 2)]
        alive = sum(client.is_alive() for client in good + bad)
        stop.set()
        for client in good + bad:
            client.join()
    return {
        "clients": len(good + bad),
        "clients_alive_at_the_end": alive,
        "different_right_answers": len({repr(right) for _, right in cases}),
        "fewest_answers_to_a_client": min(client.answers for client in good),
        "answers": sum(client.answers for client in good),
        "wrong": sum(client.wrong for client in good),
        "failed": [failure for client in good for failure in client.failures],
        "swaps": len(seconds),
        "seconds_a_swap": statistics.median(seconds),
        "bad_requests": sum(client.sent for client in bad),
        "unclear_refusals": [str(answer) for client in bad for answer in client.unclear],
    }


def swap(server, source, model, number):
    """Publish a version and wait until it alone is served; the seconds that took."""
    client, start = connect(server.rest, timeout=60.0), time.perf_counter()
    publish(source, model / str(number))
    while True:
        with contextlib.suppress(RequestError):  # status waits in the same queue as all others
            states = {each["version"]: each["state"] for each in client.status(Spec("model"))}
            if states.get(number) == "AVAILABLE" and states[number - 1] == "END":
                break
        if time.perf_counter() - start > 300:
            raise RuntimeError("the new version is not served:\n" + "\n".join(server.lines[-20:]))
        time.sleep(0.05)
    shutil.rmtree(model / str(number - 1))
    return time.perf_counter() - start


def publish(source, target):
    """As an export appears: a copy beside, and a rename."""
    partial = target.parent / f".{target.name}.partial"
    shutil.copytree(source, partial)
    os.rename(partial, target)


def overhead(folder, model, inputs, calls):
    """p50 in milliseconds of one row in process, over REST and over gRPC, in turns."""
    question = _plain(inputs)
    with DevServer(folder, "--poll", "60") as server:
        rest, grpc = connect(server.rest), connect(f"grpc://{server.grpc}")
        asked = grpc.prepare(Spec("model"), question)
        ways = {
            "in process": lambda: model.run(inputs),
            "REST": lambda: rest.predict(Spec("model"), question),
            "gRPC": lambda: grpc.send(asked),
        }
        seconds = {name: [] for name in ways}
        for number in range(calls + 20):
            for name, call in ways.items():
                start = time.perf_counter()
                call()
                if number >= 20:
                    seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) * 1000 for name, values in seconds.items()}


def killed(folder, cases):
    """Seconds from kill -9 under requests to the first right answer on the same ports."""
    stop = threading.Event()
    with DevServer(folder) as server:
        ports = [each.rpartition(":")[2] for each in (server.rest, server.grpc)]
        asking = [GoodClient(server.rest, case, stop) for case in cases[:8]]
        for client in asking:
            client.start()
        time.sleep(1.0)
        start = time.perf_counter()
        server.kill()
        stop.set()
    with DevServer(folder, "--rest-port", ports[0], "--grpc-port", ports[1]) as again:
        first = connect(again.rest).predict(Spec("model"), cases[0][0])
        seconds = time.perf_counter() - start
    for client in asking:
        client.join()
    unavailable = Code.UNAVAILABLE.name
    return {
        "seconds": seconds,
        "right": same(first, cases[0][1]) and not any(client.wrong for client in asking),
        "clear": all(f.startswith(unavailable) for c in asking for f in c.failures),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="MODELS, with NAME/VERSION")
    parser.add_argument("name")
    parser.add_argument("--swaps", type=int, default=SWAPS)
    parser.add_argument("--calls", type=int, default=CALLS, help="timed calls for the overhead")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here")
    given = parser.parse_args()
    found = versions(pathlib.Path(given.folder, given.name))
    source = found[max(found)]
    facts = machine()
    print_machine(facts)
    model = SavedModel(source, threads=(1, 1))
    asked = make_cases(model, source, CLIENTS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "model").mkdir()
        results = {"under load": under_load(folder, source, asked, given.swaps)}
        print(json.dumps(results["under load"], indent=2), flush=True)
        results["p50 ms"] = overhead(folder, model, typical_rows(source, 1), given.calls)
        print(results["p50 ms"], flush=True)
        results["kill -9"] = killed(folder, asked)
        print(results["kill -9"], flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": facts, **results}, indent=2))


if __name__ == "__main__":
    main()
