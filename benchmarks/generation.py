"""Greedy generation by GPT-2: zoo against keras-hub, transformers and CTranslate2.

    python -m benchmarks.generation [--rows 1 8] [--only zoo keras_hub] [--profile] [--json FILE]

16 ids and 112 new tokens in 1 and in 8 rows, float32, the same random weights for all. Printed
besides: how much of what the memory gives a product of one row each one reads.
"""

import json
import pathlib
import struct
import tempfile

from tokenizers import Tokenizer

from benchmarks import common
from benchmarks.generation_peers import MOST_ROWS, NEW_TOKENS, SIZES, VOCAB_SIZE, make_folder

PEERS = "benchmarks.generation_peers"
TENSORFLOW, JAX, TORCH = ({"KERAS_BACKEND": name} for name in ("tensorflow", "jax", "torch"))
REFERENCE = "keras-hub (TensorFlow)"
AUTO, XLA = {"jit_compile": "auto"}, {"jit_compile": True}
HIGH, LOW = {"compute_type": "float32"}, {"compute_type": "int8"}
# kind -> name, builder, its own settings, environment
CONTESTANTS = {
    "zoo": ("zoo (TensorFlow)", "zoo", {}, TENSORFLOW),
    "zoo_jax": ("zoo (JAX)", "zoo", {}, JAX),
    "zoo_torch": ("zoo (torch)", "zoo", {}, TORCH),
    "saved_model": ("zoo SavedModel (Python)", "saved_model", {}, {}),
    "loader": ("zoo SavedModel (C++)", "loader", {}, {}),
    "keras_hub": (REFERENCE, "keras_hub", AUTO, TENSORFLOW),
    "keras_hub_xla": ("keras-hub (TensorFlow, XLA)", "keras_hub", XLA, TENSORFLOW),
    "keras_hub_jax": ("keras-hub (JAX)", "keras_hub", AUTO, JAX),
    "transformers": ("transformers (torch)", "transformers", {}, {}),
    "ctranslate2": ("CTranslate2 float32", "ctranslate2", HIGH, {}),
    "ctranslate2_int8": ("CTranslate2 int8", "ctranslate2", LOW, {}),
}
SERVED = ("saved_model", "loader")
LIBRARIES = ("tensorflow", "jax", "torch")


def contestants(settings, target, kinds):
    """The workers, started one after the other; the SavedModel lies at `target`."""
    workers = []
    for kind in kinds:
        name, function, own, environment = CONTESTANTS[kind]
        served = {"target": target} if kind in SERVED else {}
        arguments = {**settings, **own, **served}
        workers.append(common.Worker(name, f"{PEERS}:{function}", arguments, environment))
    return workers


def agreement(workers, folder):
    """How many rows equal the first contestant's, ids where both give ids, else texts; taken out
    of the facts. Returns how many ids there are, or {} where nobody gives ids."""
    decode = Tokenizer.from_file(f"{folder}/tokenizer.json").decode_batch
    found = {worker.name: worker.facts.pop("ids", None) for worker in workers}
    texts = {
        worker.name: worker.facts.pop("texts") if ids is None else decode(ids)
        for worker, ids in zip(workers, found.values(), strict=True)
    }
    first = workers[0].name
    for worker in workers:
        ids = found[worker.name]
        if ids is not None:
            worker.facts["new ids"] = sorted({len(row) for row in ids})
        side = texts if ids is None or found[first] is None else found
        pairs = zip(side[first], side[worker.name], strict=True)
        worker.facts["equal rows"] = sum(a == b for a, b in pairs)
    rows = next(filter(None, found.values()), None)
    if rows is None:
        return {}
    return {"different ids": len({i for row in rows for i in row}), "of": len(rows) * NEW_TOKENS}


def weight_bytes(folder):
    """Bytes of weights that a step reads, by the header of the safetensors file: all but the
    positions' table; the tied table is read for the logits."""
    with pathlib.Path(folder, "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(
        entry["data_offsets"][1] - entry["data_offsets"][0]
        for name, entry in header.items()
        if name != "__metadata__" and not name.endswith("wpe.weight")
    )


