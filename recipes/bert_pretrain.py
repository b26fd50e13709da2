r"""Pretrain a BERT on plain text: masked language model and next sentence prediction.

Paper: "BERT: Pre-training of deep bidirectional transformers for language understanding" (Devlin
et al. 2018, arXiv:1810.04805), 3.1 and A.2. Data: text files of your own, a sentence a line and an
empty line between documents, or in the format of WikiText (Merity et al. 2016). Without any, some
made-up sentences about numbers, dates and times try the recipe; a model of these claims nothing.

    python -m recipes.bert_pretrain train
    python -m recipes.bert_pretrain train --run runs/mine --train a.txt b.txt.gz --dev c.txt
    python -m recipes.bert_pretrain evaluate --run runs/mine

The model is then in runs/mine/model, with its tokenizer, for zoo.models.BERTClassifier
.from_pretrained(folder, num_labels=2) and for the transformers library; its curves are in
runs/mine/curves.png. Results with their commands, minutes and seeds: recipes/README.md. That of
WikiText-2, whose <unk> becomes [UNK] and is never masked:

    python -m recipes.bert_pretrain train --run runs/wikitext2 --text-format wikitext \
        --train train.txt.gz --dev valid.txt.gz --vocab-size 8000 --length 128 --dropout 0 \
        --initializer-range 0.06 --peak 0.002 --warmup 500 --epochs 16 --updates 500

`prepare` with the same options makes vocabulary and ids alone; from then on `train` needs no
TensorFlow, if KERAS_BACKEND is jax or torch.
"""

import dataclasses
import json
import tempfile
from pathlib import Path

from recipes.cli import option, run
from recipes.curves import draw_run
from recipes.runs import is_trained, open_run, read_settings, trained, write_json
from recipes.training import begin, fit, jit

FILES = {"nargs": "+", "metavar": "FILE", "type": str}
PANELS = {
    "masked tokens: loss": "mlm_logits_cross_entropy",
    "masked tokens: accuracy": "mlm_logits_accuracy",
    "next sentence: loss": "nsp_logits_cross_entropy",
    "next sentence: accuracy": "nsp_logits_accuracy",
}


@dataclasses.dataclass(frozen=True)
class Train:
    run: str = option("runs/bert_pretrain", "folder of the run; a stopped training goes on there")
    train: tuple = option((), "text files, plain or .gz", **FILES)
    dev: tuple = option((), "text files to watch and evaluate on", **FILES)
    text_format: str = option(
        "sentences",
        "a sentence a line and an empty line between documents, or WikiText's articles",
        choices=("sentences", "wikitext"),
    )
    pretrained: str = option("", "start from this folder or hub name, model and vocabulary")
    vocabulary: str = option("", "a vocab.txt; without it a vocabulary is trained on --train")
    vocab_size: int = option(600, "pieces of a vocabulary that is trained")
    lowercase: bool = option(True, "no capitals and accents, as in BERT's uncased models")
    size: str = option("tiny", "sizes of zoo.models.BERT")
    dropout: float = option(0.1, "rate on embeddings, sublayers and attention weights")
    initializer_range: float = option(0.02, "standard deviation of all kernels and tables at start")
    length: int = option(64, "tokens of a row, special ones included")
    rows: int = option(32, "rows of a batch")
    accumulate: int = option(1, "batches of an update")
    whole_words: bool = option(False, "mask all pieces of a word together")
    epochs: int = option(5, "epochs, each of --updates updates")
    updates: int = option(200, "updates of an epoch")
    peak: float = option(0.001, "highest learning rate")
    warmup: int = option(100, "updates of linear warm-up; then a linear fall to 0")
    weight_decay: float = option(0.01, "decoupled decay of all but biases and norms")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of weights, order, pairs, masks and dropout")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/bert_pretrain", "folder of the run")
    test: tuple = option((), "text files to evaluate on instead of the run's --dev", **FILES)
    length: int = option(0, "tokens of a row; 0: as in training")
    rows: int = option(64, "rows of a batch; another number draws other masks")


def prepare(settings):
    """Make the run folder with vocabulary and ids, from which `train` needs no TensorFlow."""
    with open_run(settings) as folder:
        prepared(settings, folder)
    print(f"{folder} has the ids: train with the same options")


