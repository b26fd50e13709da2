"""A step of the tour: train a small Transformer, watch it, translate."""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

import zoo
from recipes.tour import sentences
from recipes.training import jit
from zoo.visual import draw_alignment, draw_curves, draw_heads, draw_schedule

UPDATES, WARMUP, PEAK = 180, 50, 0.004
STEP = 6  # updates between two points of the curve
EXAMPLE = "She will call the teacher on Monday."


def translation(guide):
    """Teacher forcing, predictions, and what the words look at."""
    train, test = sentences.pairs()
    translator, losses = trained(train)
    guide.say(f"""A Transformer of one encoder and one decoder block,
        {translator.model.count_params():,} numbers, learns {len(train):,} sentences such as
        "{train[0][0]}" - "{train[0][1]}" The German verb stands at the end. In training the
        decoder reads the right translation, one word late, and is to say each next word: teacher
        forcing. Nothing that it said itself is read, so all words are learned at once.""")
    _teacher_forcing(guide, translator)
    updates = [STEP * (i + 1) for i in range(len(losses))]
    draw_curves({"loss a token": {"": (updates, losses)}}, guide.picture("loss"))
    schedules = {
        "warm-up and cosine: here": zoo.training.WarmupCosine(PEAK, WARMUP, UPDATES),
        "inverse square root: the paper": zoo.training.InverseSquareRoot(PEAK, WARMUP),
    }
    draw_schedule(schedules, UPDATES, guide.picture("learning-rate"))
    guide.say("""When it translates there is no teacher: it reads what it wrote itself, a word at
        a time, until it writes the end.""")
    found = translator([english for english, _ in test], beam_size=1)
    right = sum(text == german for text, (_, german) in zip(found, test, strict=True))
    guide.show(
        f"{EXAMPLE} -> {translator([EXAMPLE])[0]}",
        f"{right} of {len(test)} sentences that it has not seen are translated without a fault",
    )
    attention = translator.attention(EXAMPLE)["cross"]
    weights = attention.weights[0].mean(axis=0)  # (T, S), of all heads
    for written, row in zip(attention.following, weights, strict=True):
        guide.show(f"{written:10} looks most at {attention.keys[row.argmax()]:9} {row.max():.0%}")
    draw_alignment(attention, file=guide.picture("alignment"))
    draw_heads(attention, 0, guide.picture("cross-heads"))
    guide.notice("""the German verb is written last and looks back at the third English word.
        Nobody told the model which words belong together.""")
    keep(guide, translator)


def trained(pairs):
    """A Translator that has learned pairs of sentences, and the means of its loss a token."""
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / language for language in ("en", "de")]
        for file, texts in zip(files, zip(*pairs, strict=True), strict=True):
            file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        tokenizer = zoo.text.train_sentencepiece(files, vocab_size=400)
        ids = [
            zoo.text.write_ids(f"{file}.ids", zoo.text.read_lines(file), tokenizer)
            for file in files
        ]
        special_ids = tokenizer.special_ids
        batches = zoo.text.PairBatches(*ids, special_ids, max_tokens=1536, num_shapes=4)
        model = zoo.models.Transformer.from_size(
            "tiny",
            vocab_size=tokenizer.vocabulary_size,
            hidden_dim=64,
            feed_forward_dim=128,
            num_encoder_layers=1,
            num_decoder_layers=1,
            norm_order="pre",
            dropout=0.0,
        )
        loss = zoo.training.TokenCrossEntropy()
        rate = zoo.training.WarmupCosine(PEAK, WARMUP, UPDATES)
        model.compile(
            zoo.training.Adam(rate, beta_2=0.98),
            loss,
            weighted_metrics=[zoo.training.TokenLoss(loss)],
            jit_compile=jit(),
        )
        history = model.fit(
            batches, steps_per_epoch=STEP, epochs=UPDATES // STEP, shuffle=False, verbose=0
        )
    return zoo.tasks.Translator(model, tokenizer), history.history["loss"]


def _teacher_forcing(guide, translator):
    """What the decoder says at each place of the right translation."""
    tokenizer, model = translator.source_tokenizer, translator.model
    source, target = tokenizer.encode([EXAMPLE, "Sie wird die Lehrerin am Montag anrufen."])
    ids = {
        "source_ids": np.array([[*source, model.config.end_id]]),
        "target_ids": np.array([[model.config.start_id, *target]]),
    }
    said = ops.convert_to_numpy(ops.argmax(model(ids), axis=-1))[0]
    rows = tokenizer.spell(ids["target_ids"][0]), tokenizer.spell(said)
    width = max(len(token) for row in rows for token in row)
    for name, row in zip(("reads", "says "), rows, strict=True):
        guide.show(f"{name}  " + " ".join(token.ljust(width) for token in row).rstrip())


def keep(guide, translator):
    """Save the task into the tour's folder, in the place of an older one."""
    folder = guide.folder / "translator"
    if (folder / "task.json").is_file():
        kind = json.loads((folder / "task.json").read_text("utf-8"))["task"]
        guide.say(f"{folder} holds a {kind} of an earlier tour, which stays.")
    else:
        translator.save(folder)
    guide.say("Look at every word of it, and at the numbers behind:")
    guide.show(f"python -m zoo.visual explore {folder}")
