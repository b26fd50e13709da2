r"""Pretrain a GPT on any text: tell the next token from those before it.

Papers: "Improving language understanding by generative pre-training" (Radford et al. 2018),
"Language models are unsupervised multitask learners" (GPT-2, Radford et al. 2019). Data: text files
and folders of your own (recipes/data/text_folders.py says which are read); without any, the source
of Python's standard library on this machine. Results with their commands, minutes and seeds:
recipes/README.md.

    python -m recipes.gpt_pretrain train
    python -m recipes.gpt_pretrain train --run runs/mine --train books notes.md --keep-apart
    python -m recipes.gpt_pretrain evaluate --run runs/mine
    echo "def main(" | python -m recipes.gpt_pretrain predict --run runs/mine
    python -m recipes.gpt_pretrain export --run runs/mine --out saved_models/mine

The run folder then has model and tokenizer in `task` (`zoo.load` reads it), what the model wrote
after every epoch in samples.txt, and its curves in curves.png. Characters of Shakespeare in the
size that nanoGPT has for CPUs, the last tenth held out:

    python -m recipes.gpt_pretrain train --run runs/shakespeare --train input.txt \
        --dev-split tails --dev-share 0.1 --tokenizer characters --length 64 --rows 12 \
        --positions rotary --peak 0.003

WikiText-2 as it is, to be compared by word_perplexity:

    python -m recipes.gpt_pretrain train --run runs/wikitext2 --train train.txt.gz \
        --dev valid.txt.gz --documents wikitext --vocab-size 4096 --positions rotary --dropout 0.1

A present-day variant: --positions rotary --norm rms --gated --no-bias --key-value-heads 2.

`prepare` with the same options makes tokenizer and ids alone; from then on the text may be gone.
With KERAS_BACKEND=jax or torch nothing needs TensorFlow.
"""

import dataclasses
import json
import math
import tempfile
from pathlib import Path

from recipes.cli import answer_lines, option, run
from recipes.curves import draw_run
from recipes.data.text_folders import find_files, read_documents
from recipes.gpt_model import (
    Shape,
    load_model,
    make_generator,
    make_model,
    make_optimizer,
    sampler,
)
from recipes.pretraining_text import (
    PATHS,
    Text,
    open_prepared,
    open_stream,
    prepared,
    splitter,
    write_split,
)
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

PANELS = {"loss (nats a token)": "loss"}


@dataclasses.dataclass(frozen=True)
class Train(Shape, Text):
    run: str = option("runs/gpt_pretrain", "folder of the run; a stopped training goes on there")
    pretrained: str = option("", "start from this folder or hub name instead of a new model")
    length: int = option(128, "tokens of a row")
    rows: int = option(16, "rows of a batch")
    order: str = option(
        "random", "rows begin anywhere, or stand side by side and are shuffled",
        choices=("random", "shuffled"),
    )  # fmt: skip
    keep_apart: bool = option(False, "attention stays inside a document")
    accumulate: int = option(1, "batches of an update")
    epochs: int = option(8, "epochs, each of --updates updates; after each it is evaluated")
    updates: int = option(250, "updates of an epoch")
    peak: float = option(0.001, "highest learning rate")
    floor: float = option(0.1, "share of it that the cosine falls to")
    warmup: int = option(100, "updates of linear warm-up")
    beta_2: float = option(0.99, "Adam's second beta; .95 to .99 for few tokens an update")
    weight_decay: float = option(0.1, "decoupled decay of all but biases and norms")
    clip: float = option(1.0, "largest norm of all gradients together; 0: any")
    ema: float = option(0.0, "momentum of a moving average of the weights; 0: without one")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    peak_tflops: float = option(0.0, "of the machine, for the utilisation; 0: measured")
    dev_batches: int = option(0, "batches to evaluate on after an epoch; 0: all")
    prompt: str = option("", "what samples go on from; without it a new document")
    samples: int = option(2, "texts that the model writes after an epoch")
    sample_tokens: int = option(200, "their tokens, as far as the context allows")
    temperature: float = option(0.8, "of the samples")
    seed: int = option(0, "seed of weights, order, dropout and samples")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/gpt_pretrain", "folder of the run")
    test: tuple = option((), "files and folders to evaluate on instead of the run's", **PATHS)
    length: int = option(0, "tokens of a row; 0: as in training")
    rows: int = option(64, "rows of a batch")


