"""How conversations are spelled, and that training and talking spell them alike."""

import pytest

from zoo.text import ChatTemplate, train_byte_bpe
from zoo.text.chat_template import with_answers

TEMPLATE = ChatTemplate()
TALK = [
    {"role": "user", "content": " Hi there. "},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "How are you?"},
]


def test_a_conversation_is_spelled_turn_by_turn():
    assert TEMPLATE.prompt(TALK) == (
        "\n\nHuman: Hi there.\n\nAssistant: Hello!\n\nHuman: How are you?\n\nAssistant:"
    )
    assert TEMPLATE.answer(" Fine. ") == " Fine."
    assert TEMPLATE.shown(TEMPLATE.answer("Fine.")) == "Fine."


def test_a_str_is_one_message():
    assert TEMPLATE.prompt("Hi") == TEMPLATE.prompt([{"role": "user", "content": "Hi"}])


def test_a_system_message_stands_first():
    messages = [{"role": "system", "content": "Be brief."}, *TALK[:1]]
    assert TEMPLATE.prompt(messages).startswith("Be brief.\n\nHuman: Hi there.")
    marked = ChatTemplate(system="System:")
    assert marked.prompt(messages).startswith("System: Be brief.")


def test_a_dialogue_is_split_where_it_was_joined():
    text = TEMPLATE.prompt(TALK) + TEMPLATE.answer("Fine.")
    messages = TEMPLATE.dialogue(text)
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2
    assert TEMPLATE.prompt(messages[:-1]) + TEMPLATE.answer(messages[-1]["content"]) == text


def test_every_answer_has_what_stands_before_it():
    talk = [*TALK, {"role": "assistant", "content": "Fine."}]
    assert with_answers(talk) == [(talk[:1], "Hello!"), (talk[:3], "Fine.")]


def test_prompt_and_answer_apart_have_the_ids_of_the_whole_text():
    texts = [TEMPLATE.prompt(TALK) + TEMPLATE.answer("Fine, and you? I am 42.")] * 5
    tokenizer = train_byte_bpe([], 290, texts=texts)
    prompt, answer = TEMPLATE.prompt(TALK), TEMPLATE.answer("Fine, and you?")
    apart = [*tokenizer.encode([prompt])[0], *tokenizer.encode([answer])[0]]
    assert tokenizer.encode([prompt + answer])[0] == apart


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([], "not empty"),
        ([{"role": "user"}], r"messages\[0\] must be"),
        ([{"role": "robot", "content": "a"}], r"messages\[0\] must be"),
        ([{"role": "user", "content": 3}], r"messages\[0\] must be"),
        ([{"role": "assistant", "content": "a"}], r"messages\[0\] must be of"),
        ([*TALK[:1], *TALK[:1]], r"messages\[1\] must be of \('assistant',\); got 'user'"),
        (TALK[:2], "must end with the user's; got 'assistant'"),
    ],
)
def test_impossible_conversations_are_refused(messages, problem):
    with pytest.raises(ValueError, match=problem):
        TEMPLATE.prompt(messages)


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ({"user": ""}, "user must be a mark"),
        ({"assistant": "Bot: "}, "assistant must be a mark"),
        ({"user": "A:", "assistant": "A:"}, "must differ"),
    ],
)
def test_impossible_marks_are_refused(marks, name):
    with pytest.raises(ValueError, match=name):
        ChatTemplate(**marks)


def test_a_text_that_is_no_dialogue_is_refused():
    with pytest.raises(ValueError, match="must begin with"):
        TEMPLATE.dialogue("Hello")
