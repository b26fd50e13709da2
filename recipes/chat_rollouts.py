"""What recipes.chat_ppo asks of data and rewards: prompts, reward functions, tables of samples."""

import importlib
import math

import numpy as np

from recipes.chat_models import open_scorer
from recipes.data import chat_files, kitchen_talk, text_folders


def prompts_of(settings, template):
    """Conversations to answer: {"train": list of messages, "dev": list of messages}.

    Args:
        settings: has `prompts`, `dev_prompts` (files), `dev_share`, `num_prompts` and
            `num_samples`, the most of "dev".
        template: `zoo.text.ChatTemplate`.

    Raises:
        ValueError: a file is wrong, with its line, or there are too few prompts.
    """
    if settings.prompts:
        train = chat_files.read_prompts(settings.prompts, template)
    else:
        train = _asked(kitchen_talk.questions("policy", settings.num_prompts, seed=0))
    if settings.dev_prompts:
        dev = chat_files.read_prompts(settings.dev_prompts, template)[: settings.num_samples]
    elif settings.prompts:
        count = math.ceil(len(train) * settings.dev_share)
        train, dev = train[: len(train) - count], train[len(train) - count :]
        dev = dev[: settings.num_samples]
    else:
        dev = _asked(kitchen_talk.questions("test", settings.num_samples, seed=0))
    if not train or not dev:
        raise ValueError("prompts: too few to train and to show samples; give more")
    return {"train": train, "dev": dev}


def short_enough(conversations, template, tokenizer, max_tokens):
    """The prompts that have at most `max_tokens` tokens, spelled: list of str."""
    from zoo.text.answer_rows import prompt_ids

    spelled = [template.prompt(messages) for messages in conversations]
    ids = prompt_ids(tokenizer, spelled)
    kept = [text for text, row in zip(spelled, ids, strict=True) if len(row) <= max_tokens]
    if len(kept) < len(spelled):
        print(f"left out: {len(spelled) - len(kept):,} prompts of more than {max_tokens} tokens")
    if not kept:
        raise ValueError(f"prompt_tokens={max_tokens} is too short for every prompt")
    return kept


def prompt_of_step(count, batch, seed, iteration):
    """Which of `count` prompts an iteration answers: int (batch,), whole passes in shuffled order,
    a function of (seed, iteration) alone."""
    from zoo.text.order import permutation

    places = np.arange(iteration * batch, (iteration + 1) * batch)
    passes = np.unique(places // count)
    orders = {number: permutation(count, (seed, int(number))) for number in passes}
    return np.array([orders[place // count][place % count] for place in places])


def reward_of(settings, template):
    """The reward that the settings ask for: function (spelled prompts, answers) -> numbers.

    Args:
        settings: has `reward_function`, "package.module:function", and `reward`, a run folder of
            recipes.chat_reward.
        template: `zoo.text.ChatTemplate`.

    Raises:
        ValueError: there is no such function.
    """
    if settings.reward_function:
        function = _imported(settings.reward_function)

        def programmed(prompts, answers):
            asked = [last_question(template, prompt) for prompt in prompts]
            return function(asked, [template.shown(answer) for answer in answers])

        return programmed
    scorer = open_scorer(settings.reward)

    def learned(prompts, answers):
        return scorer(prompts, answers, batch_size=64)

    return learned


def last_question(template, prompt):
    """What the user said last, of a prompt that the template spelled."""
    return prompt.removesuffix(template.assistant).rpartition(template.user)[2].strip()


def _asked(questions):
    return [[{"role": "user", "content": question}] for question in questions]


def _imported(name):
    module, _, function = name.partition(":")
    if not function:
        raise ValueError(f'reward_function must be "package.module:function"; got {name!r}')
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"reward_function: {name!r} cannot be imported: {error}") from error


class Pretraining:
    """Text that PPO-ptx goes on predicting (Ouyang et al. 2022, equation 2).

    Args:
        settings: the recipe's.
        template: `zoo.text.ChatTemplate`.
        tokenizer: of the policy.

    Raises:
        ValueError: there is a weight and no text, or text and no weight, or too little text.
    """

    def __init__(self, settings, template, tokenizer):
        self.is_on, self.seed = settings.ptx > 0, settings.seed
        self.length = settings.prompt_tokens + settings.new_tokens
        if settings.pretraining and not self.is_on:
            raise ValueError("pretraining: it has no weight; give one by --ptx")
        if self.is_on and settings.prompts and not settings.pretraining:
            raise ValueError("ptx: with --prompts of your own give text by --pretraining")
        if not self.is_on:
            return
        if settings.pretraining:
            files = text_folders.find_files(settings.pretraining, (".txt", ".md"))
            texts = list(text_folders.read_documents(files, lambda text: [text]))
        else:
            texts = [
                template.prompt(asked) + template.answer(answer)
                for asked, answer in kitchen_talk.demonstrations(2000, seed=0)
            ]
        end = [] if tokenizer.end_id is None else [tokenizer.end_id]
        rows = tokenizer.encode(texts)
        self.stream = np.array([token for row in rows for token in [*row, *end]], "int32")
        if len(self.stream) <= self.length:
            raise ValueError(
                f"pretraining must have more than {self.length} tokens; got {len(self.stream)}"
            )

    def rows(self, count, iteration):
        """Inputs and labels of `count` rows that begin anywhere: two dicts, empty where off."""
        if not self.is_on:
            return {}, {}
        rng = np.random.default_rng((self.seed, iteration, 7))
        starts = rng.integers(len(self.stream) - self.length, size=count)
        rows = self.stream[starts[:, None] + np.arange(self.length + 1)]
        return {"pretraining_ids": rows[:, :-1]}, {"pretraining_ids": rows[:, 1:]}
