"""The logic of the scripts that attack and time served models."""

import inspect
import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import zoo.tasks
from benchmarks import serving_faults
from benchmarks.hostile_texts import MEGABYTE, hostile_texts, megabyte_texts
from benchmarks.serving_faults import BadClient, GoodClient, make_cases, same
from benchmarks.serving_hostile import Attack, Requests, good_row
from benchmarks.serving_load import hammer, percentiles, plot, typical_rows
from benchmarks.serving_models import NAMES, make_task
from tests.serving.calls import only_in_process
from zoo.serving.errors import Code, RequestError
from zoo.serving.graph import read_signatures
from zoo.serving.saved_model import SavedModel

pytestmark = only_in_process


def test_hostile_texts_hold_what_they_promise():
    texts = list(itertools.islice(hostile_texts(3), 60_000))
    assert texts[:50] == list(itertools.islice(hostile_texts(3), 50))
    assert b"" in texts
    assert any(text and not text.strip() for text in texts)
    assert any(b"\0" in text for text in texts)

    def is_broken(text):
        try:
            text.decode()
        except UnicodeDecodeError:
            return True
        return False

    assert any(map(is_broken, texts[:50]))
    blocks = {ord(c) >> 8 for text in texts if not is_broken(text) for c in text.decode()}
    assert blocks == set(range(0x1100)) - set(range(0xD8, 0xE0))
    assert all(MEGABYTE <= len(text) < 2 * MEGABYTE for text in megabyte_texts())


def test_requests_put_the_good_row_among_hostile_ones(toy_export):
    signature = read_signatures(toy_export)["serving_default"]
    good = {"text": np.array([b"good"], object)}
    requests = Requests(signature, good, ["text"], seed=1)
    places = set()
    for rows in (1, 7, 31):
        inputs, place = requests.make(rows)
        assert inputs["text"].shape == (rows + 1,)
        assert inputs["text"][place] == b"good"
        assert all(isinstance(text, bytes) for text in inputs["text"])
        places.add(place)
    assert len(places) > 1
    assert set(requests.make(2, b"x")[0]["text"]) == {b"good", b"x"}


def test_requests_of_numbers_and_examples(small_models, tf):
    signatures = read_signatures(small_models / "small" / "5")
    good = {"a": np.float32([[1, 2, 3]]), "b": np.int32([4])}
    inputs, place = Requests(signatures["pair"], good, []).make(7)
    assert inputs["a"].shape == (8, 3)
    assert inputs["b"].dtype == np.int32
    assert inputs["b"][place] == 4
    good = {"inputs": np.array([b""], object)}
    inputs, _ = Requests(signatures["classify"], good, ["x"]).make(2, b"\xff")
    example = tf.train.Example.FromString(max(inputs["inputs"]))
    assert list(example.features.feature["x"].bytes_list.value) == [b"\xff"]


class FakeServer:
    """Answers with the length of a text; fails at one, and another spoils its neighbours."""

    def predict(self, inputs, name):
        from tests.loader import ServerError

        if b"fail" in inputs["text"]:
            raise ServerError(3, "no")
        spoiled = 0.5 if b"spoil" in inputs["text"] else 0.0
        return {"score": np.float32([len(text) + spoiled for text in inputs["text"]])}


def test_an_attack_counts_failures_and_spoiled_neighbours(toy_export):
    attack = Attack(toy_export, FakeServer())
    attack.send("again", 3, b"quiet")
    assert (attack.inputs, attack.failed, attack.difference) == (3, 0, 0.0)
    attack.send("again", 2, b"fail")
    attack.send("serving_default", 1, b"spoil")
    assert (attack.inputs, attack.failed) == (6, 1)
    assert 0 < attack.difference <= 0.5
    assert list(attack.failures) == ["again: status 3: no"]


def test_good_row_is_the_longest_that_is_not_too_long():
    rows = np.array([b"", b"abc", b"a" * 1000], object)
    warmup = [("other", {"text": rows}), ("one", {"text": rows[:0]}), ("one", {"text": rows})]
    assert good_row(warmup, "one")["text"].tolist() == [b"abc"]


