"""Two thousand small sentences whose verb stands last in German: enough to train on in seconds."""

import itertools

import numpy as np

SUBJECTS = {"She": "Sie wird", "He": "Er wird", "The girl": "Das Mädchen wird", "We": "Wir werden"}
SUBJECTS |= {"The bank": "Die Bank wird", "They": "Sie werden"}
VERBS = {"call": "anrufen", "see": "sehen", "visit": "besuchen", "ask": "fragen", "find": "finden"}
VERBS |= {"help": "unterstützen", "thank": "loben", "forget": "vergessen"}
OBJECTS = {"Ann": "Ann", "the teacher": "die Lehrerin", "the doctor": "die Ärztin"}
OBJECTS |= {"my mother": "meine Mutter", "the children": "die Kinder", "Paul": "Paul"}
TIMES = {
    "on Monday": "am Montag",
    "on Friday": "am Freitag",
    "on Sunday": "am Sonntag",
    "in March": "im März",
    "in July": "im Juli",
    "today": "heute",
    "tomorrow": "morgen",
    "soon": "bald",
}


def pairs(seed=0, test=100):
    """All sentences with their translations, in an order drawn by `seed`.

    Returns:
        (train, test): lists of (English, German); no test sentence stands in train.
    """
    made = [
        (f"{s} will {v} {o} {t}.", f"{SUBJECTS[s]} {OBJECTS[o]} {TIMES[t]} {VERBS[v]}.")
        for s, v, o, t in itertools.product(SUBJECTS, VERBS, OBJECTS, TIMES)
    ]
    order = np.random.default_rng(seed).permutation(len(made))
    shuffled = [made[i] for i in order]
    return shuffled[test:], shuffled[:test]
