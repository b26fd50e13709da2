r"""ChatGPT's third step: PPO against the reward model, or against a Python function.

Papers: "Training language models to follow instructions with human feedback" (InstructGPT, Ouyang
et al. 2022), 3.5 and equation 2; "Proximal policy optimization algorithms" (Schulman et al. 2017);
"Fine-tuning language models from human preferences" (Ziegler et al. 2019). What is known to bite,
point by point: zoo/tasks/rollouts.py. Data: prompts from JSON lines of your own
(recipes/data/chat_files.py says which fields); without any, questions about dinner
(recipes/data/kitchen_talk.py). Results with their commands, minutes and seeds: recipes/README.md.

    python -m recipes.chat_ppo train --sft runs/chat_sft --reward runs/chat_reward
    python -m recipes.chat_ppo train --sft runs/chat_sft --run runs/mine \
        --reward-function recipes.data.kitchen_talk:reward
    python -m recipes.chat_ppo evaluate --run runs/mine
    python -m recipes.chat_ppo predict --run runs/mine < questions.txt
    python -m recipes.chat_ppo export --run runs/mine --out saved_models/chat

Each iteration the policy answers prompts and fit() makes several passes over these answers; a
stopped training goes on from the last iteration. curves.png has reward, KL, entropy, clip fraction,
value error and length; samples.md has answers before and after. If the KL runs away, the training
stops with the reason, and the last policy that had not is in `last_good`.
"""

import dataclasses
import json

from recipes import chat_compare, chat_models, chat_rollouts
from recipes.chat_models import open_chat, open_scorer, remember_template
from recipes.cli import option, run
from recipes.curves import draw_run
from recipes.runs import (
    is_trained,
    open_run,
    read_settings,
    settings_as,
    trained,
    write_json,
)
from recipes.training import begin, jit

PANELS = {
    "reward": "score",
    "KL (nats an answer)": "kl",
    "entropy (nats a token)": "entropy",
    "clip fraction": "clip_fraction",
    "value loss": "value_loss",
    "length (tokens)": "length",
}
_SHOWN = ("score", "kl", "kl_coefficient", "length", "entropy", "clip_fraction", "value_loss")


@dataclasses.dataclass(frozen=True)
class Train:
    run: str = option("runs/chat_ppo", "folder of the run; a stopped training goes on there")
    sft: str = option("runs/chat_sft", "the chat model to start from: as chat_sft's --start")
    reward: str = option("runs/chat_reward", "run folder of recipes.chat_reward")
    reward_function: str = option("", "package.module:function instead; (questions, answers)")
    prompts: tuple = option((), "JSON lines; none: kitchen talk", nargs="+", type=str)
    dev_prompts: tuple = option((), "JSON lines; none: a share of those", nargs="+", type=str)
    dev_share: float = option(0.1, "of --prompts, the last ones")
    num_prompts: int = option(1000, "of kitchen talk")
    num_samples: int = option(24, "answers before and after in samples.md")
    prompt_tokens: int = option(28, "most tokens of a prompt; longer ones are left out")
    new_tokens: int = option(36, "most tokens of an answer")
    iterations: int = option(30, "rollouts, each learned from by fit()")
    answers: int = option(128, "of a rollout")
    minibatch: int = option(32, "answers of an update")
    passes: int = option(2, "over a rollout")
    peak: float = option(0.0003, "highest learning rate; it falls to 0")
    warmup: int = option(20, "updates of linear warm-up")
    clip: float = option(1.0, "largest norm of all gradients together")
    critic: str = option("network", "a value network, or a head on the policy",
                         choices=("network", "head"))  # fmt: skip
    clip_range: float = option(0.2, "of the probability ratio")
    value_clip: float = option(0.5, "of the values, in units of the reward")
    value_coefficient: float = option(0.1, "weight of the value loss")
    entropy_coefficient: float = option(0.0, "weight of an entropy bonus")
    discount: float = option(1.0, "gamma")
    trace: float = option(0.95, "lambda of generalized advantage estimation")
    kl_coefficient: float = option(0.5, "price of a nat of KL, at first")
    kl_target: float = option(2.0, "nats an answer that the price adapts to; 0: it stays")
    kl_horizon: float = option(400, "answers that move the price by 20 %% where KL is 20 %% off")
    kl_limit: float = option(30.0, "nats an answer at which training stops")
    no_end_reward: str = option("", "of an answer without end, such as -1; none: its own")
    ptx: float = option(0.0, "PPO-ptx: weight of the loss on --pretraining text")
    pretraining: tuple = option((), "files and folders of text; none: demonstrations", nargs="+",
                                type=str)  # fmt: skip
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of prompts, answers, order and weights of the critic's head")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/chat_ppo", "folder of the run")
    count: int = option(500, "answers to compare")
    seed: int = option(1, "of what is drawn")


