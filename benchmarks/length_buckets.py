"""What padding costs in fine-tuning: real texts in length buckets, against rows of one length.

A `BERTClassifier` is trained by `fit()` on the texts of a file, batched by `zoo.text.RowBatches`,
and on as many rows that all have the mean length, so that nothing is padded. Both in turn, on the
the same model; real tokens a second, and the ratio of the two.

    python -m benchmarks.length_buckets --data train.tsv.gz --pretrained FOLDER
"""

import argparse
import statistics
import time

import numpy as np


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.length_buckets", description=__doc__
    )
    parser.add_argument("--data", required=True, help="table of texts and labels, as the recipe's")
    parser.add_argument("--pretrained", required=True, help="folder of a BERT")
    parser.add_argument("--batch-size", type=int, default=32, help="rows of a batch")
    parser.add_argument("--max-length", type=int, default=128, help="tokens of a row")
    parser.add_argument("--steps", type=int, default=60, help="batches timed at a time")
    parser.add_argument("--rounds", type=int, default=4, help="times that each is timed")
    return parser.parse_args(arguments)


def rows_of(task, texts):
    """`EncodedRows` of texts."""
    import zoo

    packed = [
        task.tokenizer.encode_batch(texts[i : i + 1000], max_length=task.max_length)
        for i in range(0, len(texts), 1000)
    ]
    return zoo.text.EncodedRows.from_packed(packed, task.tokenizer)


def of_one_length(rows, length):
    """As many rows of `length` ids each, drawn from the ids of `rows`."""
    import zoo

    ids = np.resize(rows.ids.ids, (len(rows), length))
    arrays = zoo.text.IdArrays.from_rows(
        ids.tolist(), rows.ids.vocabulary_size, rows.ids.fingerprint
    )
    return zoo.text.EncodedRows(arrays, np.full(len(rows), length), rows.pad_id)


def tokens_per_second(model, batches, steps):
    """Real tokens a second of `steps` batches by fit()."""
    tokens = sum(int(batches[step][0]["padding_mask"].sum()) for step in range(steps))
    began = time.perf_counter()
    model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
    return tokens / (time.perf_counter() - began)


def main(arguments=None):
    settings = parse(arguments)
    import zoo
    from recipes.data.labelled import label_names, read_examples

    data = read_examples(settings.data, "classification")
    names = label_names(data.labels)
    task = zoo.tasks.TextClassifier.from_pretrained(
        settings.pretrained, labels=names, max_length=settings.max_length
    )
    updates = settings.steps * (2 * settings.rounds + 2)
    task.model.compile(
        zoo.training.fine_tuning_optimizer(task.model, 1e-5, 1, updates),
        task.labels.loss(reduction="sum"),
        jit_compile=False,
    )
    rows = rows_of(task, data.texts)
    length = round(rows.lengths.mean())
    labels = zoo.text.RowLabels(task.labels.targets(data.labels))
    batching = zoo.text.EqualRows(settings.batch_size)
    contestants = {
        "length buckets": zoo.text.RowBatches(rows, labels, batching, accumulate=1),
        f"{length} tokens each": zoo.text.RowBatches(
            of_one_length(rows, length), labels, batching, accumulate=1
        ),
    }
    print(f"{len(rows)} rows of {rows.lengths.min()} to {rows.lengths.max()} tokens, mean {length}")
    print(f"padding in buckets {contestants['length buckets'].padding:.1%}")
    for batches in contestants.values():
        tokens_per_second(task.model, batches, settings.steps)  # traced before the clock starts
    rounds = [
        [tokens_per_second(task.model, b, settings.steps) for b in contestants.values()]
        for _ in range(settings.rounds)
    ]
    for name, found in zip(contestants, zip(*rounds, strict=True), strict=True):
        print(f"{name:>20}: {statistics.median(found):8.0f} tokens/s")
    ratio = statistics.median(bucketed / fixed for bucketed, fixed in rounds)
    print(f"length buckets reach {ratio:.1%}, the median of {settings.rounds} rounds")


if __name__ == "__main__":
    main()
