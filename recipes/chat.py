r"""Talk to a chat model in the terminal; or make one, by all three steps of ChatGPT at once.

    python -m recipes.chat talk --run runs/chat/ppo
    python -m recipes.chat steps
    python -m recipes.chat steps --run runs/chat1 --seed 1

`talk` streams the answers of any result of chat_sft, chat_ppo, chat_dpo or gpt_pretrain; the
conversation goes on until an empty line starts a new one. `steps` needs no data: supervised
fine-tuning on demonstrations about dinner, a reward model from a rule's rankings of the model's own
answers, and PPO against that (recipes/data/kitchen_talk.py); a stopped one goes on where it was. At
the end it compares step 3 with step 1 by the rule that the reward model has never seen.
"""

import dataclasses
import json
import sys
from pathlib import Path

from recipes import chat_compare, chat_ppo, chat_reward, chat_sft
from recipes.chat_models import Asking, open_chat
from recipes.cli import option, run
from recipes.runs import settings_as, write_json


@dataclasses.dataclass(frozen=True)
class Talk(Asking):
    run: str = option("runs/chat_sft", "run folder, task folder, Hugging Face folder or hub name")
    system: str = option("", "a message that stands before every conversation")


@dataclasses.dataclass(frozen=True)
class Steps:
    """Options that go to all three steps; the recipes' own have more."""

    run: str = option("runs/chat", "folder of the runs sft, reward and ppo")
    demonstrations: int = option(6000, "of step 1")
    layers: int = option(4, "decoder blocks")
    hidden: int = option(128, "width of the model")
    heads: int = option(4, "heads of attention")
    sft_epochs: int = option(4, "passes over the demonstrations")
    prompts: int = option(2000, "whose answers are ranked in step 2")
    iterations: int = option(30, "of step 3")
    answers: int = option(128, "of each iteration of step 3")
    count: int = option(500, "answers to compare at the end")
    seed: int = option(0, "seed of all three steps")


def talk(settings):
    """Talk to a chat model; an empty line starts a new conversation, Ctrl-D ends."""
    generator, template = open_chat(settings.run)
    options = {**settings.options(), "stop": (template.user,)}
    opening = [{"role": "system", "content": settings.system}] if settings.system else []
    messages, is_terminal = list(opening), sys.stdin.isatty()
    while True:
        if is_terminal:
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if not line.strip():
            messages = list(opening)
            continue
        messages.append({"role": "user", "content": line.strip()})
        pieces = []
        for piece in generator.stream(template.prompt(messages), **options):
            pieces.append(piece)
            print(piece if len(pieces) > 1 else piece.lstrip(), end="", flush=True)
        print(flush=True)
        messages.append({"role": "assistant", "content": template.shown("".join(pieces))})


def steps(settings):
    """Run all three steps with no data, and compare the third with the first."""
    folder = Path(settings.run)
    sft, reward, ppo = (str(folder / name) for name in ("sft", "reward", "ppo"))
    print("Step 1 of 3: supervised fine-tuning on demonstrations")
    shared = dataclasses.replace(settings_as(chat_sft.Train, settings), run=sft)
    chat_sft.train(dataclasses.replace(shared, epochs=settings.sft_epochs))
    print("Step 2 of 3: a reward model from rankings")
    chat_reward.train(
        chat_reward.Train(run=reward, sft=sft, prompts=settings.prompts, seed=settings.seed)
    )
    print("Step 3 of 3: PPO against the reward model")
    asked = chat_ppo.Train(
        run=ppo,
        sft=sft,
        reward=reward,
        iterations=settings.iterations,
        answers=settings.answers,
        minibatch=min(chat_ppo.Train.minibatch, settings.answers),
        seed=settings.seed,
    )
    chat_ppo.train(asked)
    after, template = open_chat(ppo)
    compared = chat_ppo.Evaluate(count=settings.count, seed=settings.seed + 1)
    found = chat_compare.compare(asked, open_chat(sft)[0], after, template, compared)
    write_json(folder / "metrics.json", found)
    print(json.dumps(found))
    print(f"python -m recipes.chat talk --run {ppo}")


VERBS = {"talk": (Talk, talk), "steps": (Steps, steps)}

if __name__ == "__main__":
    run("python -m recipes.chat", __doc__, VERBS)
