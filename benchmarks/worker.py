"""The process behind `benchmarks.common.Worker`: build once, run when told.

    python -m benchmarks.worker MODULE:FUNCTION JSON_SETTINGS

A line "call" on stdin runs the contestant once, a line "profile" runs it under TensorFlow's
profiler; each is answered by a line of JSON.
"""

import collections
import dataclasses
import glob
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable

PROFILED_CALLS = 3


@dataclasses.dataclass
class Contestant:
    """What a builder returns.

    Attributes:
        call: does the work once and returns when it is done.
        facts: what the reader of a figure wants to know: parameters, threads, loss.
    """

    call: Callable[[], object]
    facts: dict


def op_times(call):
    """Time of one call by type of operation, from TensorFlow's profiler.

    Returns:
        list of {"type", "ms", "count"}, the longest first; a container (a function call, a loop)
        is left out where its contents count themselves.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=2, python_tracer_level=0, device_tracer_level=0
    )
    space = xplane_pb2.XSpace()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options):
            for _ in range(PROFILED_CALLS):
                call()
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        with open(path, "rb") as file:
            space.ParseFromString(file.read())
    picoseconds, counts = collections.Counter(), collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                kind = _op_type(plane.event_metadata[event.metadata_id].name)
                if kind is not None:
                    picoseconds[kind] += event.duration_ps
                    counts[kind] += 1
    return [
        {"type": kind, "ms": total / 1e9 / PROFILED_CALLS, "count": counts[kind] // PROFILED_CALLS}
        for kind, total in picoseconds.most_common()
    ]


def _op_type(event_name):
    """Executed nodes are called "path/of/node:Type"; anything else gives None."""
    name, colon, kind = event_name.rpartition(":")
    if not colon or name.endswith(":") or not kind.lstrip("_")[:1].isupper():
        return None
    return None if kind in ("While", "StatelessWhile", "PartitionedCall") else kind


def main():
    builder, settings = sys.argv[1:]
    # Libraries print as they please: answers get the real stdout, all else goes to stderr.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    module, function = builder.split(":")
    contestant = getattr(importlib.import_module(module), function)(**json.loads(settings))
    answer(contestant.facts)
    for line in sys.stdin:
        if line.strip() == "profile":
            answer(op_times(contestant.call))
        else:
            start = time.perf_counter()
            contestant.call()
            answer({"seconds": time.perf_counter() - start})


if __name__ == "__main__":
    main()
