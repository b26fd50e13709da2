"""Interleaved timing of processes that stand ready, and the tables that come out of it."""

import argparse
import contextlib
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

PACKAGES = (
    "keras",
    "tensorflow",
    "tensorflow-text",
    "keras-hub",
    "torch",
    "transformers",
    "ctranslate2",
    "onnxruntime",
    "numpy",
)
# Threads of one runtime may spin for a moment after their call: let them sleep before the next
# process is timed.
PAUSE = 0.3


class Worker:
    """A process that has built one contestant and waits to be told to run it once more.

    Separate processes keep thread pools, allocators and imports apart; standing ready, they can
    still be timed call by call in turn, so that whatever else the machine does hits all alike.

    Args:
        name: the contestant's name in the table.
        builder: "module:function"; the function returns a `benchmarks.worker.Contestant`.
        settings: the function's keyword arguments, anything JSON holds.
        environment: environment variables of the process, on top of this one's.

    Raises:
        RuntimeError: the process ended; its own error stands on stderr.
    """

    def __init__(self, name, builder, settings, environment=()):
        self.name = name
        command = [sys.executable, "-m", "benchmarks.worker", builder, json.dumps(settings)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **dict(environment)},
        )
        self.facts = self._answer()

    def time(self):
        """Run once; returns the wall time of the call in seconds, taken in the worker."""
        return self._ask("call")["seconds"]

    def op_times(self):
        """Milliseconds and count of each type of operation in one call, the longest first."""
        return self._ask("profile")

    def close(self):
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, request):
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise RuntimeError(f"the worker of {self.name} ended with exit code {code}")
        return json.loads(line)


@contextlib.contextmanager
def working(workers):
    """Close all workers at the end, also after an error."""
    try:
        yield workers
    finally:
        for worker in workers:
            worker.close()


def interleaved(workers, rounds, warm_up=2):
    """Time every worker once a round, the order turned by one each round.

    Args:
        workers: list of `Worker`s.
        rounds: timed calls of each.
        warm_up: calls of each before that: tracing, allocation.

    Returns:
        dict: name -> list of seconds.
    """
    for worker in workers:
        for _ in range(warm_up):
            worker.time()
    seconds = {worker.name: [] for worker in workers}
    for i in range(rounds):
        turn = i % len(workers)
        for worker in workers[turn:] + workers[:turn]:
            time.sleep(PAUSE)
            seconds[worker.name].append(worker.time())
    return seconds


def rows_of(workers, seconds, tokens, reference):
    """One dict a contestant: median and minimum, tokens a second, speed as a multiple of
    `reference` (a name) by medians, by minima, and as the median over rounds of the ratio within a
    round, which a drifting machine disturbs least."""
    base = seconds[reference]
    rows = []
    for worker in workers:
        own = seconds[worker.name]
        pairs = zip(base, own, strict=True)
        rows.append(
            {
                "name": worker.name,
                "median_s": statistics.median(own),
                "minimum_s": min(own),
                "tokens_per_s": tokens / statistics.median(own),
                "ratio_of_medians": statistics.median(base) / statistics.median(own),
                "ratio_of_minima": min(base) / min(own),
                "median_of_ratios": statistics.median(b / o for b, o in pairs),
                "seconds": own,
                "facts": worker.facts,
            }
        )
    return rows


def print_rows(title, rows, reference):
    """The table of `rows_of`."""
    print(f"\n{title}\nspeed as a multiple of {reference}: by medians / minima / within a round")
    width = max(len(row["name"]) for row in rows)
    print(f"{'':{width}}  median s    min s  tokens/s      ratios")
    for row in rows:
        print(
            f"{row['name']:{width}}  {row['median_s']:8.3f} {row['minimum_s']:8.3f}"
            f"  {row['tokens_per_s']:8.0f}  {row['ratio_of_medians']:5.2f}"
            f" {row['ratio_of_minima']:5.2f} {row['median_of_ratios']:5.2f}",
            flush=True,
        )


def print_op_times(name, op_times, shown=20):
    """The longest operation types of one call. Operations that run side by side both count."""
    total = sum(op["ms"] for op in op_times)
    print(f"\n{name}: time in operations {total:.0f} ms")
    for op in op_times[:shown]:
        print(f"  {op['type']:38} {op['ms']:8.1f} ms {op['ms'] / total:6.1%}  x {op['count']}")


def machine():
    """Facts that a figure means nothing without: processor, memory, load, versions."""
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return f"{names[0]} ({' '.join(flag for flag in wanted if flag in flags)})"


def print_machine(facts):
    print(f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB", end="")
    print(f", load {facts['load_average']:.1f}; python {facts['python']}", end="; ")
    print(", ".join(f"{name} {version}" for name, version in facts["versions"].items()))


def arguments(description, rounds):
    """The parser with what both benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="timed calls of each")
    parser.add_argument("--json", type=pathlib.Path, help="write machine, settings and times here")
    parser.add_argument(
        "--profile", action="store_true", help="print milliseconds by type of operation"
    )
    parser.add_argument("--size", default="base", choices=("tiny", "small", "base"))
    return parser


def write_json(path, document):
    """Write whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    os.replace(temporary, path)
