"""What the chat recipes share: the template, where a model starts from, how it is asked."""

import dataclasses
import hashlib
import json
from pathlib import Path

from recipes.cli import answer_lines, option
from recipes.runs import trained, write_json
from zoo.serving.versions import next_version

_TEMPLATE_FILE = "chat_template.json"


@dataclasses.dataclass(frozen=True)
class Marks:
    """Options of how conversations are spelled; what trains on a chat model takes its own."""

    user_mark: str = option("\n\nHuman:", "what stands before a message of the user")
    assistant_mark: str = option("\n\nAssistant:", "what stands before an answer")


@dataclasses.dataclass(frozen=True)
class Asking:
    """Options of how answers are written."""

    new_tokens: int = option(0, "most tokens of an answer; 0: the task's own")
    temperature: float = option(0.7, "0 takes the most probable token")
    top_p: float = option(1.0, "draw among the fewest tokens of this probability together")
    seed: int = option(0, "of what is drawn")

    def options(self):
        """What `TextGenerator` calls them."""
        found = {"temperature": self.temperature, "seed": self.seed}
        if self.temperature:
            found["top_p"] = self.top_p
        return found | ({"max_new_tokens": self.new_tokens} if self.new_tokens else {})


@dataclasses.dataclass(frozen=True)
class Predict(Asking):
    """Options of the verb; a recipe says where its runs are."""

    run: str = option("", "folder of the run")
    batch_size: int = option(8, "lines at a time")


@dataclasses.dataclass(frozen=True)
class Export(Asking):
    """Options of the verb; a recipe says where its runs are."""

    run: str = option("", "folder of the run")
    out: str = option("saved_models/chat", "the model's folder; gets the next version")


def template_of(settings):
    """The `zoo.text.ChatTemplate` of settings with `Marks`."""
    from zoo.text import ChatTemplate

    return ChatTemplate(user=settings.user_mark, assistant=settings.assistant_mark)


def remember_template(folder, template):
    """Write a template beside a run, for whatever goes on from there."""
    write_json(folder / _TEMPLATE_FILE, dataclasses.asdict(template))


def template_of_run(folder):
    """The template of a run; where it has none, as after recipes.gpt_pretrain, the usual one."""
    from zoo.text import ChatTemplate

    file = Path(folder) / _TEMPLATE_FILE
    return ChatTemplate(**json.loads(file.read_text("utf-8"))) if file.exists() else ChatTemplate()


def open_chat(source, precision=None):
    """A chat model and its template.

    Args:
        source: a run folder of a chat recipe or of recipes.gpt_pretrain, the folder of a saved
            `TextGenerator`, or a folder or hub name of released weights.
        precision: a Keras dtype policy to train it in; None: its own.

    Returns:
        the `zoo.tasks.TextGenerator` and the `zoo.text.ChatTemplate` that it was trained with.

    Raises:
        ValueError: the run's training has not ended, or the folder is of another kind.
        FileNotFoundError: there is no such folder and no such name.
    """
    import zoo

    folder = Path(source)
    if (folder / "settings.json").is_file():
        found = zoo.load(trained(folder, "task"))
    elif (folder / "task.json").is_file():
        found = zoo.load(folder)
    else:
        found = zoo.tasks.TextGenerator.from_pretrained(source)
    if not isinstance(found, zoo.tasks.TextGenerator):
        raise ValueError(f"{source} holds a {type(found).__name__}, not a TextGenerator")
    if precision not in (None, found.model.dtype_policy.name):
        model = in_precision(found.model, precision)
        found = zoo.tasks.TextGenerator(model, found.tokenizer, found.options)
    return found, template_of_run(folder)


def in_precision(model, precision):
    """A GPT or one of its heads with the same weights that computes in another dtype policy."""
    new = type(model)(model.config, dtype=precision)
    new.set_weights(model.get_weights())
    return new


def open_scorer(run):
    """The `zoo.tasks.AnswerScorer` of a run folder of recipes.chat_reward.

    Raises:
        ValueError: there is none.
    """
    import zoo

    found = zoo.load(trained(run, "task"))
    if not isinstance(found, zoo.tasks.AnswerScorer):
        raise ValueError(f"{run} holds a {type(found).__name__}, not an AnswerScorer")
    return found


def ask(generator, template, conversations, batch_size=32, **options):
    """What a chat model answers.

    Args:
        generator, template: see `open_chat`.
        conversations: list of what `ChatTemplate.prompt` takes: str or messages.
        batch_size: at a time.
        **options: of `TextGenerator.generate`.

    Returns:
        list of str.
    """
    prompts = [template.prompt(each) for each in conversations]
    found = generator.generate(prompts, batch_size, **options)
    # Cut here: to look for the mark after every token takes longer than the tokens behind it.
    return [template.shown(each[0].text.partition(template.user)[0]) for each in found]


def make_optimizer(settings, model, batches):
    """`zoo.training.fine_tuning_optimizer` for as many updates as the batches make.

    Args:
        settings: has `epochs`, `peak`, `warmup`, `weight_decay` and `accumulate`.
        model: what is trained.
        batches: has `steps_per_epoch`.
    """
    import zoo

    updates = settings.epochs * batches.steps_per_epoch // settings.accumulate
    return zoo.training.fine_tuning_optimizer(
        model,
        settings.peak,
        settings.warmup,
        max(updates, settings.warmup + 1),
        weight_decay=settings.weight_decay,
        accumulate=settings.accumulate,
    )


def predict(settings):
    """Answer the lines of standard input, each a conversation of its own."""
    generator, template = open_chat(settings.run)

    def answer(lines):
        found = ask(generator, template, lines, settings.batch_size, **settings.options())
        print(*found, sep="\n", flush=True)

    answer_lines(settings.batch_size, answer)


def export(settings):
    """Write the SavedModel for TF Serving as the next version; prompts as the template has them."""
    generator, template = open_chat(settings.run)
    folder = next_version(settings.out)
    generator.export(folder, **settings.options())
    print(f"exported to {folder}; a prompt looks like {template.prompt('Hello')!r}")


def same_data(folder, **data):
    """Remember what a run was made of; raise ValueError where it is other data now.

    Args:
        folder: of the run.
        **data: JSON values.
    """
    file, facts = folder / "data.json", {}
    for name, value in data.items():
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
        facts[name] = {"rows": len(value), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    if not file.exists():
        write_json(file, facts)
    elif (before := json.loads(file.read_text())) != facts:
        changed = sorted(name for name in facts if before.get(name) != facts[name])
        raise ValueError(
            f"{folder} was made of other data ({', '.join(changed)} changed): give the same files, "
            "or another folder by --run"
        )
