"""How long TensorFlow multiplies by the kernels of GPT-2, stored in three ways.

    KERAS_BACKEND=tensorflow python -m benchmarks.matrix_layouts [--rows 1 8 32] [--rounds 5]

The products of one step of GPT-2 124M (no logits), one after the other and nothing in between, for
each number of rows, by 2 threads: milliseconds, median and minimum.
"""

import argparse
import pathlib
import statistics
import time

from benchmarks import common
from benchmarks.generation_peers import SIZES, set_threads


def kernels():
    """Random kernels (X, Y) of GPT-2's projections, as numpy arrays."""
    import numpy as np

    num_layers, hidden_dim = SIZES["base"]
    inner = 4 * hidden_dim
    shapes = ((hidden_dim, 3 * hidden_dim), (hidden_dim, hidden_dim))
    shapes += ((hidden_dim, inner), (inner, hidden_dim))
    generator = np.random.default_rng(0)
    return [generator.normal(size=s).astype("float32") for _ in range(num_layers) for s in shapes]


def layouts(matrices):
    """name -> the matrices as variables, stored in this way, and the product with vectors."""
    import tensorflow as tf

    from zoo.compiled import vector_times_matrix
    from zoo.layers.panels import in_panels, times_panels

    def by_projection(x, matrix):  # as `zoo.layers.projection.Projection` does
        return vector_times_matrix(x, matrix) if x.shape[0] == 1 else x @ matrix

    plain = [tf.Variable(matrix) for matrix in matrices]
    return {
        "plain, MatMul": (plain, lambda x, matrix: x @ matrix),
        "plain, as a projection": (plain, by_projection),
        "transposed, MatMul": (
            [tf.Variable(matrix.T) for matrix in matrices],
            lambda x, matrix: tf.matmul(x, matrix, transpose_b=True),
        ),
        "in panels": (
            [tf.Variable(in_panels(matrix)) for matrix in matrices],
            lambda x, panels: times_panels(x, panels, panels.shape[0] * panels.shape[2]),
        ),
    }


def products(matrices, stored, multiply, num_rows):
    """A function that makes all products, and waits for them."""
    import tensorflow as tf

    sizes = [matrix.shape[0] for matrix in matrices]
    vectors = {size: tf.random.normal((num_rows, size), seed=0) for size in sizes}

    @tf.function(autograph=False)
    def run():
        found = [multiply(vectors[size], each) for size, each in zip(sizes, stored, strict=True)]
        return tf.add_n([product[0, 0] for product in found])

    return lambda: run().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 2, 8, 32, 128, 600])
    parser.add_argument("--rounds", type=int, default=5, help="timed calls of each")
    parser.add_argument("--json", type=pathlib.Path, help="write machine and times here")
    options = parser.parse_args()
    facts = common.machine()
    common.print_machine(facts)
    set_threads((2, 1))
    matrices = kernels()
    stored = layouts(matrices)
    found = {}
    for num_rows in options.rows:
        runs = {name: products(matrices, *how, num_rows) for name, how in stored.items()}
        seconds = {name: [] for name in runs}
        for i in range(options.rounds + 2):  # the first two warm up
            turn = i % len(runs)
            for name, run in [*runs.items()][turn:] + [*runs.items()][:turn]:
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
        found[num_rows] = {name: [1000 * s for s in own[2:]] for name, own in seconds.items()}
        print(f"\n{num_rows} rows, ms (median, minimum)")
        for name, own in found[num_rows].items():
            print(f"  {name:24} {statistics.median(own):7.1f} {min(own):7.1f}", flush=True)
    if options.json:
        common.write_json(options.json, {"machine": facts, "ms": found})


if __name__ == "__main__":
    main()
