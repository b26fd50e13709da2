"""BERT's forward pass and fine-tuning step: zoo against keras-hub, transformers and ONNX Runtime.

    python -m benchmarks.bert [--precision mixed_bfloat16] [--work train] [--batch ragged]

8 rows of 128 tokens without padding, and 8 rows of 20 to 128 tokens cut to the longest.
"""

import tempfile

import numpy as np

from benchmarks import common
from benchmarks.bert_peers import lengths, make_folder

PEERS, ONNX = "benchmarks.bert_peers", "benchmarks.bert_onnx"
ZOO, REFERENCE = "zoo (TensorFlow)", "keras-hub (TensorFlow)"
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
# Inference alone may fold weights into the program: the fastest that the compiler does.
FREEZING = {"TORCHINDUCTOR_FREEZING": "1"}
ONLY_FORWARD = ("onnxruntime", "transformers_cast", "compiled_cast")
KINDS = ("zoo", "keras_hub", "transformers", "compiled", *ONLY_FORWARD)


def usual(work, precision):
    """The kinds that can do this work: ONNX Runtime only infers, and only in float32; there are
    bfloat16 weights only in inference in bfloat16."""
    if work == "train":
        return [kind for kind in KINDS if kind not in ONLY_FORWARD]
    wrong = ("_cast",) if precision == "float32" else ("onnxruntime",)
    return [kind for kind in KINDS if not kind.endswith(wrong)]


def contestants(work, settings, kinds):
    """The workers, started one after the other so that they do not build at the same time."""
    suffix = "forward" if work == "forward" else "step"
    freezing = FREEZING if work == "forward" else {}
    cast = {"cast": False} if work == "forward" else {}
    eager, compiled = {"compiled": False, **cast}, {"compiled": True, **cast}
    torch = f"{PEERS}:transformers"
    builders = {
        "zoo": (ZOO, f"{PEERS}:zoo", {}, TENSORFLOW),
        "keras_hub": (REFERENCE, f"{PEERS}:keras_hub", {}, TENSORFLOW),
        "transformers": ("transformers (torch)", torch, eager, {}),
        "compiled": ("transformers (torch.compile)", torch, compiled, freezing),
        "onnxruntime": ("ONNX Runtime", f"{ONNX}:onnxruntime", {}, {}),
        "transformers_cast": (
            "transformers (bfloat16 weights)",
            torch,
            {**eager, "cast": True},
            {},
        ),
        "compiled_cast": (
            "transformers (compiled, bfloat16 weights)",
            torch,
            {**compiled, "cast": True},
            freezing,
        ),
    }
    return [
        common.Worker(name, f"{function}_{suffix}", {**settings, **own}, environment)
        for name, function, own, environment in (builders[kind] for kind in kinds)
    ]


def agreement(workers):
    """The largest difference of each one's logits from the first one's, as a share of the largest
    logit; the logits are taken out of the facts."""
    found = {worker.name: np.array(worker.facts.pop("logits")) for worker in workers}
    first = next(iter(found.values()))
    for worker in workers:
        difference = np.abs(found[worker.name] - first).max() / np.abs(first).max()
        worker.facts["logits_differ_by"] = float(f"{difference:.1e}")


def compare(work, batch, folder, options):
    """Start, time and print one kind of work on one batch; returns the rows."""
    settings = {"folder": folder, "precision": options.precision}
    settings |= {"batch": batch, "rows": options.rows}
    kinds = [kind for kind in usual(work, options.precision) if kind in options.only]
    with common.working(contestants(work, settings, kinds)) as workers:
        if work == "forward":
            agreement(workers)
        for worker in workers:
            print(f"{worker.name}: {worker.facts}", flush=True)
        seconds = common.interleaved(workers, options.rounds)
        reference = REFERENCE if REFERENCE in seconds else workers[0].name
        real = lengths(batch, options.rows)
        rows = common.rows_of(workers, seconds, int(real.sum()), reference)
        shape = f"{options.rows} x {real.max()}, {real.sum() / real.size / real.max():.0%} real"
        title = f"BERT {options.size}, {work}, {options.precision}, {shape}, tokens = real tokens"
        common.print_rows(title, rows, reference)
        print_beside_best(rows)
        if options.profile:
            for worker in workers:
                if worker.facts["backend"] == "tensorflow":
                    common.print_op_times(worker.name, worker.op_times())
    return rows


def print_beside_best(rows):
    """zoo's speed as a multiple of the fastest other's."""
    own = [row for row in rows if row["name"] == ZOO]
    others = [row for row in rows if row["name"] != ZOO]
    if own and others:
        ratios = [
            min(row[key] for row in others) / own[0][key] for key in ("median_s", "minimum_s")
        ]
        print(
            "zoo beside the best of the others: {:.2f} by medians, {:.2f} by minima".format(*ratios)
        )


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=10)
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    works, batches = ("forward", "train"), ("full", "ragged")
    parser.add_argument("--work", nargs="+", choices=works, default=works, help="what is timed")
    parser.add_argument("--batch", nargs="+", choices=batches, default=batches, help="of what")
    # The layout of a batch is one thing, how many are in it another.
    parser.add_argument("--batch-rows", dest="rows", type=int, default=8, help="rows of a batch")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="these alone")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as scratch:
        folder = f"{scratch}/bert"
        make_folder(folder, options.size)
        if (
            "forward" in options.work
            and "onnxruntime" in options.only
            and (options.precision == "float32")
        ):
            exporter = common.Worker("export", f"{ONNX}:export_onnx", {"folder": folder})
            print(f"ONNX: {exporter.facts}")
            exporter.close()
        rows = {
            f"{work} {batch}": compare(work, batch, folder, options)
            for work in options.work
            for batch in options.batch
        }
    if options.json:
        settings = {"size": options.size, "precision": options.precision, "rows": options.rows}
        common.write_json(options.json, {"machine": facts, "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
