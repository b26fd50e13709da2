"""Preferences for the recipes of rewards and DPO: from files, or of the model's own answers."""

import dataclasses
import json
import math

import numpy as np

from recipes import preference_scores
from recipes.chat_models import ask
from recipes.cli import option
from recipes.data import chat_files, kitchen_talk
from recipes.runs import write_text


@dataclasses.dataclass(frozen=True)
class Preferences:
    """Options of where preferences come from, how they are read and learned."""

    sft: str = option("runs/chat_sft", "the chat model to start from: as chat_sft's --start")
    train: tuple = option((), "JSON lines; none: kitchen talk", nargs="+", type=str)
    dev: tuple = option((), "JSON lines; none: a share of the training data", nargs="+", type=str)
    dev_share: float = option(0.1, "of the prompts, the last ones")
    limit: int = option(0, "use so many prompts at most; 0: all")
    skip_unusable: bool = option(
        False, "leave out pairs that prefer nothing instead of refusing them"
    )
    prompts: int = option(2000, "of kitchen talk")
    answers: int = option(4, "that the model writes to each, to be ranked; 4 to 9 in the paper")
    length: int = option(0, "tokens of a prompt with its answer; 0: the model's context")
    prompt_tokens: int = option(0, "of them, of a prompt, which loses its beginning; 0: half")
    accumulate: int = option(1, "batches of an update")
    warmup: int = option(20, "updates of linear warm-up")
    weight_decay: float = option(0.01, "decoupled decay of all but biases and norms")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of new weights, the order and the answers of kitchen talk")


def read_parts(settings, folder, generator, template):
    """{"train": list of `Ranking`, "dev": ...}.

    Raises:
        ValueError: too few prompts, or a file is wrong, with its line.
    """
    if settings.train:
        files = settings.train
    else:
        files = [folder / "ranked.jsonl"]
        if not files[0].exists():
            write_ranked(settings, files[0], generator, template)
    data = read_files(settings, files, template)
    if settings.limit:
        data = data[: settings.limit]
    if settings.dev:
        return {"train": data, "dev": read_files(settings, settings.dev, template)}
    held_out = math.ceil(len(data) * settings.dev_share)
    if not 0 < held_out < len(data):
        raise ValueError(
            f"dev_share={settings.dev_share} of {len(data)} prompts leaves nothing to train or to "
            "evaluate on: give --dev, or more prompts"
        )
    return {"train": data[:-held_out], "dev": data[-held_out:]}


def read_files(settings, files, template):
    data, left_out = chat_files.read_rankings(files, template, settings.skip_unusable)
    if left_out:
        print(f"left out: {left_out} lines of {', '.join(map(str, files))} that prefer nothing")
    if not data:
        raise ValueError(f"{', '.join(map(str, files))}: no preferences")
    return data


def write_ranked(settings, file, generator, template):
    """Let the model answer questions about dinner, and the labeler by rule rank its answers."""
    questions = kitchen_talk.questions("reward", settings.prompts, seed=settings.seed)
    print(f"{settings.answers} answers to each of {len(questions):,} questions, to be ranked")
    several = [question for question in questions for _ in range(settings.answers)]
    answers = ask(generator, template, several, 64, temperature=1.0, seed=settings.seed)
    lines = []
    for number, question in enumerate(questions):
        own = answers[number * settings.answers : (number + 1) * settings.answers]
        points = [kitchen_talk.true_score(question, answer) for answer in own]
        best_first = sorted(set(points), reverse=True)
        if len(best_first) > 1 and all(own):
            ranks = [best_first.index(point) for point in points]
            record = {"prompt": question, "answers": own, "ranks": ranks}
            lines.append(json.dumps(record, ensure_ascii=False))
    write_text(file, "\n".join(lines) + "\n")


def demonstrations(settings, template, rankings):
    """(messages, answer) whose mean reward shall be 0: list."""
    if settings.demonstrations:
        found = chat_files.read_demonstrations(settings.demonstrations, template)
        return [each[:2] for each in found]
    if not settings.train:
        made = kitchen_talk.demonstrations(1000, seed=1)
        return [([{"role": "user", "content": asked}], answer) for asked, answer in made]
    return [(each.messages, each.answers[int(np.argmin(each.ranks))]) for each in rankings]


def encode(settings, generator, template, rankings):
    """`zoo.text.RankedAnswers`. A long conversation loses its beginning, a long answer its end.

    Args:
        settings: has `length` and `prompt_tokens`.
        generator: has `model` and `tokenizer`.
        template: `zoo.text.ChatTemplate`.
        rankings: list of `Ranking`.
    """
    import zoo

    most = max(len(each.answers) for each in rankings)
    prompts, answers, where = [], [], []
    numbers, ranks = np.full((len(rankings), most), -1), np.full((len(rankings), most), -1)
    for row, ranking in enumerate(rankings):
        prompt = template.prompt(ranking.messages)
        for k, answer in enumerate(ranking.answers):
            numbers[row, k], ranks[row, k] = len(answers), ranking.ranks[k]
            prompts.append(prompt)
            answers.append(template.answer(answer))
            where.append(ranking.where)
    rows = encode_rows(settings, generator, prompts, answers, where)
    return zoo.text.RankedAnswers(rows, numbers, ranks)


def encode_rows(settings, generator, prompts, answers, where=None):
    """Spelled prompts and answers as `zoo.text.AnswerRows`, cut as in `encode`."""
    import zoo

    longest = generator.model.config.num_positions
    longest = min(settings.length or longest, longest)
    return zoo.text.AnswerRows.encode(
        generator.tokenizer,
        prompts,
        answers,
        longest,
        where,
        max_prompt=settings.prompt_tokens or longest // 2,
    )


def pairs_of(rankings):
    """(preferred, other) texts of all comparisons."""
    return [
        (each.answers[i], each.answers[j])
        for each in rankings
        for i, j in preference_scores.comparisons_of(each)
    ]
