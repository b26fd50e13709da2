r"""ChatGPT's second step: a reward model from people's comparisons of answers.

Paper: "Training language models to follow instructions with human feedback" (InstructGPT, Ouyang et
al. 2022), 3.5 and equation 1. Data: JSON lines of pairs or rankings of your own
(recipes/data/chat_files.py says which fields); without any, the model of --sft answers questions
about dinner several times, and a labeler by rule ranks its answers (recipes/data/kitchen_talk.py).
Results with their commands, minutes and seeds: recipes/README.md.

    python -m recipes.chat_reward train --sft runs/chat_sft
    python -m recipes.chat_reward train --sft runs/gpt --train pairs.jsonl.gz --run runs/mine
    python -m recipes.chat_reward evaluate --run runs/mine
    python -m recipes.chat_reward cross_validate --sft runs/gpt --train pairs.jsonl.gz --run runs/cv
    python -m recipes.chat_reward predict --run runs/mine < answers.jsonl
    python -m recipes.chat_reward export --run runs/mine --out saved_models/reward

`evaluate` prints accuracy, margin and calibration, and what simple rules reach on the same
comparisons: the longer answer wins; logistic regression on words. calibration.png shows the second.
"""

import dataclasses
import json
import sys

import numpy as np

from recipes import preference_scores
from recipes.chat_models import (
    make_optimizer,
    open_chat,
    open_scorer,
    remember_template,
    same_data,
    template_of_run,
)
from recipes.cli import answer_lines, option, run
from recipes.curves import draw_run
from recipes.preference_data import (
    Preferences,
    demonstrations,
    encode,
    encode_rows,
    pairs_of,
    read_files,
    read_parts,
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

PANELS = {"ranking loss (nats)": "loss", "accuracy": "accuracy", "margin": "margin"}


@dataclasses.dataclass(frozen=True)
class Train(Preferences):
    run: str = option("runs/chat_reward", "folder of the run; a stopped training goes on there")
    demonstrations: tuple = option(
        (), "JSON lines whose answers have mean reward 0; none: the preferred answers",
        nargs="+", type=str,
    )  # fmt: skip
    batch_size: int = option(16, "prompts of a batch, each with all its answers")
    epochs: int = option(3, "passes over the prompts; 1 in the paper, which overfits beyond")
    peak: float = option(0.001, "highest learning rate; 1e-5 for a large pretrained model")


@dataclasses.dataclass(frozen=True)
class CrossValidate(Train):
    run: str = option("runs/chat_reward_folds", "folder of the run; a stopped one goes on there")
    folds: int = option(5, "parts; each is judged by a model of the others")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/chat_reward", "folder of the run")
    test: tuple = option((), "JSON lines instead of the run's dev part", nargs="+", type=str)


@dataclasses.dataclass(frozen=True)
class Predict:
    run: str = option("runs/chat_reward", "folder of the run")
    batch_size: int = option(32, "lines at a time")


@dataclasses.dataclass(frozen=True)
class Export:
    run: str = option("runs/chat_reward", "folder of the run")
    out: str = option("saved_models/reward", "the model's folder; gets the next version")


def train(settings):
    """Train a reward model with fit(); the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        generator, template = open_chat(settings.sft, settings.precision)
        remember_template(folder, template)
        parts = read_parts(settings, folder, generator, template)
        same_data(folder, **{part: [list(r[:3]) for r in data] for part, data in parts.items()})
        shown = demonstrations(settings, template, parts["train"])
    model = train_model(settings, folder, generator, template, parts)
    scorer = zoo.tasks.AnswerScorer(model, generator.tokenizer)
    model.centre(float(scores_of(settings, scorer, template, shown).mean()))
    print(f"the mean reward of {len(shown):,} demonstrations is 0 from here on")
    draw_run(folder, PANELS)
    scorer.save(folder / "task")
    print(f"{folder / 'task'} has it: python -m recipes.chat_reward evaluate --run {folder}")


def scores_of(settings, scorer, template, pairs):
    """Rewards of (messages, answer) pairs, read as in training: float32 (n,)."""
    prompts = [template.prompt(messages) for messages, _ in pairs]
    answers = [template.answer(answer) for _, answer in pairs]
    return scorer.of_rows(encode_rows(settings, scorer, prompts, answers))


def train_model(settings, folder, generator, template, parts):
    """A trained `GPTReward` that started from the generator's model."""
    import zoo

    model = zoo.models.GPTReward.from_model(generator.model)
    contents = {part: encode(settings, generator, template, r) for part, r in parts.items()}
    batches = zoo.text.AnswerBatches(
        contents["train"],
        settings.batch_size,
        seed=settings.seed,
        accumulate=settings.accumulate,
    )
    dev = zoo.text.AnswerEvaluation(contents["dev"], settings.batch_size)
    optimizer = make_optimizer(settings, model, batches)
    loss = zoo.training.RankingLoss("sum")  # AnswerBatches scales the weights
    metrics = [
        zoo.training.MeanRankingLoss(),
        zoo.training.RankingAccuracy(),
        zoo.training.RankingMargin(),
    ]
    model.compile(optimizer, loss, weighted_metrics=metrics, jit_compile=jit())
    fit(settings, folder, model, batches, validation_data=dev)
    return model


def margins_of(settings, scorer, template, rankings):
    """Margins of all comparisons, float (n,), and their texts, a list of (preferred, other)."""
    contents = encode(settings, scorer, template, rankings)
    rewards = scorer.of_rows(contents.rows)
    margins, pairs = [], []
    for row, ranking in enumerate(rankings):
        for better, worse in preference_scores.comparisons_of(ranking):
            numbers = contents.numbers[row, [better, worse]]
            margins.append(float(rewards[numbers[0]] - rewards[numbers[1]]))
            pairs.append((ranking.answers[better], ranking.answers[worse]))
    return np.array(margins), pairs


def report(margins, words, pairs):
    """What `evaluate` prints: the model beside the rules, on all pairs and on those of a length.

    Args:
        margins, words: float (n,), of the model and of the regression on words.
        pairs: list of n (preferred, other).
    """

    def judged(chosen):
        right = {
            "model": preference_scores.is_right(margins[chosen]),
            "longer": preference_scores.is_right(preference_scores.longer(pairs)[chosen]),
            "words": preference_scores.is_right(words[chosen]),
        }
        found = {name: preference_scores.accuracy(each) for name, each in right.items()}
        for rule in ("longer", "words"):
            found[rule]["model_against"] = preference_scores.paired_test(
                right["model"], right[rule]
            )
        return found

    found = judged(np.ones(len(pairs), bool))
    matched = preference_scores.matched_in_length(pairs)
    if matched.any():
        found["matched_in_length"] = judged(matched)
    found["margin"] = float(margins.mean())
    found["calibration"] = preference_scores.calibration(margins)
    return found


def evaluate(settings):
    """Print one JSON object: accuracy with its interval, margin, calibration, and simple rules."""
    folder = trained(settings.run, "task").parent
    asked = settings_as(Train, read_settings(folder))
    scorer, template = open_scorer(folder), template_of_run(folder)
    parts = read_parts(asked, folder, scorer, template)
    data = read_files(asked, settings.test, template) if settings.test else parts["dev"]
    margins, pairs = margins_of(asked, scorer, template, data)
    words = preference_scores.words_and_regression(pairs_of(parts["train"]), pairs)
    found = report(margins, words, pairs)
    preference_scores.draw_calibration(found["calibration"], folder / "calibration.png")
    write_json(folder / f"metrics.{'test' if settings.test else 'dev'}.json", found)
    print(json.dumps(found))


def cross_validate(settings):
    """Judge every prompt by a model of the other folds; print the pooled figures as JSON."""
    import zoo

    if not settings.train or settings.dev or settings.demonstrations:
        raise ValueError(
            "train: cross_validate needs files of preferences, and takes no --dev and no "
            "--demonstrations"
        )
    begin(settings)
    with open_run(settings) as folder:
        generator, template = open_chat(settings.sft, settings.precision)
        data = read_files(settings, settings.train, template)[: settings.limit or None]
        if not 2 <= settings.folds <= len(data):
            raise ValueError(f"folds must be 2 to {len(data)}; got {settings.folds}")
        same_data(folder, train=[list(each[:3]) for each in data])
    order = np.random.default_rng(settings.seed).permutation(len(data))
    margins, words, pairs = [], [], []
    for fold in range(settings.folds):
        held_out = set(order[fold :: settings.folds].tolist())
        parts = {
            "train": [each for i, each in enumerate(data) if i not in held_out],
            "dev": [data[i] for i in sorted(held_out)],
        }
        print(f"fold {fold + 1} of {settings.folds}", file=sys.stderr)
        seed_fold(settings, fold)
        own = folder / f"fold-{fold}"
        model = train_model(settings, own, generator, template, parts)
        scorer = zoo.tasks.AnswerScorer(model, generator.tokenizer)
        found, texts = margins_of(settings, scorer, template, parts["dev"])
        margins.append(found)
        pairs += texts
        words.append(preference_scores.words_and_regression(pairs_of(parts["train"]), texts))
        draw_run(own, PANELS)
    found = report(np.concatenate(margins), np.concatenate(words), pairs)
    found["folds"] = [preference_scores.accuracy(preference_scores.is_right(m)) for m in margins]
    preference_scores.draw_calibration(found["calibration"], folder / "calibration.png")
    write_json(folder / "metrics.folds.json", found)
    print(json.dumps(found))


def seed_fold(settings, fold):
    """Every fold's head starts anew, and alike after a stop."""
    import keras

    keras.utils.set_random_seed(settings.seed * 1000 + fold)


def predict(settings):
    """Read JSON lines {"prompt", "answer"}; print the reward of each."""
    folder = trained(settings.run, "task").parent
    scorer, template = open_scorer(folder), template_of_run(folder)

    def answer(lines):
        records = [json.loads(line) for line in lines]
        for number, record in enumerate(records):
            if not isinstance(record, dict) or not {"prompt", "answer"} <= record.keys():
                raise ValueError(f"a line must have prompt and answer; got {lines[number]!r}")
        prompts = [template.prompt(record["prompt"]) for record in records]
        answers = [template.answer(record["answer"]) for record in records]
        for score in scorer(prompts, answers, settings.batch_size):
            print(f"{score:.4f}", flush=True)

    answer_lines(settings.batch_size, answer)


def export(settings):
    """Write the SavedModel for TF Serving, prompt and answer in, score out, as the next version."""
    folder = next_version(settings.out)
    open_scorer(settings.run).export(folder)
    print(f"exported to {folder}")


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "cross_validate": (CrossValidate, cross_validate),
    "predict": (Predict, predict),
    "export": (Export, export),
}

if __name__ == "__main__":
    run("python -m recipes.chat_reward", __doc__, VERBS)
