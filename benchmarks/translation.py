"""Greedy and beam-4 translation: zoo's SavedModel against transformers and CTranslate2.

    python -m benchmarks.translation [--beams 1 4] [--profile] [--json FILE]

32 sentences of 24 source ids, 32 new tokens each, the same random weights for all.
"""

import tempfile

from benchmarks import common
from benchmarks.translation_peers import NEW_TOKENS, ROWS, make_folder

PEERS = "benchmarks.translation_peers"
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}
REFERENCE = "transformers (torch)"
KINDS = ("saved_model", "loader", "in_python", "transformers", "ctranslate2", "ctranslate2_int8")


def contestants(folder, target, beam_size, threads, kinds):
    """The workers; the SavedModel lies at `target`."""
    served = {"folder": folder, "target": target, "threads": threads}
    living = {"folder": folder, "beam_size": beam_size, "threads": threads}
    low, high = {**living, "compute_type": "int8"}, {**living, "compute_type": "float32"}
    builders = {
        "saved_model": ("zoo SavedModel (Python)", "saved_model", served, {}),
        "loader": ("zoo SavedModel (C++)", "loader", served, {}),
        "in_python": ("zoo Translator", "in_python", living, TENSORFLOW),
        "transformers": (REFERENCE, "transformers", living, {}),
        "ctranslate2": ("CTranslate2 float32", "ctranslate2", high, {}),
        "ctranslate2_int8": ("CTranslate2 int8", "ctranslate2", low, {}),
    }
    return [
        common.Worker(name, f"{PEERS}:{function}", settings, environment)
        for name, function, settings, environment in (builders[kind] for kind in kinds)
    ]


def agreement(workers):
    """How many of the translations equal the first contestant's, taken out of the facts."""
    found = {worker.name: worker.facts.pop("texts") for worker in workers}
    first = next(iter(found.values()))
    for worker in workers:
        pairs = zip(first, found[worker.name], strict=True)
        worker.facts["equal_texts"] = sum(a == b for a, b in pairs)


def compare(folder, beam_size, options):
    """Export, start, time and print one beam size; returns the rows."""
    target = f"{folder}/saved_model_{beam_size}/1"
    export = {"folder": folder, "target": target, "beam_size": beam_size}
    common.Worker("export", f"{PEERS}:export", export, TENSORFLOW).close()
    threads = (options.intra, options.inter)
    with common.working(contestants(folder, target, beam_size, threads, options.only)) as workers:
        agreement(workers)
        for worker in workers:
            print(f"{worker.name}: {worker.facts}", flush=True)
        seconds = common.interleaved(workers, options.rounds)
        reference = REFERENCE if REFERENCE in seconds else workers[0].name
        rows = common.rows_of(workers, seconds, ROWS * NEW_TOKENS, reference)
        title = f"translation, {options.size}, beam size {beam_size}, tokens = new tokens"
        common.print_rows(title, rows, reference)
        if options.profile and "saved_model" in options.only:
            profiled = workers[options.only.index("saved_model")]
            common.print_op_times(profiled.name, profiled.op_times())
    return rows


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=10)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4], help="beam sizes")
    parser.add_argument("--intra", type=int, default=2, help="threads within an operation")
    parser.add_argument(
        "--inter", type=int, default=1, help="TensorFlow's threads between operations"
    )
    usual = [kind for kind in KINDS if kind != "in_python"]
    parser.add_argument("--only", nargs="+", choices=KINDS, default=usual, help="these alone")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    print(f"threads: {options.intra} within an operation, TensorFlow {options.inter} between")
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as scratch:
        folder = f"{scratch}/marian"
        make_folder(folder, options.size)
        rows = {beam: compare(folder, beam, options) for beam in options.beams}
    if options.json:
        settings = {"size": options.size, "intra": options.intra, "inter": options.inter}
        document = {"machine": facts, "settings": settings, "rows": rows}
        common.write_json(options.json, document)


if __name__ == "__main__":
    main()
