r"""Preferences without a reward model and without rollouts: direct preference optimization.

Paper: "Direct preference optimization: your language model is secretly a reward model" (Rafailov et
al. 2023). Data as for recipes.chat_reward: pairs or rankings as JSON lines, or the rule's rankings
of the model's own answers about dinner; a ranking gives all its pairs. Results with their commands,
minutes and seeds: recipes/README.md.

    python -m recipes.chat_dpo train --sft runs/chat_sft
    python -m recipes.chat_dpo train --sft runs/gpt --train pairs.jsonl.gz --run runs/mine
    python -m recipes.chat_dpo evaluate --run runs/mine
    python -m recipes.chat_dpo predict --run runs/mine < questions.txt
    python -m recipes.chat_dpo export --run runs/mine --out saved_models/chat
"""

import dataclasses
import json

import numpy as np

from recipes import chat_models, preference_scores
from recipes.chat_models import (
    make_optimizer,
    open_chat,
    remember_template,
    same_data,
    template_of_run,
)
from recipes.cli import option, run
from recipes.curves import draw_run
from recipes.preference_data import Preferences, encode, read_parts
from recipes.runs import (
    is_trained,
    open_run,
    read_settings,
    settings_as,
    trained,
    write_json,
)
from recipes.training import begin, fit, jit

PANELS = {"loss (nats)": "loss", "accuracy": "accuracy", "margin": "margin"}


@dataclasses.dataclass(frozen=True)
class Train(Preferences):
    run: str = option("runs/chat_dpo", "folder of the run; a stopped training goes on there")
    beta: float = option(0.2, "price of a nat of KL, as PPO's coefficient")
    batch_size: int = option(64, "pairs of a batch")
    epochs: int = option(1, "passes over the pairs")
    peak: float = option(0.0002, "highest learning rate; 5e-7 to 5e-6 for a large model")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/chat_dpo", "folder of the run")


@dataclasses.dataclass(frozen=True)
class Predict(chat_models.Predict):
    run: str = option("runs/chat_dpo", "folder of the run")


@dataclasses.dataclass(frozen=True)
class Export(chat_models.Export):
    run: str = option("runs/chat_dpo", "folder of the run")


def train(settings):
    """Train a policy on pairs with fit(); the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        generator, template = open_chat(settings.sft, settings.precision)
        remember_template(folder, template)
        parts = read_parts(settings, folder, generator, template)
        same_data(folder, **{part: [list(r[:3]) for r in data] for part, data in parts.items()})
        contents = {
            part: preferred(settings, generator, template, data) for part, data in parts.items()
        }
        batches = zoo.text.AnswerBatches(
            contents["train"],
            settings.batch_size,
            seed=settings.seed,
            accumulate=settings.accumulate,
        )
        dev = zoo.text.AnswerEvaluation(contents["dev"], settings.batch_size)
        model = zoo.training.DirectPreference(generator.model, settings.beta, "sum")
        optimizer = make_optimizer(settings, generator.model, batches)
        model.compile(optimizer, jit_compile=jit())
    fit(settings, folder, model, batches, validation_data=dev)
    draw_run(folder, PANELS)
    generator.save(folder / "task")
    print(f"{folder / 'task'} has it: python -m recipes.chat talk --run {folder}")


def preferred(settings, generator, template, rankings):
    """`zoo.text.PreferredAnswers` of all pairs, with what the generator's model, which is the
    reference now, gives them."""
    import zoo

    contents = encode(settings, generator, template, rankings)
    pairs = np.array(
        [
            contents.numbers[row, [better, worse]]
            for row, ranking in enumerate(rankings)
            for better, worse in preference_scores.comparisons_of(ranking)
        ]
    )
    known = answer_log_probs(generator, contents.rows)
    return zoo.text.PreferredAnswers(contents.rows, pairs, known[pairs])


def answer_log_probs(generator, rows):
    """log-probability of the answers of `zoo.text.AnswerRows`, float32 (N,), in nats."""
    from zoo.tasks.text_scores import TextScores

    ids = [rows.ids[i].tolist() for i in range(len(rows))]
    starts = rows.answer_starts.tolist()
    pairs = [(row[:start], row[start:]) for row, start in zip(ids, starts, strict=True)]
    found = TextScores(generator.model, generator.tokenizer).log_probs(pairs, 32)
    return np.array([values.sum() for values in found], "float32")


def evaluate(settings):
    """Print one JSON object: how often the implicit rewards are in the right order."""
    folder = trained(settings.run, "task").parent
    asked = settings_as(Train, read_settings(folder))
    template = template_of_run(folder)
    before, after = open_chat(asked.sft)[0], open_chat(folder)[0]
    data = read_parts(asked, folder, before, template)["dev"]
    contents = preferred(asked, before, template, data)
    change = answer_log_probs(after, contents.rows)[contents.pairs] - contents.reference
    margins = asked.beta * (change[:, 0] - change[:, 1])
    scores = {
        **preference_scores.accuracy(preference_scores.is_right(margins)),
        "margin": float(margins.mean()),
        "calibration": preference_scores.calibration(margins),
    }
    write_json(folder / "metrics.dev.json", scores)
    print(json.dumps(scores))


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, chat_models.predict),
    "export": (Export, chat_models.export),
}

if __name__ == "__main__":
    run("python -m recipes.chat_dpo", __doc__, VERBS)