def train(settings):
    """Train a model with fit(); the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "model"):
            return
        tokenizer, documents = prepared(settings, folder)
        model = compiled_model(settings, tokenizer)
        batches, dev_batches = make_batches(settings, tokenizer, documents)
    speed = zoo.training.TokensPerSecond("mlm_logits_tokens")  # the masked ones
    fit(settings, folder, model, batches, before=[speed], validation_data=dev_batches)
    draw_run(folder, PANELS)
    save(folder / "model", model, tokenizer)


def prepared(settings, folder):
    """The tokenizer and {"train": `Documents`, "dev": ...} of a run, made on the first call."""
    import zoo

    vocabulary, ids = folder / "tokenizer", folder / "ids"
    readers = text_readers(settings)
    if not vocabulary.exists():
        make_tokenizer(settings, readers["train"]).save(vocabulary)
    tokenizer = zoo.text.WordPieceTokenizer.load(vocabulary)
    documents = {}
    for split in ("train", "dev"):
        if not (ids / split).exists():
            zoo.text.write_documents(ids / split, readers[split](), tokenizer)
        documents[split] = zoo.text.open_documents(ids / split, tokenizer)
    return tokenizer, documents


def text_readers(settings):
    """{"train": function that yields documents, "dev": ...}; a document is a list of sentences."""
    if bool(settings.train) != bool(settings.dev):
        raise ValueError("files of your own need both --train and --dev")
    if settings.train:
        return {
            split: lambda files=files: read_files(files, settings.text_format)
            for split, files in (("train", settings.train), ("dev", settings.dev))
        }

    def made_up(split, sentences):
        from recipes.data import spoken_calendar

        found = [example.english for example in spoken_calendar.examples(split, sentences)]
        return [found[start : start + 20] for start in range(0, len(found), 20)]

    return {"train": lambda: made_up("train", 10_000), "dev": lambda: made_up("dev", 1_000)}


def read_files(files, text_format):
    """Yield the documents of text files, lists of sentences."""
    import zoo

    readers = {"sentences": zoo.text.read_documents, "wikitext": zoo.text.read_wikitext}
    for file in files:
        yield from readers[text_format](file)


def make_tokenizer(settings, read_train):
    """The tokenizer of the pretrained model or of a vocab.txt, or one trained on the text."""
    import zoo

    if settings.pretrained:
        return zoo.text.WordPieceTokenizer.from_pretrained(pretrained_folder(settings))
    if settings.vocabulary:
        return zoo.text.WordPieceTokenizer.from_vocabulary_file(
            settings.vocabulary, settings.lowercase
        )
    with tempfile.TemporaryDirectory() as folder:
        # Without WikiText's rare words, which are a special token and no letters.
        texts = (text.replace("[UNK]", " ") for document in read_train() for text in document)
        file = Path(folder) / "sentences.txt"
        with file.open("w", encoding="utf-8") as lines:
            lines.writelines(f"{text}\n" for text in texts if text.strip())
        vocabulary = zoo.text.train_wordpiece(
            file, settings.vocab_size, lowercase=settings.lowercase
        )
    normalizer = zoo.text.WordPieceNormalizer(settings.lowercase)
    return zoo.text.WordPieceTokenizer(vocabulary, normalizer)


def pretrained_folder(settings):
    """Where the pretrained model lies."""
    import zoo

    return zoo.checkpoints.pretrained_folder(settings.pretrained, None)


def compiled_model(settings, tokenizer):
    """The model with its losses, ready for fit()."""
    import zoo

    if settings.pretrained:
        model = zoo.models.BERTPretrainer.from_pretrained(pretrained_folder(settings))
    else:
        model = zoo.models.BERTPretrainer.from_size(
            settings.size,
            vocab_size=tokenizer.vocabulary_size,
            num_positions=max(settings.length, 512),
            dropout=settings.dropout,
            attention_dropout=settings.dropout,
            initializer_range=settings.initializer_range,
            pad_id=tokenizer.special_ids.pad,
        )
    compile_model(model, optimizer(settings))
    return model


def compile_model(model, with_optimizer=None):
    """Losses and metrics, the latter means over all masked tokens and rows of a data set."""
    import zoo

    # Weights of an update sum to the number of its batches, so the sums are means.
    losses = {
        name: zoo.training.TokenCrossEntropy(reduction="sum")
        for name in ("mlm_logits", "nsp_logits")
    }
    # Not "loss": Keras' own of that name, a mean over batches, would take its place.
    metrics = {
        name: [zoo.training.TokenLoss(loss, "cross_entropy"), zoo.training.TokenAccuracy()]
        for name, loss in losses.items()
    }
    for found in metrics.values():
        found.append(zoo.training.TokenCount())
    model.compile(
        with_optimizer,
        losses,
        weighted_metrics=metrics,
        jit_compile=jit(),
    )


def optimizer(settings):
    """AdamW with warm-up and linear fall (Devlin et al. 2018, A.2)."""
    import zoo

    total = settings.epochs * settings.updates
    rate = zoo.training.WarmupLinear(settings.peak, settings.warmup, total)
    steps = None
    if settings.accumulate > 1:  # Keras asks a schedule once a batch
        steps, rate = settings.accumulate, zoo.training.PerUpdate(rate, settings.accumulate)
    adam = zoo.training.Adam(
        rate,
        weight_decay=settings.weight_decay or None,
        epsilon=1e-6,
        gradient_accumulation_steps=steps,
    )
    adam.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return adam


def make_batches(settings, tokenizer, documents):
    """Batches to train on, and the dev set's to watch."""
    import zoo

    masking = zoo.text.TokenMasking.of(tokenizer, settings.whole_words)
    shape = {"rows": settings.rows, "length": settings.length}
    batches = zoo.text.PretrainingBatches(
        documents["train"],
        tokenizer.special_ids,
        masking,
        seed=settings.seed,
        steps_per_epoch=settings.updates * settings.accumulate,
        accumulate=settings.accumulate,
        **shape,
    )
    dev_batches = zoo.text.PretrainingEvaluation(
        documents["dev"], tokenizer.special_ids, masking, **shape
    )
    return batches, dev_batches


