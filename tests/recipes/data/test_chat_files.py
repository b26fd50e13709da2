"""JSON lines of instructions and preferences: what is read, and how errors name their line."""

import gzip
import json

import pytest

from recipes.data import chat_files
from zoo.text import ChatTemplate

TEMPLATE = ChatTemplate()
USER = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def jsonl(tmp_path):
    def write(*records, name="data.jsonl"):
        lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
        text = "\n".join(lines) + "\n"
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_instructions_with_and_without_input(jsonl, name):
    file = jsonl(
        {"instruction": "Add.", "input": "1 and 2", "output": "3"},
        {"instruction": "Greet. ", "output": "Hi\u2028there"},
        name=name,
    )
    first, second = chat_files.read_demonstrations([file], TEMPLATE)
    assert first.messages == [{"role": "user", "content": "Add.\n\n1 and 2"}]
    assert (first.answer, first.where) == ("3", f"{file}:1")
    assert second.messages == [{"role": "user", "content": "Greet."}]
    assert second.answer == "Hi\u2028there"  # no end of a line


def test_every_answer_of_a_conversation_is_one_to_learn(jsonl):
    talk = [*USER, {"role": "assistant", "content": "Hello"}, *USER]
    talk += [{"role": "assistant", "content": "Again?"}]
    found = chat_files.read_demonstrations([jsonl({"messages": talk})], TEMPLATE)
    assert [(len(each.messages), each.answer) for each in found] == [(1, "Hello"), (3, "Again?")]


def test_pairs_rankings_and_dialogues(jsonl):
    before = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye\n\nAssistant:"
    file = jsonl(
        {"prompt": "Hi", "chosen": "a", "rejected": "b"},
        {"prompt": USER, "answers": ["a", "b", "c"], "ranks": [1, 0, 1]},
        {"chosen": f"{before} Bye.", "rejected": f"{before} No."},
    )
    found, left_out = chat_files.read_rankings([file], TEMPLATE)
    assert left_out == 0
    assert [(each.answers, each.ranks) for each in found] == [
        (["a", "b"], [0, 1]),
        (["a", "b", "c"], [1, 0, 1]),
        (["Bye.", "No."], [0, 1]),
    ]
    assert [message["content"] for message in found[2].messages] == ["Hi", "Yes?", "Bye"]


def test_lines_that_prefer_nothing_may_be_left_out(jsonl):
    file = jsonl(
        {"prompt": "Hi", "chosen": "a", "rejected": "a"},
        {"chosen": "\n\nHuman: A\n\nAssistant: x", "rejected": "\n\nHuman: B\n\nAssistant: y"},
        {"prompt": "Hi", "answers": ["a", "b"], "ranks": [0, 0]},
        {"prompt": "Hi", "answers": ["a", "b", "a "], "ranks": [0, 1, 2]},
        {"prompt": "Hi", "chosen": "a", "rejected": "b"},
        {"prompt": "Hi", "answers": ["a", "b", "a"], "ranks": [0, 1, 0]},
    )
    found, left_out = chat_files.read_rankings([file], TEMPLATE, skip_unusable=True)
    assert (len(found), left_out) == (2, 4)
    with pytest.raises(
        ValueError, match=r"data.jsonl:1: chosen and rejected are equal.*skip-unusable"
    ):
        chat_files.read_rankings([file], TEMPLATE)


def test_prompts_come_once(jsonl):
    file = jsonl(
        {"prompt": "Hi", "chosen": "a", "rejected": "b"},
        {"chosen": "\n\nHuman: Hi\n\nAssistant: x", "rejected": "..."},
        {"instruction": "Hi", "input": "there"},
        {"messages": [*USER, {"role": "assistant", "content": "x"}]},
    )
    found = chat_files.read_prompts([file], TEMPLATE)
    assert [messages[-1]["content"] for messages in found] == ["Hi", "Hi\n\nthere"]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("{", "data.jsonl:2: no JSON"),
        ("[]", "data.jsonl:2: must be an object; got list"),
        ({"instruction": "a"}, "data.jsonl:2: the field 'output' is missing"),
        ({"instruction": "", "output": "a"}, "data.jsonl:2: instruction must be a text; got ''"),
        ({"instruction": "a", "input": 3, "output": "b"}, "data.jsonl:2: input must be a str"),
        ({"messages": USER}, "data.jsonl:2: messages has no answer"),
        ({"messages": [{"role": "x"}]}, r"data.jsonl:2: messages\[0\] must be"),
    ],
)
def test_wrong_demonstrations_name_file_and_line(jsonl, record, problem):
    file = jsonl({"instruction": "a", "output": "b"}, record)
    with pytest.raises(ValueError, match=problem):
        chat_files.read_demonstrations([file], TEMPLATE)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "a", "chosen": "b"}, ":1: the field 'rejected' is missing"),
        ({"chosen": "Hello", "rejected": "b"}, ":1: a dialogue must begin with"),
        ({"chosen": "\n\nHuman: a", "rejected": "b"}, ":1: the dialogue must end with an answer"),
        ({"prompt": "a", "answers": ["b", ""], "ranks": [0, 1]}, ":1: answers must be a list"),
        ({"prompt": "a", "answers": ["b", "c"], "ranks": [0]}, ":1: ranks must be 2 whole numbers"),
        ({"prompt": 3, "answers": ["b", "c"], "ranks": [0, 1]}, ":1: messages must be a list"),
    ],
)
def test_wrong_preferences_name_file_and_line(jsonl, record, problem):
    with pytest.raises(ValueError, match=problem):
        chat_files.read_rankings([jsonl(record)], TEMPLATE)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"instruction": "a", "input": 3}, "data.jsonl:1: input must be a str; got 3"),
        ({"messages": [{"role": "system", "content": "a"}]}, "data.jsonl:1: .*user"),
        ({"output": "a"}, "data.jsonl:1: the field 'instruction' is missing"),
    ],
)
def test_wrong_prompts_name_file_and_line(jsonl, record, problem):
    with pytest.raises(ValueError, match=problem):
        chat_files.read_prompts([jsonl(record)], TEMPLATE)
