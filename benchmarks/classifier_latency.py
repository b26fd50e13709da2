"""Latency of a served classifier, one text at a time: zoo's SavedModel against ONNX Runtime.

    python -m benchmarks.classifier_latency [--calls 250] [--intra 2] [--json FILE]

BERT-base of random weights, 1 row, 16 tokens; the median and the 99th percentile of all calls.
"""

import tempfile
import time

import numpy as np

from benchmarks import common
from benchmarks.bert_peers import make_folder
from benchmarks.classifier_latency_peers import TOKENS

PEERS = "benchmarks.classifier_latency_peers"
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
REFERENCE = "ONNX Runtime (ids)"
KINDS = {
    "saved_model": "zoo SavedModel (Python)",
    "loader": "zoo SavedModel (C++)",
    "onnxruntime_ids": REFERENCE,
    "onnxruntime_text": "ONNX Runtime (text)",
}
# A server under load gets call upon call: each turn is a block of them, and the first ones, in
# which sleeping threads wake up, do not count.
WAKING = 3


def timed(workers, rounds, block):
    """name -> seconds of `rounds` times `block` calls; the order turns by one each round."""
    seconds = {worker.name: [] for worker in workers}
    for i in range(rounds):
        turn = i % len(workers)
        for worker in workers[turn:] + workers[:turn]:
            time.sleep(common.PAUSE)
            found = [worker.time() for _ in range(WAKING + block)]
            seconds[worker.name] += found[WAKING:]
    return seconds


def rows_of(workers, seconds):
    """One dict a contestant: percentiles in milliseconds, and speed as a multiple of the
    reference's by medians and by 99th percentiles."""
    reference = REFERENCE if REFERENCE in seconds else workers[0].name
    half, most = np.percentile(seconds[reference], (50, 99))
    rows = []
    for worker in workers:
        own = seconds[worker.name]
        p50, p99 = np.percentile(own, (50, 99))
        row = {"name": worker.name, "p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99}
        row |= {"minimum_ms": 1e3 * min(own), "ratio_of_p50": half / p50}
        row |= {"ratio_of_p99": most / p99, "calls": len(own), "seconds": own}
        rows.append({**row, "facts": worker.facts})
    return rows


def print_rows(rows, title):
    print(f"\n{title}\n{'':25}   p50 ms   p99 ms   min ms   speed by p50 / p99")
    for row in rows:
        print(
            f"{row['name']:25} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} {row['minimum_ms']:8.2f}"
            f"   {row['ratio_of_p50']:5.2f} / {row['ratio_of_p99']:4.2f}"
        )


def agreement(workers):
    """The largest difference of each one's scores from the first one's, taken out of the facts."""
    found = {worker.name: np.array(worker.facts.pop("scores")) for worker in workers}
    first = next(iter(found.values()))
    for worker in workers:
        difference = np.abs(found[worker.name] - first).max()
        worker.facts["scores_differ_by"] = float(f"{difference:.1e}")


def started(folder, target, options):
    """Export what is wanted, and start the workers."""
    exports = []
    if {"saved_model", "loader"} & set(options.only):
        settings = {"folder": folder, "target": target}
        exports.append((f"{PEERS}:export", settings, TENSORFLOW))
    if {"onnxruntime_ids", "onnxruntime_text"} & set(options.only):
        exports.append(("benchmarks.bert_onnx:export_onnx", {"folder": folder}, {}))
    for builder, settings, environment in exports:
        common.Worker("export", builder, settings, environment).close()
    threads = (options.intra, options.inter)
    settings = {"folder": folder, "target": target, "threads": threads}
    return [common.Worker(KINDS[kind], f"{PEERS}:{kind}", settings) for kind in options.only]


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=10)
    parser.add_argument("--calls", type=int, default=250, help="timed calls of each, in all rounds")
    parser.add_argument("--intra", type=int, default=2, help="threads within an operation")
    parser.add_argument(
        "--inter", type=int, default=1, help="TensorFlow's threads between operations"
    )
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="these alone")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    print(f"threads: {options.intra} within an operation, TensorFlow {options.inter} between")
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as scratch:
        folder, target = f"{scratch}/bert", f"{scratch}/saved_model/1"
        make_folder(folder, options.size)
        with common.working(started(folder, target, options)) as workers:
            agreement(workers)
            for worker in workers:
                print(f"{worker.name}: {worker.facts}", flush=True)
            rounds = min(options.rounds, options.calls)
            rows = rows_of(workers, timed(workers, rounds, -(-options.calls // rounds)))
            calls = rows[0]["calls"]
            print_rows(rows, f"BERT {options.size}, 1 text of {TOKENS} tokens, {calls} calls each")
            if options.profile and "saved_model" in options.only:
                profiled = workers[options.only.index("saved_model")]
                common.print_op_times(profiled.name, profiled.op_times())
    if options.json:
        settings = {"size": options.size, "intra": options.intra, "inter": options.inter}
        common.write_json(options.json, {"machine": facts, "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