def test_typical_rows(toy_export):
    found = typical_rows(toy_export, 5)
    assert found["text"].shape == (5,)
    assert set(found["text"]) <= {b"", b"a cat", b"the old red house ran"}


def test_hammer_and_percentiles():
    times, took = hammer(lambda: time.sleep(0.01), callers=3, seconds=0.2)
    assert 3 <= len(times) <= 60
    assert 0.2 <= took < 2
    assert min(times) >= 0.01
    assert percentiles([0.001] * 99 + [0.003]) == pytest.approx([1.0, 1.02])


def test_plot(tmp_path):
    lines = [
        {"rows": rows, "callers": callers, "rows_per_s": rows * callers, "p50_ms": 1, "p99_ms": 2}
        for rows in (1, 8, 32)
        for callers in (1, 2)
    ]
    plot({"a": {"(1, 0)": lines}, "b": {"(1, 0)": lines}}, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


def test_same_answers():
    assert same({"a": ["x"], "b": [1.0]}, {"a": ["x"], "b": [1.00001]})
    assert not same({"a": ["x"]}, {"a": ["y"]})
    assert not same({"b": [1.0]}, {"b": [1.1]})
    assert not same({"b": []}, {"b": [1.0]})
    assert not same({"b": [[1.0]]}, {"b": [1.0]})
    assert not same({"a": [], "b": [1.0]}, {"a": ["x"], "b": [1.0]})
    assert not same({}, {"b": [1.0]})
    assert same({"a": [["x", ""]]}, {"a": [["x", ""]]})


def test_cases_differ_and_have_the_answers_of_their_own_row(toy_export):
    model = SavedModel(toy_export, threads=(1, 1))
    found = make_cases(model, toy_export, 7)
    model.close()
    questions = [question["text"] for question, _ in found]
    assert all(len(texts) == 1 and isinstance(texts[0], str) for texts in questions)
    assert len({texts[0] for texts in questions}) == 7
    assert len({repr(answer) for _, answer in found}) == 7
    again = {"text": np.array([questions[3][0].encode()], object)}
    model = SavedModel(toy_export, threads=(1, 1))
    outputs = model.run(again)
    model.close()
    assert same(found[3][1], {"text": [outputs["text"][0].decode()], "score": outputs["score"]})


class Answers:
    """Stands for a client: raises or returns what it was given, in turn, and then stops."""

    def __init__(self, answers, stop):
        self.answers, self.stop = list(answers), stop

    def predict(self, spec, question):
        answer = self.answers.pop(0)
        if not self.answers:
            self.stop.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_client_counts_every_failure_and_goes_on(monkeypatch):
    answers = [KeyError("y"), {"y": [1.0]}, {"y": []}, {"y": ["x"]}]
    answers.append(RequestError(Code.UNKNOWN, "a"))
    stop = threading.Event()
    monkeypatch.setattr(serving_faults, "connect", lambda *_, **__: Answers(answers, stop))
    client = GoodClient("", ({}, {"y": [1.0]}), stop)
    client.run()
    assert (client.answers, client.wrong, len(client.failures)) == (2, 1, 3)
    assert client.failures[0] == "KeyError('y')"


def test_a_bad_client_goes_on_when_its_connection_fails(monkeypatch):
    server, stop = SimpleNamespace(rest="http://127.0.0.1:9", grpc=""), threading.Event()
    client = BadClient(server, "small", stop)
    monkeypatch.setattr(client, "_malformed_json", client._slow)
    monkeypatch.setattr(client, "_malformed_proto", lambda number: stop.set())
    client.run()
    assert client.sent == 2
    assert "ConnectionRefusedError" in client.unclear[0]


def test_there_is_an_export_of_every_task():
    from zoo.tasks.task import Task

    tasks = {name for name in zoo.tasks.__all__ if inspect.isclass(getattr(zoo.tasks, name))}
    tasks = {name for name in tasks if issubclass(getattr(zoo.tasks, name), Task)} - {"Task"}
    assert tasks == {type(make_task(name)).__name__ for name in NAMES}