@dataclasses.dataclass(frozen=True)
class Writing:
    """How texts are continued; a length of 0 is the task's own."""

    new_tokens: int = option(0, "most new tokens; 0: 64, or half of a shorter context")
    temperature: float = option(0.8, "0 takes the most probable token")
    top_k: int = option(0, "draw among that many tokens; 0: among all")
    top_p: float = option(1.0, "draw among the fewest tokens of this probability together")
    seed: int = option(0, "of what is drawn")

    def options(self):
        """What `TextGenerator` calls them."""
        found = {"temperature": self.temperature, "seed": self.seed}
        if self.temperature:
            found |= {"top_k": self.top_k or None, "top_p": self.top_p}
        return found | ({"max_new_tokens": self.new_tokens} if self.new_tokens else {})


@dataclasses.dataclass(frozen=True)
class Predict(Writing):
    run: str = option("runs/gpt_pretrain", "folder of the run")
    batch_size: int = option(8, "lines at a time")


@dataclasses.dataclass(frozen=True)
class Export(Writing):
    run: str = option("runs/gpt_pretrain", "folder of the run")
    out: str = option("saved_models/gpt", "the model's folder; gets the next version")


def prepare(settings):
    """Make the run folder with tokenizer and ids, from which `train` needs no text."""
    with open_run(settings) as folder:
        report(prepared(settings, folder))
    print(f"{folder} has the ids: train with the same options")


def train(settings):
    """Train a model with fit(); the same command goes on after a stop."""
    from zoo.training.averaging import with_final_weights

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        text = prepared(settings, folder)
        report(text)
        start = load_model if settings.pretrained else make_model
        model = start(settings, text.tokenizer)
        compile_model(model, make_optimizer(settings))
        batches, dev_batches = make_batches(settings, text.streams)
        generator = make_generator(model, text.tokenizer)
        callbacks = make_callbacks(settings, folder, generator)
    fit(settings, folder, model, batches, validation_data=dev_batches, **callbacks)
    draw_run(folder, PANELS)
    with with_final_weights(model):
        generator.save(folder / "task")
    print(f"{folder / 'task'} has it: python -m recipes.gpt_pretrain evaluate --run {folder}")


def report(text):
    """Say what there is to train and evaluate on."""
    for split, counts in text.counts.items():
        tokens = len(text.streams[split])
        print(
            f"{split}: {counts['documents']:,} documents, {counts['characters']:,} characters, "
            f"{tokens:,} tokens of {text.tokenizer.vocabulary_size:,}"
        )


def compile_model(model, optimizer=None):
    """The model with its loss, ready for fit() and evaluate()."""
    import zoo

    # Weights of an update sum to the number of its batches, so the sum is the mean of a token.
    loss = zoo.training.TokenCrossEntropy(reduction="sum")
    metrics = [zoo.training.TokenLoss(loss), zoo.training.TokenCount()]
    model.compile(optimizer, loss, weighted_metrics=metrics, jit_compile=jit())


def make_batches(settings, streams):
    """Batches to train on, and the dev part's to watch."""
    import zoo

    rows = {"random": zoo.text.RandomRows, "shuffled": zoo.text.ShuffledRows}[settings.order]
    batches = zoo.text.LanguageModelBatches(
        streams["train"],
        settings.length,
        rows(settings.rows, settings.updates * settings.accumulate),
        keep_apart=settings.keep_apart,
        seed=settings.seed,
        accumulate=settings.accumulate,
    )
    dev_batches = zoo.text.LanguageModelEvaluation(
        streams["dev"],
        settings.length,
        settings.rows,
        keep_apart=settings.keep_apart,
        max_batches=settings.dev_batches or None,
    )
    return batches, dev_batches


