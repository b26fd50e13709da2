"""Train a Transformer to translate, score it, translate, and export it for TF Serving.

Paper: "Attention is all you need" (Vaswani et al. 2017). Data: the embedded English to German
sentences with numbers, dates and times (recipes/data/spoken_calendar.py), a data set by name, or
line-parallel files of your own. Results with their commands, minutes and seeds: recipes/README.md.

    python -m recipes.translation all
    python -m recipes.translation train --run runs/mine --train a.en a.de --dev b.en b.de
    python -m recipes.translation evaluate --run runs/mine --test c.en c.de
    echo "the third of March" | python -m recipes.translation predict --run runs/mine
    python -m recipes.translation export --run runs/mine --out saved_models/mine
"""

import dataclasses
import json
import time
from pathlib import Path

from recipes.cli import answer_lines, option, run
from recipes.exports import print_answers
from recipes.runs import (
    is_trained,
    open_run,
    read_settings,
    settings_as,
    trained,
    write_json,
    write_text,
)
from recipes.training import begin, fit, jit
from zoo.serving.versions import next_version

FILES = {"nargs": 2, "metavar": ("SOURCE", "TARGET"), "type": str}
SENTENCES = (
    "The meeting is on March 3, 1987 at a quarter past four.",
    "She paid 21,407 euros.",
    "The train leaves at half past seven.",
)


@dataclasses.dataclass(frozen=True)
class Train:
    run: str = option("runs/translation", "folder of the run; a stopped training goes on there")
    data: str = option(
        "spoken_calendar", "embedded data set, or one to download: see recipes/data/downloads.py"
    )
    data_folder: str = option("data", "where downloads are kept")
    train: tuple = option((), "line-parallel files, plain or .gz, instead of --data", **FILES)
    dev: tuple = option((), "files to choose by", **FILES)
    test: tuple = option((), "files to score in the end", **FILES)
    pretrained: str = option(
        "", "start from this: the task folder of a run, or a Marian folder or hub name"
    )
    size: str = option("tiny", "sizes of zoo.models.Transformer")
    encoder_layers: int = option(2, "blocks of the encoder")
    decoder_layers: int = option(2, "blocks of the decoder")
    norm_order: str = option("pre", "add & norm of the blocks", choices=("post", "pre"))
    vocab_size: int = option(700, "pieces of the joint vocabulary")
    vocab_type: str = option("bpe", "SentencePiece model", choices=("bpe", "unigram"))
    split_digits: bool = option(True, "every digit is a piece of its own")
    segmentations: int = option(
        1, "times that the training text is cut into pieces; above 1, each at random (BPE-dropout)"
    )
    segmentation_alpha: float = option(
        0.1, "share of merges left out then (BPE), or power of the probabilities (unigram)"
    )
    dropout: float = option(0.0, "rate on embeddings and sublayers")
    attention_dropout: float = option(0.0, "rate on attention weights")
    activation_dropout: float = option(0.0, "rate inside feed-forward networks")
    label_smoothing: float = option(0.0, "share of a label's mass that all words get")
    r_drop: float = option(0.0, "weight alpha of R-Drop (zoo.training.RDrop); 0 is without it")
    epochs: int = option(10, "epochs, each of --updates updates")
    updates: int = option(400, "updates of an epoch")
    max_tokens: int = option(2048, "most ids of a batch, source and target, padding included")
    accumulate: int = option(1, "batches of an update")
    schedule: str = option(
        "cosine", "learning rate after the warm-up", choices=("inverse_square_root", "cosine")
    )
    peak: float = option(0.004, "highest learning rate")
    warmup: int = option(300, "updates of linear warm-up")
    average: int = option(1, "epochs at the end whose weights are averaged")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of weights, order and dropout")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/translation", "folder of the run")
    split: str = option("test", "which files of the run", choices=("dev", "test"))
    test: tuple = option((), "files to score instead of the run's", **FILES)
    beam_size: int = option(5, "hypotheses of the beam search; 1 is greedy")
    length_penalty: float = option(1.0, "exponent of the length that scores are divided by")
    batch_size: int = option(64, "sentences at a time")
    tokenize: str = option("13a", "sacreBLEU's tokenizer; none for text that is tokenized")
    output: str = option("", "file for the translations, one a line")


@dataclasses.dataclass(frozen=True)
class Predict:
    run: str = option("runs/translation", "folder of the run")
    beam_size: int = option(5, "hypotheses of the beam search; 1 is greedy")
    length_penalty: float = option(1.0, "exponent of the length that scores are divided by")
    batch_size: int = option(32, "lines at a time")


@dataclasses.dataclass(frozen=True)
class Export:
    run: str = option("runs/translation", "folder of the run")
    out: str = option("saved_models/translation", "the model's folder; gets the next version")
    beam_size: int = option(5, "hypotheses of the beam search; 1 is greedy")
    length_penalty: float = option(1.0, "exponent of the length that scores are divided by")


@dataclasses.dataclass(frozen=True)
class All(Train):
    out: str = option("saved_models/translation", "the model's folder; gets the next version")


