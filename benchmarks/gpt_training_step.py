"""One training step of GPT-2: zoo against keras-hub and transformers.

    python -m benchmarks.gpt_training_step [--precision mixed_bfloat16] [--rows 4 --length 256]

One row of 1024 ids, forward, backward and AdamW, dropout 0.1, the same weights for all.
"""

import tempfile

from benchmarks import common
from benchmarks.generation_peers import make_folder

PEERS = "benchmarks.gpt_training_peers"
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
REFERENCE = "keras-hub (TensorFlow)"
# kind -> name, builder, its own settings, environment
CONTESTANTS = {
    "zoo": ("zoo (TensorFlow)", "zoo", {}, TENSORFLOW),
    "keras_hub": (REFERENCE, "keras_hub", {}, TENSORFLOW),
    "transformers": ("transformers (torch)", "transformers", {"compiled": False}, {}),
    "compiled": ("transformers (torch.compile)", "transformers", {"compiled": True}, {}),
}


def contestants(settings, kinds):
    """The workers, started one after the other so that they do not build at the same time."""
    return [
        common.Worker(name, f"{PEERS}:{function}", {**settings, **own}, environment)
        for name, function, own, environment in (CONTESTANTS[kind] for kind in kinds)
    ]


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--rows", type=int, default=1, help="rows of a batch")
    parser.add_argument("--length", type=int, default=1024, help="ids of a row")
    parser.add_argument("--dropout", type=float, default=0.1, help="rate, everywhere alike")
    kinds = tuple(CONTESTANTS)
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds, help="these alone")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    named = ("precision", "rows", "length", "dropout")
    settings = {name: getattr(options, name) for name in named}
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as scratch:
        folder = f"{scratch}/gpt2"
        make_folder(folder, options.size)
        with common.working(contestants({"folder": folder, **settings}, options.only)) as workers:
            for worker in workers:
                print(f"{worker.name}: {worker.facts}", flush=True)
            seconds = common.interleaved(workers, options.rounds)
            reference = REFERENCE if REFERENCE in seconds else workers[0].name
            tokens = options.rows * options.length
            rows = common.rows_of(workers, seconds, tokens, reference)
            shape = f"{options.rows} x {options.length}"
            title = f"GPT-2 {options.size}, training step, {options.precision}, {shape}"
            common.print_rows(title, rows, reference)
            if options.profile:
                for worker in workers:
                    if worker.facts["backend"] == "tensorflow":
                        common.print_op_times(worker.name, worker.op_times())
    if options.json:
        document = {"machine": facts, "settings": {"size": options.size, **settings}, "rows": rows}
        common.write_json(options.json, document)


if __name__ == "__main__":
    main()
