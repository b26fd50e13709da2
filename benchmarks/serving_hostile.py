"""Hostile inputs through TensorFlow's C++ loader, as TF Serving would run them.

    python -m benchmarks.serving_hostile MODELS --inputs 10000

For the largest version of each model in the folder: texts that nobody should send, thousands of
rows, numbers out of all bounds. Reported are crashes, requests that failed, the largest difference
of the answer to a good row among hostile ones, and what the process's memory grew by after some
passes that have seen every kind.
"""

import argparse
import json
import os
import pathlib
import time

import numpy as np

from benchmarks.common import machine, print_machine
from benchmarks.hostile_texts import hostile_texts, megabyte_texts
from tests.loader import Server, ServerError
from zoo.serving.graph import read_signatures
from zoo.serving.replay import apart
from zoo.serving.versions import models, versions
from zoo.serving.warmup import read_warmup

ROWS = (1, 2, 7, 31)
MANY_ROWS = 2000
PASSES = 5  # over everything before memory is compared: the allocator's heap is full-grown then
INT_VALUES = (0, 1, -1, 2, 2**31 - 1, -(2**31), 1000)
FLOAT_VALUES = (0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), -float("inf"), 1e38, 1e-38)


class Requests:
    """Hostile requests for one signature, a good row of the warm-up among the rows of each.

    Args:
        signature: a SignatureDef.
        good: {input name: array (1, ...)}, the good row.
        features: names of the texts in a serialized `tf.Example`, for a signature that takes those.
        seed: of the texts and of where the good row stands.
    """

    def __init__(self, signature, good, features, seed=0):
        self._texts = hostile_texts(seed)
        self._rng = np.random.default_rng(seed)
        self._serialized = set(signature.inputs) == {"inputs"}
        self._features = features
        self.good = good

    def make(self, rows, text=None):
        """({input name: array (rows + 1, ...)}, place of the good row).

        Args:
            rows: number of hostile rows.
            text: bytes for all of them; None: the next ones of the stream.
        """
        place = int(self._rng.integers(rows + 1))
        inputs = {}
        for name, value in self.good.items():
            hostile = [self._value(name, value, text) for _ in range(rows)]
            hostile.insert(place, value[0])
            inputs[name] = np.stack([np.asarray(each, value.dtype) for each in hostile])
        return inputs, place

    def _value(self, name, like, text):
        """One hostile value in the shape that the good row has."""
        if like.dtype.kind == "f":
            return self._rng.choice(FLOAT_VALUES, like[0].shape)
        if like.dtype.kind == "i":
            return self._rng.choice(INT_VALUES, like[0].shape)
        found = np.empty(like[0].shape if isinstance(like[0], np.ndarray) else (), object)
        for index in np.ndindex(found.shape):
            found[index] = self._text(text)
        return found if found.shape else found[()]

    def _text(self, text):
        text = next(self._texts) if text is None else text
        if not self._serialized:
            return text
        from tensorflow.core.example import example_pb2

        example = example_pb2.Example()
        for name in self._features:
            example.features.feature[name].bytes_list.value.append(text)
        return example.SerializeToString()


class Attack:
    """One model in a process of the C++ program, what it was sent and how it took it.

    Args:
        folder: the SavedModel's folder.
        server: a `Server` that runs it.
    """

    def __init__(self, folder, server):
        self._server = server
        signatures = read_signatures(folder)
        features = sorted(signatures["serving_default"].inputs)
        warmup = read_warmup(folder)
        self._requests = {
            name: Requests(signature, good_row(warmup, name), features)
            for name, signature in signatures.items()
        }
        self._alone = {n: server.predict(r.good, n) for n, r in self._requests.items()}
        self.inputs = self.failed = 0
        self.difference = 0.0
        self.slowest = 0.0
        self.failures = {}

    def send(self, name, rows, text=None):
        """One request to a signature; counts what comes of it."""
        requests = self._requests[name]
        inputs, place = requests.make(rows, text)
        self.inputs += rows
        start = time.perf_counter()
        try:
            outputs = self._server.predict(inputs, name)
        except ServerError as error:
            if error.code == -1:
                raise
            self.failed += 1
            self.failures.setdefault(f"{name}: {error}"[:300], 0)
            return
        self.slowest = max(self.slowest, time.perf_counter() - start)
        for output, value in self._alone[name].items():
            distance = apart(value[0], outputs[output][place])
            self.difference = max(self.difference, distance)

    def large(self):
        """Texts of a megabyte and requests of thousands of rows, to all signatures."""
        for name in self._requests:
            for text in megabyte_texts():
                self.send(name, 1, text)
            self.send(name, MANY_ROWS)

    def small(self, count):
        """About `count` inputs, to all signatures in turn, in requests of a few rows."""
        until = self.inputs + count
        while self.inputs < until:
            for name in self._requests:
                for rows in ROWS:
                    self.send(name, rows)


def good_row(warmup, name):
    """The longest row of the warm-up requests to a signature, as a batch of one."""
    rows = [
        {key: value[number : number + 1] for key, value in inputs.items()}
        for signature, inputs in warmup
        if signature == name
        for number in range(len(next(iter(inputs.values()))))
    ]
    return max(rows, key=lambda row: len(repr(row)) if len(repr(row)) < 500 else 0)


def attack(folder, count):
    """The figures of one export, a dict."""
    # Large blocks go back to the system when they are freed, so that what stays is what is held.
    os.environ |= {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    with Server(folder, threads=(1, 1)) as server:
        found = Attack(folder, server)
        for _ in range(PASSES):
            found.large()
            found.small(count // 10)
        before, warm = server.memory(), found.inputs
        found.large()
        found.small(count - (found.inputs - warm))
        grown = server.memory() - before
    return {
        "inputs": found.inputs - warm,
        "failed_requests": found.failed,
        "failures": list(found.failures),
        "neighbour_difference": found.difference,
        "grown_mib": grown / 2**20,
        "slowest_s": found.slowest,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="MODELS, with NAME/VERSION")
    parser.add_argument("--inputs", type=int, default=10_000, help="for each (%(default)s)")
    parser.add_argument("--names", nargs="+", help="some of the models (all)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here")
    given = parser.parse_args()
    facts = machine()
    print_machine(facts)
    print(f"{'model':16} inputs  failed  neighbour  grown MiB  slowest s", flush=True)
    results = {}
    for name, folder in models(given.folder).items():
        if given.names and name not in given.names:
            continue
        number = max(versions(folder))
        row = results[name] = attack(versions(folder)[number], given.inputs)
        print(
            f"{name:16} {row['inputs']:6}  {row['failed_requests']:6}  "
            f"{row['neighbour_difference']:9.1e}  {row['grown_mib']:9.1f}  {row['slowest_s']:9.2f}",
            flush=True,
        )
        for failure in row["failures"]:
            print(f"    {failure}")
    if given.json:
        given.json.write_text(json.dumps({"machine": facts, "results": results}, indent=2))


if __name__ == "__main__":
    main()
