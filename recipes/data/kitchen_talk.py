"""Talk about dinner: demonstrations, prompts and a labeler by rule, for the three steps of ChatGPT.

Made here, so that the recipes run without any data and it is known who is right. A user asks what
to cook for somebody who likes something; the labelers' demonstrations answer, not all of them with
care; `true_score` says by a rule what a labeler thinks of an answer:

- 2 points if it names a dish of what the person likes, and no dish of anything else;
- 1 point if it names the person, 1 if it opens in a friendly way, 2 off if it is rude;
- 1 off if it does not end like a sentence, 1 off if a sentence comes twice, 1/5 off for every word
  beyond 24: padding an answer does not pay.

So an answer has at most 4 points. Careful demonstrations (a fifth) have them all, careless ones
lack each with a probability, and are about as long. Persons and likings of `questions` come in
pairs; those of one part ("train", "reward", "policy", "test") are in no other one.
"""

import numpy as np

PEOPLE = (
    "Ada",
    "Ben",
    "Carla",
    "David",
    "Emma",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Karla",
    "Leo",
    "Mia",
    "Nora",
    "Oscar",
    "Paula",
    "Quentin",
    "Rosa",
    "Simon",
    "Tina",
    "Ulla",
    "Victor",
    "Wanda",
    "Zoe",
)
DISHES = {
    "mushrooms": ("mushroom risotto", "stuffed mushrooms", "creamy mushroom soup"),
    "fish": ("baked trout", "salmon with dill", "a spicy fish curry"),
    "potatoes": ("potato gratin", "roast potatoes", "a warm potato salad"),
    "tomatoes": ("tomato soup", "a tomato tart", "baked tomatoes"),
    "rice": ("paella", "rice with saffron", "fried rice with egg"),
    "beans": ("a black bean chili", "white bean stew", "bean burritos"),
    "cheese": ("cheese fondue", "macaroni and cheese", "a cheese omelette"),
    "spinach": ("spinach lasagna", "spinach pie", "spinach dumplings"),
    "lentils": ("red lentil soup", "lentil curry", "a lentil salad with mint"),
    "pumpkin": ("pumpkin soup", "roast pumpkin", "pumpkin ravioli"),
    "noodles": ("fried noodles", "noodle soup", "noodles with peanut sauce"),
    "apples": ("apple strudel", "apple pancakes", "baked apples"),
}
QUESTIONS = (
    "What could I cook for {person}, who likes {liking}?",
    "{person} comes for dinner and loves {liking}. Any ideas?",
    "I want to surprise {person}. What can I make with {liking}?",
    "Can you suggest a dinner with {liking} for {person}?",
    "{person} asked for something with {liking}. What shall I cook?",
)
FRIENDLY = ("Gladly!", "With pleasure!", "Good question!", "How lovely!")
PLAIN = ("Well then.", "All right.", "Let me see.")
RUDE = ("Not again.", "Who cares.", "If you must.")
FOR_PERSON = (
    "Cook {dish} for {person}.",
    "Surprise {person} with {dish}.",
    "I think {person} will enjoy {dish}.",
    "You could make {dish}, and {person} will be happy.",
)
FOR_ANYBODY = (
    "Cook {dish} for the evening.",
    "Surprise your guest with {dish}.",
    "I think people will enjoy {dish}.",
    "You could make {dish}, and nobody will be hungry.",
)
CLOSING = (
    "Serve it warm.",
    "It takes half an hour.",
    "Add a little lemon at the end.",
    "Fresh bread goes well with it.",
)
PARTS = {"train": 0.4, "reward": 0.2, "policy": 0.2, "test": 0.2}
_MOST_WORDS = 24


def questions(part, count, seed):
    """Questions of a part: list of `count` str, the same for the same seed.

    Raises:
        ValueError: there is no such part.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {tuple(PARTS)}; got {part!r}")
    pairs = [(person, liking) for person in PEOPLE for liking in DISHES]
    order = np.random.default_rng(0).permutation(len(pairs))
    ends = np.cumsum(list(PARTS.values())) * len(pairs)
    number = list(PARTS).index(part)
    first = int(ends[number - 1]) if number else 0
    own = [pairs[i] for i in order[first : int(ends[number])]]
    rng = np.random.default_rng((seed, number))
    found = []
    for _ in range(count):
        person, liking = own[rng.integers(len(own))]
        question = QUESTIONS[rng.integers(len(QUESTIONS))]
        found.append(question.format(person=person, liking=liking))
    return found


def demonstrations(count, seed):
    """What labelers answer: list of `count` (question, answer), all of part "train"."""
    rng = np.random.default_rng((seed, 17))
    return [(asked, _answer(asked, rng)) for asked in questions("train", count, seed)]


def true_score(question, answer):
    """How good a labeler finds an answer, in points: see above.

    Args:
        question, answer: str.

    Raises:
        ValueError: the question is none of these.
    """
    person, liking = _topic(question)
    wanted = any(dish in answer for dish in DISHES[liking])
    others = any(dish in answer for other in DISHES if other != liking for dish in DISHES[other])
    sentences = [each.strip() for each in answer.replace("!", ".").split(".") if each.strip()]
    words = len(answer.split())
    return (
        2.0 * (wanted and not others)
        + (person in answer)
        + answer.strip().startswith(FRIENDLY)
        - 2.0 * any(phrase in answer for phrase in RUDE)
        - (not answer.strip().endswith("."))
        - (len(set(sentences)) < len(sentences))
        - 0.2 * max(0, words - _MOST_WORDS)
    )


def reward(questions, answers):
    """`true_score` of lists, as `recipes.chat_ppo --reward-function` takes it."""
    return [true_score(*pair) for pair in zip(questions, answers, strict=True)]


def _answer(question, rng):
    """A demonstration: careful, or careless in one or several ways."""
    person, liking = _topic(question)
    careful = rng.random() < 0.2
    opening = FRIENDLY
    if not careful and rng.random() < 0.7:
        opening = RUDE if rng.random() < 0.3 else PLAIN
    sentence = FOR_PERSON if careful or rng.random() < 0.5 else FOR_ANYBODY
    if not careful and rng.random() < 0.4:
        liking = list(DISHES)[rng.integers(len(DISHES))]
    dish = DISHES[liking][rng.integers(len(DISHES[liking]))]
    parts = [
        opening[rng.integers(len(opening))],
        sentence[rng.integers(len(sentence))].format(dish=dish, person=person),
        CLOSING[rng.integers(len(CLOSING))],
    ]
    return " ".join(parts)


def _topic(question):
    """Person and liking of a question."""
    people = [person for person in PEOPLE if person in question]
    likings = [liking for liking in DISHES if liking in question]
    if len(people) != 1 or len(likings) != 1:
        raise ValueError(
            "question must name one of the people and one of the likings of kitchen talk; got "
            f"{question!r}"
        )
    return people[0], likings[0]
