r"""ChatGPT's first step: supervised fine-tuning on demonstrations.

Paper: "Training language models to follow instructions with human feedback" (InstructGPT, Ouyang et
al. 2022), 3.5. Data: JSON lines of your own (recipes/data/chat_files.py says which fields); without
any, talk about dinner that the recipe makes (recipes/data/kitchen_talk.py). The loss counts the
tokens of answers only; several conversations share a row and do not see each other. Results with
their commands, minutes and seeds: recipes/README.md.

    python -m recipes.chat_sft train
    python -m recipes.chat_sft train --run runs/mine --train my.jsonl.gz --start runs/gpt --lora 8
    python -m recipes.chat_sft evaluate --run runs/mine
    echo "Ada likes fish. What can I cook?" | python -m recipes.chat_sft predict --run runs/mine
    python -m recipes.chat_sft export --run runs/mine --out saved_models/chat

--start is a run folder of recipes.gpt_pretrain, a Hugging Face folder or hub name; without it a
small model learns from nothing, with a vocabulary of the demonstrations. `python -m recipes.chat
talk --run runs/mine` talks to it. What is exported takes prompts as the template spells them.
"""

import dataclasses
import json
import math

from recipes import chat_models
from recipes.chat_models import (
    Marks,
    ask,
    make_optimizer,
    open_chat,
    remember_template,
    same_data,
    template_of,
)
from recipes.cli import option, run
from recipes.curves import draw_run
from recipes.data import chat_files, kitchen_talk
from recipes.gpt_model import Shape, make_model
from recipes.runs import (
    is_trained,
    open_run,
    read_settings,
    settings_as,
    trained,
    write_json,
)
from recipes.training import begin, fit, jit

PANELS = {"loss (nats a token of an answer)": "loss"}


@dataclasses.dataclass(frozen=True)
class Train(Shape, Marks):
    run: str = option("runs/chat_sft", "folder of the run; a stopped training goes on there")
    train: tuple = option((), "JSON lines; none: kitchen talk", nargs="+", type=str)
    dev: tuple = option((), "JSON lines; none: a share of the training data", nargs="+", type=str)
    dev_share: float = option(0.05, "of the training data, its last rows")
    limit: int = option(0, "use so many demonstrations at most; 0: all")
    demonstrations: int = option(6000, "of kitchen talk")
    start: str = option(
        "", "run folder, Hugging Face folder or hub name to start from, instead of a new model"
    )
    vocab_size: int = option(600, "of a new model")
    positions: str = option("rotary", "positions of a new model", choices=("learned", "rotary"))
    length: int = option(96, "tokens of a row, and the context of a new model")
    rows: int = option(16, "rows of a batch, each with several conversations")
    accumulate: int = option(1, "batches of an update")
    epochs: int = option(4, "passes over the demonstrations")
    peak: float = option(0.003, "highest learning rate; 1e-5 to 1e-4 for a pretrained model")
    warmup: int = option(50, "updates of linear warm-up")
    weight_decay: float = option(0.1, "decoupled decay of all but biases and norms")
    lora: int = option(0, "rank of LoRA; 0: all weights train")
    new_tokens: int = option(40, "most tokens of an answer, in the task that is saved")
    precision: str = option("float32", "Keras dtype policy, such as mixed_bfloat16")
    seed: int = option(0, "seed of weights, order and dropout")


@dataclasses.dataclass(frozen=True)
class Evaluate:
    run: str = option("runs/chat_sft", "folder of the run")
    test: tuple = option((), "JSON lines instead of the run's dev part", nargs="+", type=str)
    rows: int = option(32, "rows of a batch")


@dataclasses.dataclass(frozen=True)
class Predict(chat_models.Predict):
    run: str = option("runs/chat_sft", "folder of the run")


@dataclasses.dataclass(frozen=True)
class Export(chat_models.Export):
    run: str = option("runs/chat_sft", "folder of the run")


def train(settings):
    """Train a chat model with fit(); the same command goes on after a stop."""
    import zoo

    begin(settings)
    with open_run(settings) as folder:
        if is_trained(folder, "task"):
            return
        remember_template(folder, template_of(settings))
        parts = read_parts(settings)
        same_data(folder, **{part: [list(d[:2]) for d in data] for part, data in parts.items()})
        generator = start(settings, parts["train"])
        model = generator.model
        rows = {part: encode(settings, generator, data) for part, data in parts.items()}
        batches = make_batches(settings, rows["train"])
        if settings.lora:
            zoo.training.enable_lora(model, settings.lora)
        compile_model(model, make_optimizer(settings, model, batches))
        dev = zoo.text.AnswerEvaluation(
            zoo.text.PackedAnswers(rows["dev"], settings.length), settings.rows
        )
    tokens_per_second = zoo.training.TokensPerSecond()
    fit(settings, folder, model, batches, before=[tokens_per_second], validation_data=dev)
    draw_run(folder, PANELS)
    if settings.lora:
        model = zoo.training.merge_lora(model)
    room = model.config.num_positions - 1
    new_tokens = min(settings.new_tokens, room)
    options = dataclasses.replace(generator.options, max_new_tokens=new_tokens)
    zoo.tasks.TextGenerator(model, generator.tokenizer, options).save(folder / "task")
    print(f"{folder / 'task'} has it: python -m recipes.chat talk --run {folder}")


