"""Writes the sentences of the spoken calendar: picks frames, phrases and values of one split."""

import datetime
import functools
import hashlib
import random
import string
import unicodedata
from typing import NamedTuple

from recipes.data import calendar_frames as frames
from recipes.data.calendar_values import TIME_MANNERS, Day, Phrase, Quantity, Time

SPLITS = ("train", "dev", "test")
FIRST_DAY = datetime.date(1900, 1, 1)
LAST_DAY = datetime.date(2099, 12, 31)
LEAP_DAYS = tuple(datetime.date(year, 2, 29) for year in range(1904, 2100, 4))
_TRAINING_NUMBERS = frozenset([*range(21), *range(20, 100, 10), *range(100, 1001, 100)])
# Around the half hour German names the hour to come ("half past three" is "halb vier"): twelve
# idioms each, to be learned by heart like the names of the hours.
_TRAINING_MINUTES = (0, 25, 30, 35)
# Share of the sentences, frames.
_KINDS = (
    (0.46, frames.NUMBERS),
    (0.22, frames.DATES),
    (0.20, frames.TIMES),
    (0.12, frames.MIXTURES),
)
# Share of the numbers, smallest and largest multiple, factor, largest addend: short and round
# numbers are far more frequent than among all 1,000,000.
_NUMBER_SHAPES = (
    (0.09, 0, 20, 1, 0),
    (0.01, 1, 10, 100, 0),
    (0.14, 21, 99, 1, 0),
    (0.22, 100, 999, 1, 0),
    (0.14, 1_000, 9_999, 1, 0),
    (0.13, 10_000, 99_999, 1, 0),
    (0.15, 100_000, 999_999, 1, 0),
    (0.03, 10, 9_999, 100, 0),
    (0.04, 1, 999, 1_000, 0),
    (0.05, 1, 999, 1_000, 99),
)
# Share of the dates, manner; figures are the hardest to learn, copied digit by digit out of order.
_DATE_MANNERS = (
    (0.24, "month first"),
    (0.23, "day first"),
    (0.22, "half in words"),
    (0.22, "in words"),
    (0.09, "figures"),
)


class Example(NamedTuple):
    """A sentence pair and its values as sorted (kind, content) pairs."""

    english: str
    german: str
    values: tuple


@functools.lru_cache(maxsize=1 << 18)
def split_of(value, seed=0):
    """The only split in which a value may occur: "train", or one in ten each "dev" and "test".

    Args:
        value: ("number", 0..999999), ("day", "YYYY-MM-DD") or ("time", 0..719), in minutes.
        seed: int, that of the data set.
    """
    kind, content = value
    if kind == "number" and content in _TRAINING_NUMBERS:
        return "train"
    if kind == "time" and content % 60 in _TRAINING_MINUTES:
        return "train"
    digest = hashlib.sha256(f"{seed} {kind} {content}".encode()).digest()
    return {0: "test", 1: "dev"}.get(int.from_bytes(digest[:8], "big") % 10, "train")


class Author:
    """Writes the sentences of one split. Every choice comes from `Random.random()` on an int seed,
    the stream that Python keeps the same from version to version."""

    def __init__(self, split, seed):
        self.split, self.seed = split, seed
        self.random = random.Random(len(SPLITS) * seed + SPLITS.index(split)).random

    def write(self):
        """The next Example."""
        frame = self._pick(self._pick_share(_KINDS)[0])
        slots = self._fill(frame, _slot_names(frame.english))
        english = {name: _Slot(entry.english) for name, entry in slots.items()}
        german = {name: _Slot(entry.german) for name, entry in slots.items()}
        values = tuple(sorted({entry.key for entry in slots.values() if entry.key}))
        return Example(
            _sentence(frame.english.format_map(english)),
            _sentence(frame.german.format_map(german)),
            values,
        )

    def _fill(self, frame, names):
        slots = {
            name: Phrase(*self._pick(frames.LEXICON[name]))
            for name in sorted(names & frames.LEXICON.keys())
        }
        numbers = [name for name in ("number", "other") if name in names]
        slots |= self._quantities(frame, numbers)
        slots |= self._days([name for name in ("day", "last_day") if name in names])
        return slots | self._times([name for name in ("time", "end_time") if name in names])

    def _quantities(self, frame, names):
        numbers = self._distinct(lambda: self._number(frame), "number", len(names))
        spelled = self.random() < 0.5
        pool = list(frame.nouns) or [None]
        nouns = [pool.pop(self._integer(0, len(pool) - 1)) for _ in names]
        return {
            name: Quantity(number, noun, spelled)
            for name, number, noun in zip(names, numbers, nouns, strict=True)
        }

    def _number(self, frame):
        while True:
            smallest, largest, factor, addend = self._pick_share(_NUMBER_SHAPES)
            number = factor * self._integer(smallest, largest) + self._integer(0, addend)
            if frame.smallest <= number <= frame.largest:
                return number

    def _days(self, names):
        days = self._distinct(self._date, "day", len(names), key=datetime.date.isoformat)
        manner = self._pick_share(_DATE_MANNERS)[0]
        with_weekday = manner != "figures" and self.random() < 0.35
        return {
            name: Day(day, manner, with_weekday)
            for name, day in zip(names, sorted(days), strict=True)
        }

    def _date(self):
        if self.random() < 0.04:
            return self._pick(LEAP_DAYS)
        ordinal = self._integer(FIRST_DAY.toordinal(), LAST_DAY.toordinal())
        return datetime.date.fromordinal(ordinal)

    def _times(self, names):
        minutes = self._distinct(self._minute, "time", len(names), key=lambda minute: minute % 720)
        manner = self._pick(TIME_MANNERS)
        return {
            name: Time(*divmod(minute, 60), manner)
            for name, minute in zip(names, sorted(minutes), strict=True)
        }

    def _minute(self):
        step = 5 if self.random() < 0.4 else 1
        return step * self._integer(0, 1440 // step - 1)

    def _distinct(self, draw, kind, count, key=lambda content: content):
        """`count` draws with different keys, all of this split."""
        drawn = {}
        while len(drawn) < count:
            content = draw()
            if split_of((kind, key(content)), self.seed) == self.split:
                drawn.setdefault(key(content), content)
        return list(drawn.values())

    def _integer(self, smallest, largest):
        return smallest + int(self.random() * (largest - smallest + 1))

    def _pick(self, entries):
        return entries[int(self.random() * len(entries))]

    def _pick_share(self, rows):
        """The rest of a row whose first item is its share of all draws."""
        point = self.random()
        for share, *rest in rows[:-1]:
            point -= share
            if point < 0:
                return rest
        return rows[-1][1:]


class _Slot:
    """Lets the format specification of a template's slot name the grammatical form: {day:am}."""

    def __init__(self, render):
        self.render = render

    def __format__(self, form):
        return self.render(form)


@functools.cache
def _slot_names(template):
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _sentence(text):
    """Capitalizes the first letter; the point of "p.m." also ends the sentence."""
    text = unicodedata.normalize("NFKC", " ".join(text.split()))
    return text[0].upper() + text[1:].replace(".m..", ".m.")