def train(settings):
    """Train a model with fit(); the same command goes on after a stop."""
    import zoo

    if settings.segmentations < 1:
        raise ValueError(f"--segmentations must be at least 1, got {settings.segmentations}")
    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        files = data_files(settings, folder)
        translator = start_translator(settings, folder, files)
        batches, dev_batches = make_batches(settings, folder, files, translator)
        model = compiled_model(settings, translator)
    last_weights = zoo.training.LastWeights(folder / "weights", settings.average)
    copies = zoo.text.Twice if settings.r_drop else lambda plain: plain
    fit(
        settings,
        folder,
        model,
        copies(batches),
        before=[zoo.training.TokensPerSecond()],
        after=[last_weights],
        validation_data=copies(dev_batches),
    )
    zoo.training.load_average(model, last_weights.files)
    translator.save(folder / "task")


def make_batches(settings, folder, files, translator):
    """Batches to train on, and the dev set's to watch."""
    import zoo

    tokenizers = drawn = translator.source_tokenizer, translator.target_tokenizer
    if settings.segmentations > 1:
        drawn = [
            zoo.text.SubwordRegularization(each, settings.segmentation_alpha, 2 * settings.seed + n)
            for n, each in enumerate(tokenizers)
        ]
    special_ids = translator.source_tokenizer.special_ids
    batches = zoo.text.PairBatches(
        *id_arrays(folder, "train", files, drawn, settings.segmentations),
        special_ids,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        steps_per_epoch=settings.updates * settings.accumulate,
        accumulate=settings.accumulate,
    )
    dev_batches = zoo.text.EvaluationBatches(
        *id_arrays(folder, "dev", files, tokenizers), special_ids, max_tokens=settings.max_tokens
    )
    return batches, dev_batches


def compiled_model(settings, translator):
    """The model with its loss, ready for fit()."""
    import zoo

    # Batches carry weights that sum to the number of accumulated batches over an update's tokens,
    # so the sum is the mean loss of a token.
    if settings.r_drop:
        loss = zoo.training.RDrop(settings.label_smoothing, settings.r_drop, reduction="sum")
    else:
        loss = zoo.training.TokenCrossEntropy(settings.label_smoothing, reduction="sum")
    translator.model.compile(
        optimizer(settings),
        loss,
        weighted_metrics=[zoo.training.TokenLoss(loss), zoo.training.TokenCount()],
        jit_compile=jit(),
    )
    return translator.model


def data_files(settings, folder):
    """{"train": (source file, target file), "dev": ..., "test": ... if there is one}."""
    own = {split: getattr(settings, split) for split in ("train", "dev", "test")}
    if any(own.values()):
        import zoo

        if not (own["train"] and own["dev"]):
            raise ValueError("files of your own need --train and --dev, each SOURCE TARGET")

        found = {split: files for split, files in own.items() if files}
        for pair in found.values():
            zoo.text.read_parallel(*pair)  # unequal or empty lines end here, before any work
        return found
    if settings.data == "spoken_calendar":
        from recipes.data import spoken_calendar

        texts = folder / "data"
        if not texts.exists():
            spoken_calendar.write(texts, settings.seed)
        languages = spoken_calendar.LANGUAGES
        splits = ("train", "dev", "test")
        return {s: tuple(texts / f"{s}.{language}" for language in languages) for s in splits}
    from recipes.data.downloads import fetch

    return fetch(settings.data, Path(settings.data_folder) / settings.data)


def start_translator(settings, folder, files):
    """A Translator with random weights and a joint vocabulary, or the pretrained one."""
    import zoo

    if settings.pretrained:
        return pretrained_translator(settings.pretrained)
    vocabulary = folder / "tokenizer"
    if not vocabulary.exists():
        tokenizer = zoo.text.train_sentencepiece(
            files["train"],
            settings.vocab_size,
            settings.vocab_type,
            split_digits=settings.split_digits,
        )
        tokenizer.save(vocabulary)
    tokenizer = zoo.text.SentencePieceTokenizer.load(vocabulary)
    special_ids = tokenizer.special_ids
    model = zoo.models.Transformer.from_size(
        settings.size,
        vocab_size=tokenizer.vocabulary_size,
        num_encoder_layers=settings.encoder_layers,
        num_decoder_layers=settings.decoder_layers,
        norm_order=settings.norm_order,
        dropout=settings.dropout,
        attention_dropout=settings.attention_dropout,
        activation_dropout=settings.activation_dropout,
        pad_id=special_ids.pad,
        start_id=special_ids.start,
        end_id=special_ids.end,
    )
    return zoo.tasks.Translator(model, tokenizer)


def pretrained_translator(name):
    """A saved Translator, or Marian's of a folder or of the hub."""
    import zoo

    if (Path(name) / "task.json").is_file():
        return zoo.tasks.Translator.load(name)
    return zoo.tasks.Translator.from_pretrained(name)


