"""A chat model beside the one that it came from: rewards, KL, length, variety, samples."""

import dataclasses
import html

import numpy as np

from recipes import chat_rollouts
from recipes.data import kitchen_talk
from recipes.runs import write_text
from zoo.tasks.rollouts import on_policy


def show_samples(settings, folder, before, after, prompts, reward, template):
    """Write samples.md: answers of both to the same prompts, drawn with the same seed."""
    answers, scores = {}, {}
    for name, generator in {"before": before, "after": after}.items():
        found = generator.generate(
            prompts, **on_policy(generator, settings.new_tokens, settings.seed)
        )
        answers[name] = [each[0].text for each in found]
        scores[name] = reward(prompts, answers[name])
    write_samples(folder / "samples.md", prompts, *answers.values(), scores, template)


def compare(asked, before, after, template, settings):
    """Rewards, win rate, KL, length and variety of two models' answers to the same prompts.

    Args:
        asked: the `Train` settings of the policy.
        before, after: `TextGenerator`s.
        template: `zoo.text.ChatTemplate`.
        settings: has `count` and `seed`.
    """
    wanted = dataclasses.replace(asked, num_samples=settings.count)
    conversations = chat_rollouts.prompts_of(wanted, template)["dev"]
    prompts = chat_rollouts.short_enough(
        conversations, template, after.tokenizer, asked.prompt_tokens
    )
    reward, found = chat_rollouts.reward_of(asked, template), {}
    questions = [chat_rollouts.last_question(template, prompt) for prompt in prompts]
    for name, generator in {"before": before, "after": after}.items():
        drawn = on_policy(generator, asked.new_tokens, settings.seed)
        written = [each[0] for each in generator.generate(prompts, 64, **drawn)]
        answers = [each.text for each in written]
        rewards = np.asarray(reward(prompts, answers))
        found[name] = {
            "reward": float(rewards.mean()),
            "length": float(np.mean([len(each.ids) for each in written])),
            "distinct_2": distinct(answers),
            "rewards": rewards,
            "written": written,
        }
        if not asked.prompts:
            shown = [template.shown(answer) for answer in answers]
            found[name]["true_scores"] = np.array(kitchen_talk.reward(questions, shown))
    return _summary(asked, found, prompts, after, before)


def _summary(asked, found, prompts, after, before):
    first, second = found["before"], found["after"]
    result = {
        "win_rate": win_rate(second.pop("rewards"), first.pop("rewards")),
        "length_ratio": second["length"] / first["length"],
        "distinct_2_ratio": second["distinct_2"] / max(first["distinct_2"], 1e-9),
        "kl": kl_of(prompts, second.pop("written"), after, before),
        "kl_target": asked.kl_target,
        "answers": len(prompts),
    }
    first.pop("written")
    if "true_scores" in first:
        scores = second.pop("true_scores"), first.pop("true_scores")
        result["true_win_rate"] = win_rate(*scores)
        second["true_score"], first["true_score"] = (float(each.mean()) for each in scores)
    return result | {"before": first, "after": second}


def kl_of(prompts, written, after, before):
    """Mean of log after(answer) - log before(answer) over the answers of `after`, in nats."""
    from zoo.tasks.text_scores import TextScores
    from zoo.text.answer_rows import prompt_ids

    pairs = list(
        zip(prompt_ids(after.tokenizer, prompts), (each.ids for each in written), strict=True)
    )
    sums = [
        np.array([values.sum() for values in TextScores(g.model, g.tokenizer).log_probs(pairs, 64)])
        for g in (after, before)
    ]
    return float(np.mean(sums[0] - sums[1]))


def write_samples(file, prompts, before, after, scores, template):
    """A table of answers before and after, with their rewards, as Markdown.

    Args:
        file: the path, written whole or not at all.
        prompts: list of N spelled prompts.
        before, after: lists of N answers.
        scores: {"before": (N,), "after": (N,)}.
        template: `zoo.text.ChatTemplate`.
    """
    lines = ["| asked | before | reward | after | reward |", "| --- | --- | --- | --- | --- |"]
    for number, prompt in enumerate(prompts):
        cells = [
            chat_rollouts.last_question(template, prompt),
            before[number].strip(),
            f"{scores['before'][number]:.2f}",
            after[number].strip(),
            f"{scores['after'][number]:.2f}",
        ]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    write_text(file, "\n".join(lines) + "\n")


def distinct(texts, size=2):
    """Different runs of `size` words over all there are (Li et al. 2016, "distinct-2"); 0 for
    none."""
    runs = [
        tuple(words[i : i + size])
        for words in map(str.split, texts)
        for i in range(len(words) - size + 1)
    ]
    return len(set(runs)) / len(runs) if runs else 0.0


def win_rate(scores, others):
    """Share of rows in which a score beats the other; equal ones count one half."""
    return float(np.mean(0.5 * (1.0 + np.sign(np.asarray(scores) - np.asarray(others)))))


def _cell(text):
    lines = html.escape(text, quote=False).replace("|", "\\|").splitlines()
    return "<br>".join(lines)