def save(folder, model, tokenizer):
    """Model and tokenizer as a Hugging Face folder."""
    from zoo.folders import new_folder

    with new_folder(folder) as temporary:
        model.write_pretrained(temporary)
        tokenizer.write_pretrained(temporary)


def evaluate(settings):
    """Print one JSON object: how masked tokens and next sentences are predicted."""
    import zoo

    folder = trained(settings.run, "model").parent
    asked = read_settings(folder)
    tokenizer = zoo.text.WordPieceTokenizer.load(folder / "tokenizer")
    train_documents = zoo.text.open_documents(folder / "ids" / "train", tokenizer)
    masking = zoo.text.TokenMasking.of(tokenizer, asked["whole_words"])
    with tempfile.TemporaryDirectory() as temporary:
        documents = folder / "ids" / "dev"
        if settings.test:
            documents = Path(temporary) / "test"
            texts = read_files(settings.test, asked["text_format"])
            zoo.text.write_documents(documents, texts, tokenizer)
        batches = zoo.text.PretrainingEvaluation(
            zoo.text.open_documents(documents, tokenizer),
            tokenizer.special_ids,
            masking,
            rows=settings.rows,
            length=settings.length or asked["length"],
        )
        model = zoo.models.BERTPretrainer.from_pretrained(folder / "model")
        scores = {
            **score_model(model, batches),
            **score_unigrams(train_documents.sentences.ids, masking, batches),
            "files": list(settings.test or asked["dev"]) or ["made-up sentences"],
            "parameters": model.count_params(),
        }
    name = "test" if settings.test else "dev"
    write_json(folder / f"metrics.{name}.json", scores)
    print(json.dumps(scores, ensure_ascii=False))


def score_model(model, batches):
    """What the model makes of the masked tokens and of the next sentences."""
    import math

    compile_model(model)
    found = model.evaluate(batches, return_dict=True, verbose=0)
    return {
        "mlm_loss": found["mlm_logits_cross_entropy"],
        "mlm_perplexity": math.exp(found["mlm_logits_cross_entropy"]),
        "mlm_accuracy": found["mlm_logits_accuracy"],
        "nsp_loss": found["nsp_logits_cross_entropy"],
        "nsp_accuracy": found["nsp_logits_accuracy"],
        "nsp_chance": 0.5,
        "masked_tokens": int(found["mlm_logits_tokens"]),
        "pairs": batches.examples,
    }


def score_unigrams(train_ids, masking, batches):
    """The same masked tokens by their frequency in the training text, each counted once more."""
    import numpy as np

    counts = np.ones(len(masking.special))
    for start in range(0, len(train_ids), 1 << 24):  # numpy counts in copies of 8 bytes an id
        counts += np.bincount(train_ids[start : start + (1 << 24)], minlength=len(counts))
    counts[masking.special] = 0.0  # never asked for
    with np.errstate(divide="ignore"):
        log_share = np.log(counts / counts.sum())
    asked = []
    for number in range(len(batches)):
        _, labels, weights = batches[number]
        asked.append(labels["mlm_logits"][weights["mlm_logits"] > 0])
    asked = np.concatenate(asked)
    return {
        "unigram_loss": float(-log_share[asked].mean()),
        "unigram_accuracy": float((asked == counts.argmax()).mean()),
    }


VERBS = {
    "prepare": (Train, prepare),
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
}

if __name__ == "__main__":
    run("python -m recipes.bert_pretrain", __doc__, VERBS)