@dataclasses.dataclass(frozen=True)
class Predict(chat_models.Predict):
    run: str = option("runs/chat_ppo", "folder of the run")


@dataclasses.dataclass(frozen=True)
class Export(chat_models.Export):
    run: str = option("runs/chat_ppo", "folder of the run")


def train(settings):
    """Train a policy with fit() on its own answers; the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        if (folder / "last_good").exists():
            raise ValueError(
                f"the KL of {folder} ran away, {folder / 'last_good'} has the policy before: give "
                "another folder by --run to try again"
            )
        generator, template = open_chat(settings.sft, settings.precision)
        reference, _ = open_chat(settings.sft, settings.precision)
        remember_template(folder, template)
        reward = chat_rollouts.reward_of(settings, template)
        prompts = {
            part: chat_rollouts.short_enough(
                each, template, generator.tokenizer, settings.prompt_tokens
            )
            for part, each in chat_rollouts.prompts_of(settings, template).items()
        }
        pretraining = chat_rollouts.Pretraining(settings, template, generator.tokenizer)
        model = make_model(settings, generator)
        kl = make_kl(settings)
        rollouts = make_rollouts(settings, generator, model, reference.model, reward, kl)
        checkpoint, latest = make_checkpoint(settings, folder, kl)
    first = checkpoint.restore(model)
    try:
        for iteration in range(first, settings.iterations):
            numbers = chat_rollouts.prompt_of_step(
                len(prompts["train"]), settings.answers, settings.seed, iteration
            )
            asked = [prompts["train"][number] for number in numbers]
            rollout = rollouts.collect(asked, seed=rollout_seed(settings.seed, iteration))
            kl.update(rollout.statistics["kl"], len(asked))
            latest.update(rollout.statistics)
            learn(settings, model, rollout, pretraining, checkpoint, iteration)
    except zoo.tasks.RunawayKL as error:
        checkpoint.step_back()
        good = checkpoint.restore(model)
        save(generator, folder / "last_good")
        raise ValueError(
            f"stopped in iteration {good + 2}: {error}. {folder / 'last_good'} has the policy of "
            f"iteration {good}; give another folder by --run to try again"
        ) from error
    draw_run(folder, PANELS)
    chat_compare.show_samples(
        settings, folder, reference, generator, prompts["dev"], reward, template
    )
    save(generator, folder / "task", settings.new_tokens)
    print(f"{folder / 'task'} has it: python -m recipes.chat talk --run {folder}")


def rollout_seed(seed, iteration):
    """Of the answers of an iteration, at most 32 bits."""
    return (seed * 1_000_003 + iteration) % 2**32


def make_model(settings, generator):
    """`zoo.training.ProximalPolicy`, compiled; its critic starts from the reward model.

    Raises:
        ValueError: a minibatch is greater than a rollout.
    """
    import zoo

    if not 1 <= settings.minibatch <= settings.answers:
        raise ValueError(
            f"minibatch must be 1 to {settings.answers}, the answers; got {settings.minibatch}"
        )
    policy = generator.model
    if settings.critic == "head":
        actor_critic = zoo.training.SharedCritic(policy)
    else:
        begins = policy if settings.reward_function else open_scorer(settings.reward).model
        begins = chat_models.in_precision(begins, settings.precision)
        actor_critic = zoo.training.SeparateCritic(policy, zoo.models.GPTValue.from_model(begins))
    loss = zoo.training.PPOLoss(
        clip_range=settings.clip_range,
        value_clip=settings.value_clip,
        value_coefficient=settings.value_coefficient,
        entropy_coefficient=settings.entropy_coefficient,
        pretraining_coefficient=settings.ptx,
    )
    model = zoo.training.ProximalPolicy(actor_critic, loss)
    updates = settings.iterations * settings.passes * (settings.answers // settings.minibatch)
    rate = zoo.training.WarmupLinear(
        settings.peak, settings.warmup, max(updates, settings.warmup + 1)
    )
    optimizer = zoo.training.Adam(rate, global_clipnorm=settings.clip or None)
    model.compile(optimizer, jit_compile=jit())
    return model


def make_kl(settings):
    """`zoo.training.AdaptiveKL`, or `FixedKL` where there is no target."""
    import zoo

    if not settings.kl_target:
        return zoo.training.FixedKL(settings.kl_coefficient)
    return zoo.training.AdaptiveKL(settings.kl_coefficient, settings.kl_target, settings.kl_horizon)


def make_rollouts(settings, generator, model, reference, reward, kl):
    """`zoo.tasks.Rollouts` of the settings."""
    import zoo

    return zoo.tasks.Rollouts(
        generator,
        model.actor_critic,
        reference,
        reward,
        kl,
        max_prompt_tokens=settings.prompt_tokens,
        max_new_tokens=settings.new_tokens,
        discount=settings.discount,
        trace=settings.trace,
        no_end_reward=float(settings.no_end_reward) if settings.no_end_reward else None,
        kl_limit=settings.kl_limit or None,
        batch_size=min(settings.answers, 64),
    )


def make_checkpoint(settings, folder, kl):
    """The `zoo.training.Checkpoint` with logs, and a dict of what they say of the last rollout."""
    import zoo

    latest = {}
    callbacks = [
        kl,
        zoo.training.DevMetric(lambda: dict(latest), prefix=""),
        zoo.training.JsonLinesLog(folder / "log.jsonl"),
        zoo.training.TensorBoardScalars(folder / "tensorboard"),
    ]
    checkpoint = zoo.training.Checkpoint(folder / "checkpoints", settings.seed, callbacks)
    return checkpoint, latest


def learn(settings, model, rollout, pretraining, checkpoint, iteration):
    """Several passes over a rollout by fit(); prints a line."""
    import zoo

    more_inputs, more_labels = pretraining.rows(len(rollout.answers), iteration)
    batches = zoo.text.ArrayPasses(
        {**rollout.inputs, **more_inputs},
        {**rollout.labels, **more_labels},
        settings.minibatch,
        settings.passes,
        seed=settings.seed,
        epoch=iteration,
    )
    history = model.fit(
        batches,
        epochs=iteration + 1,
        initial_epoch=iteration,
        callbacks=checkpoint.callbacks,
        shuffle=False,
        verbose=0,
    )
    logs = {name: values[-1] for name, values in history.history.items()} | rollout.statistics
    shown = " ".join(f"{name} {logs[name]:.3g}" for name in _SHOWN)
    print(f"{iteration + 1}/{settings.iterations} {shown}", flush=True)


def save(generator, folder, new_tokens=None):
    """Write the policy as a task of its own."""
    import zoo

    options = generator.options
    if new_tokens:
        options = dataclasses.replace(options, max_new_tokens=new_tokens)
    zoo.tasks.TextGenerator(generator.model, generator.tokenizer, options).save(folder)


def evaluate(settings):
    """Print one JSON object: the policy beside the model that it came from, on other prompts."""
    folder = trained(settings.run, "task").parent
    asked = settings_as(Train, read_settings(folder))
    after, template = open_chat(folder)
    found = chat_compare.compare(asked, open_chat(asked.sft)[0], after, template, settings)
    write_json(folder / "metrics.dev.json", found)
    print(json.dumps(found))


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, chat_models.predict),
    "export": (Export, chat_models.export),
}

if __name__ == "__main__":
    run("python -m recipes.chat_ppo", __doc__, VERBS)
