"""Memory of in-graph byte-level BPE over 100,000 different words, and time of a long prompt.

    python -m benchmarks.tokenizer_memory [--folder GPT2_FOLDER] [--peer]

A server sees new words for as long as it runs, so a tokenizer that keeps them grows for as long.
Each contestant encodes batches of words that it never saw; the resident memory of its own process
is read every 20,000 words. `--peer` runs keras-hub's BytePairTokenizer, which keeps words. Without
a folder (vocab.json with merges.txt, or the like) a vocabulary is trained on the Python standard
library's source.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import tempfile
import time

WORDS, STEP, BATCH = 100_000, 20_000, 500


def trained_folder():
    """A folder with a tokenizer trained on the standard library's own source."""
    from zoo.text import train_byte_bpe

    sources = sorted(pathlib.Path(json.__file__).parents[1].glob("*.py"))
    texts = (source.read_text(encoding="utf-8", errors="replace") for source in sources)
    folder = pathlib.Path(tempfile.mkdtemp()) / "tokenizer"
    train_byte_bpe([], 8192, texts=texts).save(folder)
    return folder


def our_graph(folder):
    from zoo.text import ByteBPETokenizer

    graph = ByteBPETokenizer.from_pretrained(folder).graph()
    return lambda texts: graph.encode(texts)


def peer_graph(folder):
    import tensorflow as tf
    from keras_hub.tokenizers import BytePairTokenizer

    from zoo.text import ByteBPETokenizer

    model = ByteBPETokenizer.from_pretrained(folder).description["model"]
    merges = [" ".join(pair) for pair in model["merges"]]
    tokenizer = BytePairTokenizer(vocabulary=model["vocab"], merges=merges)
    return tf.function(tokenizer.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])


def resident_mib():
    """Memory of this process, in MiB (Linux)."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def word(number):
    """A word of letters and digits, different for each number, and unlike any seen before."""
    letters = random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=9)
    return f"{''.join(letters)}{number}"


def memory(encode):
    """MiB after every `STEP` new words, the first after a warm-up of as many."""
    figures = []
    for first in range(-STEP, WORDS, STEP):
        for start in range(first, first + STEP, BATCH):
            encode([word(number) for number in range(start, start + BATCH)])
        figures.append(round(resident_mib(), 1))
    return figures


def milliseconds(encode):
    """Median time of a prompt of 1,000 words, half of them repeated ones."""
    times = []
    for run in range(11):
        words = ["the", "quick"] * 250 + [word(10**7 + 1000 * run + i) for i in range(500)]
        random.Random(run).shuffle(words)
        start = time.perf_counter()
        encode([" ".join(words)])
        times.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(times[1:]), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="of a byte-level BPE tokenizer")
    parser.add_argument("--peer", action="store_true", help="keras-hub's tokenizer instead of ours")
    options = parser.parse_args()
    folder = options.folder or trained_folder()
    encode = (peer_graph if options.peer else our_graph)(folder)
    figures = memory(encode)
    print(
        json.dumps(
            {
                "contestant": "keras-hub" if options.peer else "zoo",
                "mib_each_20000_words": figures,
                "bytes_a_word": round((figures[-1] - figures[0]) * 2**20 / WORDS),
                "ms_prompt_of_1000_words": milliseconds(encode),
            }
        )
    )


if __name__ == "__main__":
    main()