def id_arrays(folder, split, files, tokenizers, copies=1):
    """Source and target of a split as memory-mapped ids, made on the first call; each text is
    encoded `copies` times."""
    import zoo

    texts = None
    for side, tokenizer in enumerate(tokenizers):
        arrays = folder / "ids" / f"{split}.{('source', 'target')[side]}"
        if not arrays.exists():
            texts = texts or zoo.text.read_parallel(*files[split])
            zoo.text.write_ids(arrays, texts[side] * copies, tokenizer)
        yield zoo.text.open_ids(arrays, tokenizer)


def optimizer(settings):
    """Adam as in "Attention is all you need", 5.3."""
    import zoo

    if settings.schedule == "cosine":
        total = settings.epochs * settings.updates
        rate = zoo.training.WarmupCosine(settings.peak, settings.warmup, total)
    else:
        rate = zoo.training.InverseSquareRoot(settings.peak, settings.warmup)
    steps = None
    if settings.accumulate > 1:  # Keras asks a schedule once a batch
        steps, rate = settings.accumulate, zoo.training.PerUpdate(rate, settings.accumulate)
    return zoo.training.Adam(
        rate, beta_1=0.9, beta_2=0.98, epsilon=1e-9, gradient_accumulation_steps=steps
    )


def load_translator(run_folder):
    """The trained Translator of a run folder."""
    import zoo

    return zoo.load(trained(run_folder, "task"))


def bleu_and_chrf(tokenize):
    """sacreBLEU's two scores, made before anything is translated for them."""
    import sacrebleu

    known = sacrebleu.BLEU.TOKENIZERS
    if tokenize not in known:
        raise ValueError(f"tokenize must be one of {', '.join(known)}; got {tokenize!r}")
    try:
        return sacrebleu.BLEU(tokenize=tokenize), sacrebleu.CHRF()
    except RuntimeError as error:  # a tokenizer that needs another package
        raise ValueError(f"tokenize: {str(error).strip()}") from error


def evaluate(settings):
    """Translate a split and print one JSON object: BLEU with its signature, chrF, exact match."""
    import zoo

    bleu, chrf = bleu_and_chrf(settings.tokenize)
    output = settings.output and Path(settings.output)
    if output and (output.is_dir() or not output.parent.is_dir()):
        raise ValueError(f"output must be a file in a folder that exists, got {output}")
    translator = load_translator(settings.run)
    files = settings.test or split_files(settings.run, settings.split)
    sources, references = zoo.text.read_parallel(*files)
    how = (settings.beam_size, settings.length_penalty, settings.batch_size)
    translator(sources[: settings.batch_size], *how)  # compiled before the clock starts
    began = time.perf_counter()
    translations = translator(sources, *how)
    seconds = time.perf_counter() - began
    tokens = sum(map(len, translator.target_tokenizer.encode(translations)))
    scores = {
        "bleu": round(bleu.corpus_score(translations, [references]).score, 2),
        "bleu_signature": str(bleu.get_signature()),
        "chrf": round(chrf.corpus_score(translations, [references]).score, 2),
        "chrf_signature": str(chrf.get_signature()),
        "exact_match": sum(map(str.__eq__, translations, references)) / len(references),
        "sentences": len(references),
        "tokens_per_second": round(tokens / seconds, 1),
        "beam_size": settings.beam_size,
        "length_penalty": settings.length_penalty,
        "files": [str(file) for file in files],
        "parameters": translator.model.count_params(),
    }
    if output:
        write_text(output, "".join(f"{text}\n" for text in translations))
    write_json(Path(settings.run) / f"metrics.{settings.split}.json", scores)
    print(json.dumps(scores, ensure_ascii=False))


def split_files(run_folder, split):
    """The files of a split that a run was trained with."""
    files = data_files(settings_as(Train, read_settings(run_folder)), Path(run_folder))
    if split not in files:
        raise ValueError(f"the run was given no files for {split}: give them by --test")
    return files[split]


def predict(settings):
    """Translate the lines of standard input."""
    translator = load_translator(settings.run)
    how = (settings.beam_size, settings.length_penalty, settings.batch_size)
    answer_lines(
        settings.batch_size, lambda lines: print(*translator(lines, *how), sep="\n", flush=True)
    )


def export(settings):
    """Write the SavedModel for TF Serving, strings in and strings out, as the next version."""
    translator = load_translator(settings.run)
    folder = next_version(settings.out)
    translator.export(folder, settings.beam_size, settings.length_penalty)
    print(f"exported to {folder}")
    return folder


def everything(settings):
    """Train, evaluate, export, and translate through the export: the main job."""
    train(settings_as(Train, settings))
    evaluate(Evaluate(run=settings.run))
    folder = export(settings_as(Export, settings))
    sources = SENTENCES
    if settings.train or settings.data != "spoken_calendar":
        import itertools

        import zoo

        source_file = split_files(settings.run, "dev")[0]
        sources = list(itertools.islice(zoo.text.read_lines(source_file), 3))
    print_answers(folder, "text", sources)


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, predict),
    "export": (Export, export),
    "all": (All, everything),
}

if __name__ == "__main__":
    run("python -m recipes.translation", __doc__, VERBS)