def bandwidths(size, num_rows, threads, rounds):
    """Bytes a second that a product of `num_rows` rows reads, by library; the best of `rounds`."""
    settings = {"rows": num_rows, "shape": (SIZES[size][1], VOCAB_SIZE), "threads": threads}
    workers = [
        common.Worker(library, f"{PEERS}:product", {"library": library, **settings})
        for library in LIBRARIES
    ]
    with common.working(workers):
        seconds = common.interleaved(workers, rounds)
    found = {}
    for worker in workers:
        read = worker.facts["products"] * worker.facts["bytes"]
        found[worker.name] = read / min(seconds[worker.name])
    printed = {library: round(read / 1e9, 1) for library, read in found.items()}
    print(f"GB/s read by a product of {num_rows} rows: {printed}", flush=True)
    return found


def print_reading(rows, folder, best):
    """Weights read a second by each in float32, as a share of the best bandwidth."""
    read = weight_bytes(folder) * NEW_TOKENS
    print(f"weights read a step: {read / NEW_TOKENS / 1e6:.0f} MB")
    for row in rows:
        if row["facts"].get("compute_type", "float32") != "float32":
            continue
        row["read_share"] = read / row["minimum_s"] / best
        print(
            f"  {row['name']:28} {1000 * row['minimum_s'] / NEW_TOKENS:6.1f} ms a token"
            f" {read / row['minimum_s'] / 1e9:6.1f} GB/s, {row['read_share']:4.0%} of the best"
        )


def print_parts(worker, seconds):
    """Milliseconds a token in products, in other operations, and in neither."""
    op_times = worker.op_times()
    products = sum(op["ms"] for op in op_times if "MatMul" in op["type"])
    others = sum(op["ms"] for op in op_times) - products
    rest = 1000 * min(seconds) - products - others
    parts = {"products": products, "other operations": others, "dispatch and idle": rest}
    print(f"\n{worker.name}, ms a token:", end=" ")
    print(", ".join(f"{name} {ms / NEW_TOKENS:.2f}" for name, ms in parts.items()))
    common.print_op_times(worker.name, op_times)


def compare(folder, target, num_rows, options, best):
    """Start, time and print one number of rows; returns the rows of the table."""
    settings = {"folder": folder, "rows": num_rows, "threads": (options.intra, options.inter)}
    with common.working(contestants(settings, target, options.only)) as workers:
        print(f"\n{num_rows} rows: {agreement(workers, folder)}")
        for worker in workers:
            print(f"{worker.name}: {worker.facts}", flush=True)
        seconds = common.interleaved(workers, options.rounds)
        reference = REFERENCE if REFERENCE in seconds else workers[0].name
        rows = common.rows_of(workers, seconds, num_rows * NEW_TOKENS, reference)
        title = f"GPT-2 {options.size}, greedy, {num_rows} rows, tokens = new tokens"
        common.print_rows(title, rows, reference)
        print_reading(rows, folder, best)
        if options.profile:
            for kind, worker in zip(options.only, workers, strict=True):
                if kind in ("zoo", "saved_model", "keras_hub"):
                    print_parts(worker, seconds[worker.name])
    return rows


def main():
    parser = common.arguments(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8], help=f"up to {MOST_ROWS}")
    parser.add_argument("--intra", type=int, default=2, help="threads within an operation")
    parser.add_argument(
        "--inter", type=int, default=1, help="TensorFlow's threads between operations"
    )
    kinds = tuple(CONTESTANTS)
    usual = [kind for kind in kinds if kind != "keras_hub_xla"]
    parser.add_argument("--only", nargs="+", choices=kinds, default=usual, help="these alone")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    threads = (options.intra, options.inter)
    print(f"threads: {options.intra} within an operation, TensorFlow {options.inter} between")
    with tempfile.TemporaryDirectory(prefix="zoo-benchmark-") as scratch:
        folder, target = f"{scratch}/gpt2", f"{scratch}/saved_model/1"
        make_folder(folder, options.size)
        found = {
            num_rows: bandwidths(options.size, num_rows, threads, options.rounds)
            for num_rows in sorted({1, *options.rows})
        }
        if set(options.only) & set(SERVED):
            export = {"folder": folder, "target": target}
            common.Worker("export", f"{PEERS}:export", export, TENSORFLOW).close()
        best = max(found[1].values())
        rows = {n: compare(folder, target, n, options, best) for n in options.rows}
    if options.json:
        settings = {"size": options.size, "intra": options.intra, "inter": options.inter}
        settings["bandwidths"] = found
        common.write_json(options.json, {"machine": facts, "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