def make_callbacks(settings, folder, generator):
    """What `fit` calls: {"before": those that add to the logs, "after": those that come behind}."""
    import keras

    import zoo

    needs = zoo.models.footprint(generator.model, length=settings.length)
    dtype = generator.model.compute_dtype
    peak = settings.peak_tflops * 1e12 or zoo.training.matmul_peak(dtype)
    print(
        f"{needs.training_flops_per_token:,} FLOPs a token, peak {peak / 1e12:.3g} TFLOPs a second"
    )
    before = [
        zoo.training.TokensPerSecond(),
        zoo.training.Utilisation(needs.training_flops_per_token, peak),
    ]
    if settings.ema:
        before.append(keras.callbacks.SwapEMAWeights())  # validates with the average
    after = []
    if settings.samples:
        generate = sampler(settings, generator)
        after.append(zoo.training.Samples(folder / "samples.txt", generate))
    return {"before": before, "after": after}


def evaluate(settings):
    """Print one JSON object: how well each token, character and word is predicted."""
    import zoo

    folder = trained(settings.run, "task").parent
    asked = settings_as(Train, read_settings(folder))
    model = zoo.load(folder / "task").model
    compile_model(model)
    with tempfile.TemporaryDirectory() as temporary:
        text = open_prepared(folder)
        stream, counts = text.streams["dev"], text.counts["dev"]
        if settings.test:
            test = Path(temporary) / "test"
            files = find_files(settings.test, tuple(asked.suffixes))
            counts = write_split(test, read_documents(files, splitter(asked)), text.tokenizer)
            stream = open_stream(test, text.tokenizer)
        batches = zoo.text.LanguageModelEvaluation(
            stream, settings.length or asked.length, settings.rows, keep_apart=asked.keep_apart
        )
        found = model.evaluate(batches, return_dict=True, verbose=0)
    scores = {
        **score(found["loss"], int(found["tokens"]), counts),
        "length": settings.length or asked.length,
        "files": [str(path) for path in settings.test or asked.dev or asked.train]
        or ["the standard library of Python"],
        "parameters": model.count_params(),
    }
    write_json(folder / f"metrics.{'test' if settings.test else 'dev'}.json", scores)
    print(json.dumps(scores, ensure_ascii=False))


def score(loss, tokens, counts):
    """The loss of a text in the units that do not depend on the tokenizer.

    All that was predicted, the ends of documents too, is shared out among its characters, bytes and
    words; where documents have no ends, their first token was not predicted.

    Args:
        loss: mean of the predicted tokens, in nats.
        tokens: how many were predicted.
        counts: {"documents", "characters", "bytes", "words"}; the end of a line is a word, as is
            the custom for WikiText.
    """
    nats = loss * tokens
    return {
        "loss": loss,
        "perplexity": math.exp(loss),
        "bits_per_character": nats / counts["characters"] / math.log(2),
        "bits_per_byte": nats / counts["bytes"] / math.log(2),
        "word_perplexity": math.exp(min(nats / counts["words"], 700.0)),  # no overflow
        "tokens": tokens,
        **counts,
    }


def predict(settings):
    """Continue the lines of standard input; typed lines are answered as the text comes."""
    import zoo

    generator = zoo.load(trained(settings.run, "task"))
    options = settings.options()

    def answer(lines):
        if len(lines) == 1:
            for piece in generator.stream(lines[0], **options):
                print(piece, end="", flush=True)
            print(flush=True)
        else:
            print(*generator(lines, settings.batch_size, **options), sep="\n", flush=True)

    answer_lines(settings.batch_size, answer)


def export(settings):
    """Write the SavedModel for TF Serving, strings in and strings out, as the next version."""
    import zoo

    folder = next_version(settings.out)
    zoo.load(trained(settings.run, "task")).export(folder, **settings.options())
    print(f"exported to {folder}")


VERBS = {
    "prepare": (Train, prepare),
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, predict),
    "export": (Export, export),
}

if __name__ == "__main__":
    run("python -m recipes.gpt_pretrain", __doc__, VERBS)
