"""One training step of the Transformer: zoo against keras-hub's layers and transformers.

    python -m benchmarks.training_step [--precision mixed_bfloat16] [--profile] [--json FILE]

32 rows of 24 source and 24 target ids, forward, backward and AdamW, dropout on.
"""

import importlib.util

from benchmarks import common
from benchmarks.training_peers import ROWS, TARGET_LENGTH

REFERENCE = "keras-hub (TensorFlow)"
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
PEERS = "benchmarks.training_peers"


def contestants(settings, only):
    """The workers, started one after the other so that they do not build at the same time."""
    builders = {
        "zoo (TensorFlow)": ("zoo", TENSORFLOW),
        REFERENCE: ("keras_hub", TENSORFLOW),
    }
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        builders["transformers (torch)"] = ("marian", {})
    return [
        common.Worker(name, f"{PEERS}:{function}", settings, environment)
        for name, (function, environment) in builders.items()
        if only is None or function in only
    ]


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=10)
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument(
        "--only", nargs="+", choices=("zoo", "keras_hub", "marian"), help="these alone"
    )
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    settings = {"size": options.size, "precision": options.precision}
    workers = contestants(settings, options.only)
    with common.working(workers):
        for worker in workers:
            print(f"{worker.name}: {worker.facts}", flush=True)
        seconds = common.interleaved(workers, options.rounds)
        reference = REFERENCE if REFERENCE in seconds else workers[0].name
        rows = common.rows_of(workers, seconds, ROWS * TARGET_LENGTH, reference)
        title = f"training step, {options.size}, {options.precision}, tokens = target tokens"
        common.print_rows(title, rows, reference)
        if options.profile:
            for worker in workers:
                if "torch" not in worker.facts["backend"]:
                    common.print_op_times(worker.name, worker.op_times())
    if options.json:
        document = {"machine": facts, "settings": settings, "rows": rows}
        common.write_json(options.json, document)


if __name__ == "__main__":
    main()
