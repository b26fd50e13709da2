"""What one long row costs its batch mates: 32 rows of which 31 end at their second token.

    python -m benchmarks.retirement [--size base] [--rounds 5]

The same weights and sources three times, interleaved: every row runs to the limit; 31 rows end and
leave the batch at once; 31 rows end and leave with the stage. Prints the times as shares of the
first.
"""

import functools
import statistics
import time

import keras
import numpy as np
from keras import ops

from benchmarks.common import arguments, machine, print_machine, write_json
from zoo.compiled import compiled
from zoo.decoding import BeamSearch, Greedy, run
from zoo.models import Transformer

PAD, START, END = 0, 1, 2
ROWS, SOURCE, VOCABULARY = 32, 24, 8000


def translate(model, search, max_new_tokens, retire_at):
    """A function (sources (B, S), ends (B,) bool) -> `Result`; rows that `ends` say so end at the
    second token, the others never."""

    def decode(ids, cache):
        logits, after = model.decode(ids, cache)
        after_first = ids[:, 0] != START  # the prompt's token ends nothing
        ends = ops.logical_and(cache.row["ends"], after_first)[:, None, None]
        bias = ops.where(ends, 1e4, -1e4) * ops.one_hot(END, VOCABULARY)
        return logits + bias, after

    def function(sources, ends):
        cache = model.start(sources, 2)
        cache = cache._replace(row={**cache.row, "ends": ends})
        prompt = ops.full((ops.shape(sources)[0], 1), START, dtype="int32")
        return run(search, decode, cache, prompt, max_new_tokens, retire_at=retire_at)

    return compiled(model, function)


def measure(model, search, rounds, max_new_tokens):
    """Median seconds by case."""
    sources = np.random.default_rng(0).integers(3, VOCABULARY, (ROWS, SOURCE)).astype("int32")
    all_but_one = np.arange(ROWS) > 0
    leave = translate(model, search, max_new_tokens, 0.5)
    stay = translate(model, search, max_new_tokens, 0.0)
    cases = {
        "all rows run to the limit": functools.partial(leave, sources, np.zeros(ROWS, bool)),
        "31 end at the second, leave at once": functools.partial(leave, sources, all_but_one),
        "31 end at the second, leave with stage": functools.partial(stay, sources, all_but_one),
    }
    seconds = {name: [] for name in cases}
    for turn in range(-1, rounds):  # the first round traces and warms up
        for name, case in cases.items():
            started = time.perf_counter()
            lengths = ops.convert_to_numpy(case().lengths)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - started)
            assert lengths[0, 0] == max_new_tokens
            assert lengths[1, 0] in (2, max_new_tokens)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main():
    parser = arguments(__doc__.split("\n")[0], rounds=5)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    options = parser.parse_args()
    facts = machine()
    print_machine(facts)
    keras.utils.set_random_seed(0)
    model = Transformer.from_size(
        options.size, vocab_size=VOCABULARY, pad_id=PAD, start_id=START, end_id=END
    )
    found = {}
    for name, search in (("greedy", Greedy(END, PAD)), ("beam 4", BeamSearch(4, END, PAD))):
        medians = measure(model, search, options.rounds, options.max_new_tokens)
        whole = next(iter(medians.values()))
        print(f"\n{name}, {options.size}, {ROWS} rows, {options.max_new_tokens} tokens")
        for case, seconds in medians.items():
            print(f"  {case:38} {seconds:7.3f} s  {seconds / whole:6.1%}", flush=True)
        found[name] = medians
    if options.json:
        write_json(
            options.json,
            {"machine": facts, "settings": vars(options) | {"json": ""}, "seconds": found},
        )


if __name__ == "__main__":
    main()
