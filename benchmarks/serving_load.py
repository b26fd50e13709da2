"""Throughput and latency of exports in TensorFlow's session, which is what TF Serving runs.

    python -m benchmarks.serving_load MODELS --plot load.png

For each model, thread setting, rows a call and number of callers at once: rows a second, p50 and
p99 of a call. Each setting is a process of its own. Transport is not in these figures:
`benchmarks.serving_faults` has what it adds.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

from benchmarks.common import machine, print_machine
from zoo.serving.versions import models, versions

THREADS = ((1, 1), (1, 0), (0, 0))  # within an op, between ops; 0: as many as cores
ROWS = (1, 8, 32)
CALLERS = (1, 2, 4, 8)
PLOTTED = (1, 0)  # the threads of the plot
PANELS = 4  # of the plot, side by side


def typical_rows(folder, count):
    """Rows for `serving_default` from the warm-up requests: those of middle length, in turn.

    Returns:
        {input name: array (count, ...)}.
    """
    from zoo.serving.warmup import read_warmup

    rows = [
        {name: value[number : number + 1] for name, value in inputs.items()}
        for signature, inputs in read_warmup(folder)
        if signature == "serving_default"
        for number in range(len(next(iter(inputs.values()))))
    ]
    rows.sort(key=lambda row: len(repr(row)))
    middle = rows[len(rows) // 3 : len(rows) - len(rows) // 3] or rows
    chosen = [middle[number % len(middle)] for number in range(count)]
    return {name: np.concatenate([row[name] for row in chosen]) for name in chosen[0]}


def percentiles(seconds):
    """p50 and p99 of a list of seconds, in milliseconds."""
    return [float(x) * 1000 for x in np.percentile(seconds, [50, 99])]


def hammer(call, callers, seconds):
    """Let `callers` threads call again and again for a time.

    Returns:
        The seconds of each call, and the seconds that all of it took.
    """

    def one():
        times = []
        while time.perf_counter() < end:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return times

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        end = began + seconds
        found = [pool.submit(one) for _ in range(callers)]
        times = [each for future in found for each in future.result()]
        return times, time.perf_counter() - began


def measure(folder, threads, seconds):
    """The rows of the table for one model and setting; runs in a process of its own."""
    from zoo.serving.saved_model import SavedModel

    model = SavedModel(folder, threads)
    rows = []
    for count in ROWS:
        inputs = typical_rows(folder, count)
        for _ in range(3):
            model.run(inputs)
        for callers in CALLERS:
            times, took = hammer(lambda inputs=inputs: model.run(inputs), callers, seconds)
            p50, p99 = percentiles(times)
            rows.append(
                {
                    "rows": count,
                    "callers": callers,
                    "rows_per_s": count * len(times) / took,
                    "p50_ms": p50,
                    "p99_ms": p99,
                    "calls": len(times),
                }
            )
    return rows


def measure_apart(folder, threads, seconds):
    """`measure` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.serving_load", "--worker", str(folder)]
    command += [str(threads[0]), str(threads[1]), str(seconds)]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(result.stdout)


def print_table(name, found):
    """One line for rows and callers, the settings side by side."""
    print(f"\n{name}: rows a second, p50 and p99 in ms, by threads within an op, between ops")
    print("rows callers" + "".join(f"{str(threads):>28}" for threads in found))
    for lines in zip(*found.values(), strict=True):
        cells = (
            f"{line['rows_per_s']:12.1f} {line['p50_ms']:7.1f} {line['p99_ms']:7.1f}"
            for line in lines
        )
        print(f"{lines[0]['rows']:4} {lines[0]['callers']:7}" + "".join(cells), flush=True)


def plot(results, file):
    """One panel a model: p50 and p99 over rows a second, a line for each number of rows."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    wide = min(PANELS, len(results))
    high = -(-len(results) // wide)
    figure, panels = plt.subplots(
        high, wide, figsize=(3.8 * wide, 3.4 * high), squeeze=False, layout="constrained"
    )
    for panel in panels.flat[len(results) :]:
        panel.set_axis_off()
    for panel, (name, found) in zip(panels.flat, results.items(), strict=False):
        lines = found[str(PLOTTED)]
        for count, marker in zip(ROWS, "os^", strict=True):
            own = [line for line in lines if line["rows"] == count]
            speed = [line["rows_per_s"] for line in own]
            (drawn,) = panel.plot(speed, [x["p50_ms"] for x in own], f"{marker}-", label=f"{count}")
            panel.plot(speed, [x["p99_ms"] for x in own], f"{marker}:", color=drawn.get_color())
        panel.set(title=name, xlabel="rows a second", ylabel="ms a call", yscale="log")
        panel.set_xlim(left=0)
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("")
        panel.grid(alpha=0.3)
        panel.legend(title="rows a call")
    callers = ", ".join(map(str, CALLERS))
    threads = "1 thread within an op, between ops one a core"
    figure.suptitle(f"p50 (solid) and p99 (dotted) with {callers} callers; {threads}")
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main():
    if sys.argv[1:2] == ["--worker"]:
        folder, within, between, seconds = sys.argv[2:]
        print(json.dumps(measure(folder, (int(within), int(between)), float(seconds))))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="MODELS, with NAME/VERSION")
    parser.add_argument("--names", nargs="+", help="some of the models (all)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each cell (%(default)s)")
    parser.add_argument("--plot", type=pathlib.Path, help="a PNG")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here")
    given = parser.parse_args()
    facts = machine()
    print_machine(facts)
    results = {}
    for name, folder in models(given.folder).items():
        if given.names and name not in given.names:
            continue
        found = versions(folder)
        results[name] = {
            str(threads): measure_apart(found[max(found)], threads, given.seconds)
            for threads in THREADS
        }
        print_table(name, results[name])
    if given.plot:
        plot(results, given.plot)
    if given.json:
        given.json.write_text(json.dumps({"machine": facts, "results": results}, indent=2))


if __name__ == "__main__":
    main()