def read_parts(settings):
    """{"train": list of `Demonstration`, "dev": ...}; the same settings and files, the same rows.

    Raises:
        ValueError: too few demonstrations, or a file is wrong, with its line.
    """
    template = template_of(settings)
    if settings.train:
        data = chat_files.read_demonstrations(settings.train, template)
    else:
        data = [
            chat_files.Demonstration([{"role": "user", "content": asked}], answer, "kitchen talk")
            for asked, answer in kitchen_talk.demonstrations(settings.demonstrations, seed=0)
        ]
    if settings.limit:
        data = data[: settings.limit]
    if settings.dev:
        return {"train": data, "dev": chat_files.read_demonstrations(settings.dev, template)}
    held_out = math.ceil(len(data) * settings.dev_share)
    if not 0 < held_out < len(data):
        raise ValueError(
            f"dev_share={settings.dev_share} of {len(data)} demonstrations leaves nothing to train "
            "or to evaluate on: give --dev, or more demonstrations"
        )
    return {"train": data[:-held_out], "dev": data[-held_out:]}


def start(settings, data):
    """The `TextGenerator` that training starts from.

    Raises:
        ValueError: it has too few positions for `length`.
    """
    import zoo

    if settings.start:
        generator, _ = open_chat(settings.start, settings.precision)
        found = generator.model.config.num_positions
        if found < settings.length:
            raise ValueError(f"length must be at most {found}, the model's; got {settings.length}")
        return generator
    template = template_of(settings)
    texts = (template.prompt(d.messages) + template.answer(d.answer) for d in data)
    tokenizer = zoo.text.train_byte_bpe([], settings.vocab_size, texts=texts)
    return zoo.tasks.TextGenerator(make_model(settings, tokenizer), tokenizer)


def encode(settings, generator, data):
    """Demonstrations as `zoo.text.AnswerRows`; what is too long is cut or left out, and said."""
    import zoo

    template, longest = template_of(settings), settings.length + 1
    prompts = [template.prompt(each.messages) for each in data]
    ids = zoo.text.answer_rows.prompt_ids(generator.tokenizer, prompts)
    kept = [i for i, row in enumerate(ids) if len(row) < longest]
    if len(kept) < len(data):
        first = next(i for i in range(len(data)) if len(ids[i]) >= longest)
        print(
            f"left out: {len(data) - len(kept):,} of {len(data):,} prompts that fill "
            f"length={settings.length} tokens, the first at {data[first].where}"
        )
    if not kept:
        raise ValueError(f"length={settings.length} is too short for every prompt")
    return zoo.text.AnswerRows.encode(
        generator.tokenizer,
        [prompts[i] for i in kept],
        [template.answer(data[i].answer) for i in kept],
        longest,
        [data[i].where for i in kept],
    )


def make_batches(settings, rows):
    """Batches to train on; their weights sum to 1 an update."""
    import zoo

    packed = zoo.text.PackedAnswers(rows, settings.length)
    print(f"{len(rows):,} answers in {len(packed):,} rows of {settings.length} tokens")
    return zoo.text.AnswerBatches(
        packed, settings.rows, seed=settings.seed, accumulate=settings.accumulate
    )


def compile_model(model, optimizer=None):
    """The model with its loss, ready for fit() and evaluate()."""
    import zoo

    # Weights of an update sum to the number of its batches, so the sum is the mean of a token.
    loss = zoo.training.TokenCrossEntropy(reduction="sum")
    metrics = [
        zoo.training.TokenLoss(loss),
        zoo.training.TokenAccuracy(),
        zoo.training.TokenCount(),
    ]
    model.compile(optimizer, loss, weighted_metrics=metrics, jit_compile=jit())


def evaluate(settings):
    """Print one JSON object: how well the answers are predicted, and what is answered."""
    import zoo

    folder = trained(settings.run, "task").parent
    asked = settings_as(Train, read_settings(folder))
    if settings.test:
        data = chat_files.read_demonstrations(settings.test, template_of(asked))
    else:
        data = read_parts(asked)["dev"]
    generator = zoo.load(folder / "task")
    compile_model(generator.model)
    packed = zoo.text.PackedAnswers(encode(asked, generator, data), asked.length)
    batches = zoo.text.AnswerEvaluation(packed, settings.rows)
    found = generator.model.evaluate(batches, return_dict=True, verbose=0)
    scores = {
        "loss": found["loss"],
        "perplexity": math.exp(found["loss"]),
        "accuracy": found["accuracy"],
        "tokens": int(found["tokens"]),
        "answers": len(data),
        "parameters": generator.model.count_params(),
    }
    if not asked.train and not settings.test:
        questions = kitchen_talk.questions("test", 500, seed=1)
        answers = ask(generator, template_of(asked), questions, temperature=1.0)
        scores["true_score"] = sum(kitchen_talk.reward(questions, answers)) / len(questions)
    write_json(folder / f"metrics.{'test' if settings.test else 'dev'}.json", scores)
    print(json.dumps(scores, ensure_ascii=False))


VERBS = {
    "train": (Train, train),
    "evaluate": (Evaluate, evaluate),
    "predict": (Predict, chat_models.predict),
    "export": (Export, chat_models.export),
}

if __name__ == "__main__":
    run("python -m recipes.chat_sft", __doc__, VERBS)
