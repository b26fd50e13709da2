"""Quality of fine-tuning by the transformers library: the peer of `recipes.bert_finetune`.

    python -m benchmarks.fine_tuning --task rte --data FOLDER --pretrained FOLDER --seeds 0 1 2

FOLDER of the data holds the task's own files, such as train.tsv and dev.tsv. They are read and
scored by what the recipe reads and scores with: the same rows, the same metrics. Prints a line of
JSON for each seed, and one with means and standard errors.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import statistics

from benchmarks import common
from recipes import metrics
from recipes.data.labelled import Columns, read_examples


@dataclasses.dataclass(frozen=True)
class Task:
    """What a task's files are, and which of its metrics it is known by.

    Attributes:
        kind, columns, format: as for `read_examples`.
        metric: name of the score that is watched from epoch to epoch.
        positive: label whose F1 is reported, of two; None: none.
    """

    kind: str
    metric: str
    columns: Columns = Columns()
    format: str | None = None
    positive: str | None = None

    def read(self, file):
        return read_examples(file, self.kind, self.columns, self.format)

    def score(self, gold, predicted):
        """dict of float; labels, tags, numbers or lists of answers as `read` gives them."""
        if self.kind == "regression":
            return metrics.regression(gold, predicted)
        if self.kind == "tagging":
            is_iob2 = metrics.is_iob2({tag for tags in gold for tag in tags})
            return (metrics.entities if is_iob2 else metrics.words)(gold, predicted)
        if self.kind == "qa":
            return metrics.qa(gold, predicted)
        return metrics.classification(gold, predicted, self.positive)


TASKS = {
    "sst2": Task("classification", "accuracy"),
    "cola": Task("classification", "matthews", Columns(text="4", label="2", header=False)),
    "mrpc": Task("pair", "f1", positive="1"),
    "rte": Task("pair", "accuracy"),
    "stsb": Task("regression", "pearson_spearman"),
    "trec": Task("classification", "accuracy", format="trec"),
    "ewt": Task("tagging", "accuracy"),  # UD English-EWT, UPOS
    "wnut17": Task("tagging", "f1"),
    "squad": Task("qa", "f1"),
}


def find_file(folder, name):
    """`name` with one suffix or two, such as train.tsv.gz, in a folder.

    Raises:
        FileNotFoundError: there is none, or more than one.
    """
    found = sorted(pathlib.Path(folder).glob(f"{name}.*"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise FileNotFoundError(f"{folder} must hold one file called {name}.*, found {names}")
    return found[0]


def summary(results, names):
    """Mean of each score over seeds, and its standard error where there is more than one."""
    found = {"seeds": [result["seed"] for result in results]}
    for name in names:
        values = [result["scores"][name] for result in results]
        found[name] = {"mean": statistics.mean(values)}
        if len(values) > 1:
            error = statistics.stdev(values) / math.sqrt(len(values))
            found[name]["standard_error"] = error
    return found


def options_from(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--data", required=True, help="folder of the task's train.* and dev.*")
    parser.add_argument("--train", default="train", help="name of the training file before its dot")
    parser.add_argument("--pretrained", required=True, help="Hugging Face folder of a BERT")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training rows")
    parser.add_argument("--batch-size", type=int, default=32, help="rows of a batch")
    parser.add_argument("--peak", type=float, default=5e-5, help="highest learning rate")
    parser.add_argument(
        "--warmup", type=float, default=0.1, help="share of the updates with a rising rate"
    )
    parser.add_argument("--weight-decay", type=float, default=0.01, help="not on biases and norms")
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    parser.add_argument("--max-length", type=int, default=128, help="tokens; longer texts are cut")
    parser.add_argument(
        "--group-by-length", action="store_true", help="rows of like length share a batch"
    )
    parser.add_argument(
        "--head",
        default="library",
        choices=("library", "glorot"),
        help="how the new head is drawn: as the library does, or as zoo's heads are",
    )
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--rows", type=int, help="the first rows of each file alone, to try it out")
    parser.add_argument("--json", type=pathlib.Path, help="write machine, options and results here")
    return parser.parse_args(arguments)


def main():
    from benchmarks.fine_tuning_peer import FineTuning

    options = options_from()
    task = TASKS[options.task]
    train, dev = (task.read(find_file(options.data, name)) for name in (options.train, "dev"))
    if options.rows:
        train, dev = (rows.select(range(min(options.rows, len(rows)))) for rows in (train, dev))
    peer = FineTuning(task, train, dev, options)
    results = []
    for seed in options.seeds:
        results.append({"task": options.task, "seed": seed, **peer.run(seed)})
        print(json.dumps(results[-1]), flush=True)
    means = summary(results, results[0]["scores"])
    print(json.dumps({"task": options.task, **means}))
    if options.json:
        settings = {**vars(options), "json": str(options.json)}
        document = {"machine": common.machine(), "options": settings}
        common.write_json(options.json, {**document, "results": results, "summary": means})


if __name__ == "__main__":
    main()
