"""How a conversation is spelled for a GPT, in one place."""

import dataclasses

ROLES = ("system", "user", "assistant")


@dataclasses.dataclass(frozen=True)
class ChatTemplate:
    """Marks of who speaks, as plain text, so that any tokenizer and any pretrained GPT will do.

    A conversation is a list of messages {"role": "system", "user" or "assistant", "content": str};
    a system message stands first. The model reads `prompt(messages)` and writes the answer, which
    training spells `answer(content)` with the tokenizer's end id behind it:

        "\\n\\nHuman: What is 2 + 2?\\n\\nAssistant:"  and  " 4."

    The space belongs to the answer: byte-level BPE has " 4" as one word, and a prompt that ends in
    a space would be another text than the training's. Marks are no secret: a message that holds
    them can pretend to be several, as with every template made of text.

    Attributes:
        user: what stands before a message of the user.
        assistant: what stands before an answer.
        system: what stands before the system's message.

    Raises:
        ValueError: the marks of user and assistant are empty, equal, or end in white space.
    """

    user: str = "\n\nHuman:"
    assistant: str = "\n\nAssistant:"
    system: str = ""

    def __post_init__(self):
        for name in ("user", "assistant"):
            mark = getattr(self, name)
            if not mark.strip() or mark != mark.rstrip():
                raise ValueError(
                    f"{name} must be a mark that is not empty and does not end in white space; "
                    f"got {mark!r}"
                )
        if self.user == self.assistant:
            raise ValueError(f"user and assistant must differ; got {self.user!r} for both")

    def prompt(self, messages):
        """All that stands before the next answer.

        Args:
            messages: list of messages, the last one the user's; or a str, the only one of a user.

        Raises:
            ValueError: a message is no message, or they are in an impossible order.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        check_messages(messages)
        if messages[-1]["role"] != "user":
            raise ValueError(f"messages must end with the user's; got {messages[-1]['role']!r}")
        return "".join(self._turn(message) for message in messages) + self.assistant

    def answer(self, content):
        """An answer as it stands behind its prompt."""
        return f" {content.strip()}"

    def shown(self, answer):
        """What the model wrote, as it is shown and judged."""
        return answer.strip()

    def dialogue(self, text):
        """The messages of a text that is spelled by this template, the system's left out.

        Args:
            text: such as "\\n\\nHuman: Hi\\n\\nAssistant: Hello".

        Raises:
            ValueError: it does not begin with the mark of the user.
        """
        if not text.startswith(self.user):
            raise ValueError(f"a dialogue must begin with {self.user!r}; got {text[:40]!r}")
        messages, role, rest = [], "user", text[len(self.user) :]
        while rest is not None:
            mark, other = (self.assistant, "assistant") if role == "user" else (self.user, "user")
            content, found, after = rest.partition(mark)
            messages.append({"role": role, "content": content.strip()})
            role, rest = other, after if found else None
        return messages

    def _turn(self, message):
        content = message["content"].strip()
        if message["role"] == "system":
            return f"{self.system} {content}" if self.system else content
        mark = self.user if message["role"] == "user" else self.assistant
        return f"{mark} {content}"


def check_messages(messages):
    """Raise ValueError unless `messages` is a conversation: a system message at most, first, then
    user and assistant in turn."""
    if not isinstance(messages, list) or not messages:
        raise ValueError(f"messages must be a list that is not empty; got {messages!r}")
    expected = ("system", "user")
    for number, message in enumerate(messages):
        role, content = None, None
        if isinstance(message, dict):
            role, content = message.get("role"), message.get("content")
        if role not in ROLES or not isinstance(content, str):
            raise ValueError(
                f'messages[{number}] must be {{"role": one of {ROLES}, "content": str}}; '
                f"got {message!r}"
            )
        if role not in expected:
            raise ValueError(f"messages[{number}] must be of {expected}; got {role!r}")
        expected = ("assistant",) if role == "user" else ("user",)


def with_answers(messages):
    """Every answer of a conversation with what stands before it: [(messages, answer), ...]."""
    check_messages(messages)
    return [
        (messages[:number], message["content"])
        for number, message in enumerate(messages)
        if message["role"] == "assistant"
    ]
