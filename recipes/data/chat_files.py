"""Instructions and preferences of your own: JSON lines, a record a line, plain or `.gz`.

Demonstrations are one of

    {"instruction": "...", "input": "...", "output": "..."}      input may be missing or empty
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

of which every answer of the assistant is one to learn. Preferences are one of

    {"prompt": "..." or messages, "chosen": "...", "rejected": "..."}
    {"prompt": "..." or messages, "answers": ["...", ...], "ranks": [0, 1, ...]}    0 the best
    {"chosen": "\\n\\nHuman: ...\\n\\nAssistant: ...", "rejected": ...}     dialogues, equal but for
                                                                        the last answer
"""

import gzip
import json
from pathlib import Path
from typing import NamedTuple

from zoo.text.chat_template import check_messages, with_answers


class Demonstration(NamedTuple):
    """An answer to learn.

    Attributes:
        messages: list of messages, the last one the user's.
        answer: str.
        where: file and line.
    """

    messages: list
    answer: str
    where: str


class Ranking(NamedTuple):
    """Answers to one prompt, and which are better.

    Attributes:
        messages: list of messages, the last one the user's.
        answers: list of K str.
        ranks: list of K int, 0 for the best, equal for ties.
        where: file and line.
    """

    messages: list
    answers: list
    ranks: list
    where: str


def read_demonstrations(files, template):
    """All demonstrations of files: list of `Demonstration`.

    Args:
        files: list of paths.
        template: `zoo.text.ChatTemplate`, for dialogues that are one text.

    Raises:
        ValueError: a line is no demonstration; the message has file and line.
    """
    found = []
    for where, record in _records(files):
        if "messages" in record:
            pairs = _checked(where, lambda record=record: with_answers(record["messages"]))
            if not pairs:
                raise ValueError(f"{where}: messages has no answer of the assistant")
        else:
            _need_texts(where, record, "instruction", "output")
            pairs = [(_instruction(where, record), record["output"])]
        for messages, answer in pairs:
            if not answer.strip():
                raise ValueError(f"{where}: the answer is empty")
            found.append(Demonstration(messages, answer, where))
    return found


def read_rankings(files, template, skip_unusable=False):
    """All preferences of files: list of `Ranking`.

    Args:
        files: list of paths.
        template: `zoo.text.ChatTemplate`, which splits dialogues.
        skip_unusable: leave out pairs with equal texts, and dialogues that differ before the last
            answer or do not end with one, instead of refusing them.

    Returns:
        the rankings, and how many were left out.

    Raises:
        ValueError: a line is no preference, or both texts are equal; the message has file and line.
    """
    found, left_out = [], 0
    for where, record in _records(files):
        try:
            found.append(_ranking(where, record, template))
        except _SaysNothing as error:
            if not skip_unusable:
                raise ValueError(f"{error} (--skip-unusable leaves such lines out)") from None
            left_out += 1
    return found, left_out


def read_prompts(files, template):
    """The prompts of demonstrations or preferences: list of messages, each once."""
    found = {}
    for where, record in _records(files):
        if "chosen" in record and "prompt" not in record:
            _need_texts(where, record, "chosen")
            messages, _ = _dialogue(where, record["chosen"], template)
        elif "prompt" in record:
            messages = _messages(where, record["prompt"])
        elif "messages" in record:
            pairs = _checked(where, lambda record=record: with_answers(record["messages"]))
            messages = pairs[-1][0] if pairs else _messages(where, record["messages"])
        else:
            _need_texts(where, record, "instruction")
            messages = _instruction(where, record)
        found.setdefault(json.dumps(messages, sort_keys=True), messages)
    return list(found.values())


class _SaysNothing(ValueError):
    """A preference that prefers nothing."""


def _ranking(where, record, template):
    if "answers" in record:
        return _ranked(where, record)
    _need_texts(where, record, "chosen", "rejected")
    if "prompt" in record:
        messages = _messages(where, record["prompt"])
        chosen, rejected = record["chosen"], record["rejected"]
    else:
        messages, chosen = _dialogue(where, record["chosen"], template)
        others, rejected = _dialogue(where, record["rejected"], template)
        if messages != others:
            raise _SaysNothing(f"{where}: chosen and rejected differ before the last answer")
    if chosen.strip() == rejected.strip():
        raise _SaysNothing(f"{where}: chosen and rejected are equal")
    for name, text in {"chosen": chosen, "rejected": rejected}.items():
        if not text.strip():
            raise _SaysNothing(f"{where}: {name} has an empty answer")
    return Ranking(messages, [chosen, rejected], [0, 1], where)


def _ranked(where, record):
    answers, ranks = record["answers"], record.get("ranks")
    if not isinstance(answers, list) or not all(isinstance(a, str) and a.strip() for a in answers):
        raise ValueError(f"{where}: answers must be a list of texts; got {answers!r}")
    whole = isinstance(ranks, list) and all(isinstance(r, int) and r >= 0 for r in ranks)
    if not whole or len(ranks) != len(answers):
        raise ValueError(
            f"{where}: ranks must be {len(answers)} whole numbers, 0 for the best; got {ranks!r}"
        )
    if len(set(ranks)) < 2:
        raise _SaysNothing(f"{where}: all answers have the same rank")
    first = {}
    for answer, rank in zip(answers, ranks, strict=True):
        if first.setdefault(answer.strip(), rank) != rank:
            raise _SaysNothing(f"{where}: equal answers have different ranks: {answer!r}")
    return Ranking(_messages(where, record.get("prompt")), answers, ranks, where)


def _dialogue(where, text, template):
    """The messages before the last answer of a dialogue that is one text, and that answer."""
    messages = _checked(where, lambda: template.dialogue(text))
    if messages[-1]["role"] != "assistant":
        raise _SaysNothing(f"{where}: the dialogue must end with an answer; got {text[-60:]!r}")
    return messages[:-1], messages[-1]["content"]


def _instruction(where, record):
    """The message of the fields "instruction" and "input"."""
    given = record.get("input") or ""
    if not isinstance(given, str):
        raise ValueError(f"{where}: input must be a str; got {given!r}")
    content = f"{record['instruction'].strip()}\n\n{given.strip()}".strip()
    return [{"role": "user", "content": content}]


def _messages(where, prompt):
    if isinstance(prompt, str) and prompt.strip():
        return [{"role": "user", "content": prompt}]
    _checked(where, lambda: check_messages(prompt))
    if prompt[-1]["role"] != "user":
        raise ValueError(f"{where}: prompt must end with a message of the user")
    return prompt


def _need_texts(where, record, *names):
    for name in names:
        if name not in record:
            raise ValueError(f"{where}: the field {name!r} is missing; there are {sorted(record)}")
        if not isinstance(record[name], str) or not record[name].strip():
            raise ValueError(f"{where}: {name} must be a text; got {record[name]!r}")


def _checked(where, function):
    try:
        return function()
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _records(files):
    """("file:line", dict) of every line that is not empty."""
    for file in files:
        path = Path(file)
        read = gzip.open if path.suffix == ".gz" else open
        with read(path, "rt", encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                where = f"{path}:{number}"
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{where}: no JSON: {error}") from None
                if not isinstance(record, dict):
                    raise ValueError(f"{where}: must be an object; got {type(record).__name__}")
                yield where, record
