"""Reads numbers, dates and times of day back from sentences; shares no code with recipes.data."""

import datetime
import functools
import re


def _words(text):
    return text.split()


GERMAN_SMALL = _words(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn"
)
GERMAN_TENS = _words("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
GERMAN_MONTHS = _words(
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
)
GERMAN_WEEKDAYS = _words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag")
ENGLISH_SMALL = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
ENGLISH_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
ENGLISH_MONTHS = _words(
    "January February March April May June July August September October November December"
)
ENGLISH_WEEKDAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")


@functools.cache
def german_number(word):
    """The value of a German cardinal of 0..999,999; ValueError if the word is none."""
    thousands, found, rest = word.rpartition("tausend")
    if found:
        if thousands.endswith("eins"):
            raise ValueError(word)
        thousands += "s" if thousands.endswith("ein") else ""
        return 1000 * _positive(thousands) + (_positive(rest) if rest else 0)
    hundreds, found, rest = word.rpartition("hundert")
    if found:
        digit = 1 if hundreds == "ein" else GERMAN_SMALL.index(hundreds)
        if hundreds == "eins" or not 0 < digit < 20:
            raise ValueError(word)
        return 100 * digit + (_positive(rest) if rest else 0)
    units, found, tens = word.rpartition("und")
    if found:
        digit = 1 if units == "ein" else GERMAN_SMALL.index(units)
        if units == "eins" or not 0 < digit < 10:
            raise ValueError(word)
        return digit + 10 * GERMAN_TENS.index(tens) + 20
    return GERMAN_SMALL.index(word) if word in GERMAN_SMALL else 10 * GERMAN_TENS.index(word) + 20


def _positive(word):
    if word == "null":
        raise ValueError(word)
    return german_number(word)


@functools.cache
def german_ordinal(word):
    """The value of an inflected German ordinal; ValueError if the word is none."""
    stem = re.sub("e[nr]?$", "", word)
    for ending, number in (("erst", "eins"), ("dritt", "drei"), ("siebt", "sieben"), ("acht", "")):
        if stem.endswith(ending):
            return german_number(stem.removesuffix(ending) + (number or "acht"))
    if stem == word or not stem.endswith("t"):
        raise ValueError(word)
    short = stem.removesuffix("t")
    number = _try(german_number, short)
    if number is not None and 0 < number % 100 < 20:
        return number
    number = german_number(short.removesuffix("s"))
    if number == 0 or not short.endswith("s") or 0 < number % 100 < 20:
        raise ValueError(word)
    return number


def _try(read, word):
    try:
        return read(word)
    except ValueError:
        return None


class _Text:
    """A sentence from which values are taken out, kind by kind."""

    def __init__(self, text):
        self.text, self.keys = text, set()

    def take(self, pattern, key):
        """Removes every match for which key(match) is not None and notes the key."""

        def replace(match):
            found = key(*match.groups())
            if found is None:
                return match[0]
            self.keys.add(found)
            return "@"

        self.text = re.sub(pattern, replace, self.text)


def _day(year, month, day):
    return ("day", datetime.date(int(year), int(month), int(day)).isoformat())


def _time(hour, minute):
    return ("time", (60 * hour + minute) % 720)


def read_german(sentence):
    """The keys ("number", n), ("day", iso), ("time", minute on the 12-hour clock) of a sentence."""
    text = _Text(sentence)
    months = "|".join(GERMAN_MONTHS)
    month = {name: index for index, name in enumerate(GERMAN_MONTHS, 1)}
    text.take(r"(\d\d)\.(\d\d)\.(\d{4})", lambda d, m, y: _day(y, m, d))
    text.take(rf"(\d+)\. ({months}) (\d{{4}})", lambda d, m, y: _day(y, month[m], d))
    text.take(
        rf"(\w+) ({months}) (\w+)",
        lambda d, m, y: _day(german_number(y), month[m], german_ordinal(d)),
    )
    text.take(r"(\d+):(\d\d) Uhr", lambda h, m: _time(int(h), int(m)))
    text.take(r"(Mitternacht|zwölf Uhr mittags)", lambda name: _time(0, 0))
    text.take(r"(\w+) Uhr (?=(\w+))", _announced_minutes)
    text.text = re.sub(r"@\w+", "@", text.text)  # the minutes just read
    text.take(r"(\w+) Uhr\b", _announced_hour)
    text.take(r"(?:(\w+) (vor|nach) )?halb (\w+)", _around_half)
    text.take(r"(\w+)(?: Minuten?)? (vor|nach) (\w+)", _minutes_german)
    text.take(r"(\d[\d.]*\d|\d)", lambda digits: ("number", int(digits.replace(".", ""))))
    text.take(r"\bein(?:e[mnr]?)?\b()", lambda _: ("number", 1))
    text.take(r"(\w+)", _german_word)
    return text.keys


def _one(word):
    return "eins" if word in ("ein", "eine") else word


def _announced_hour(hour):
    value = _try(german_number, _one(hour))
    return None if value is None else _time(value, 0)


def _announced_minutes(hour, minute):
    value = _try(german_number, minute)
    return None if value is None else _time(german_number(_one(hour)), value)


def _around_half(minutes, side, hour):
    shift = {None: 0, "vor": -1, "nach": 1}[side] * (german_number(minutes) if minutes else 0)
    return _time(german_number(hour) - 1, 30 + shift)


def _minutes_german(minutes, side, hour):
    value = 15 if minutes == "Viertel" else _try(german_number, _one(minutes))
    full_hour = _try(german_number, hour)
    if value is None or full_hour is None:
        return None
    return _time(full_hour, value if side == "nach" else -value)


def _german_word(word):
    value = _try(german_number, word)
    value = _try(german_ordinal, word) if value is None else value
    return None if value is None else ("number", value)


def _english_values():
    values = {word: index for index, word in enumerate(ENGLISH_SMALL)}
    values |= {word: 10 * index for index, word in enumerate(ENGLISH_TENS, 2)}
    return values | {"hundred": 100, "thousand": 1000, "oh": 0}


def _english_ordinals():
    ordinals = {word + "th": value for word, value in _english_values().items()}
    ordinals |= {word[:-1] + "ieth": 10 * index for index, word in enumerate(ENGLISH_TENS, 2)}
    irregular = {"first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9}
    return ordinals | irregular | {"twelfth": 12}


ENGLISH_VALUES = _english_values()
ENGLISH_ORDINALS = _english_ordinals()
_WORD = "(?:" + "|".join(sorted([*ENGLISH_VALUES, *ENGLISH_ORDINALS], key=len)[::-1]) + r")\b"
_WORD = _WORD.replace("second|", "(?<!one )(?<!@ )second|")  # not the unit of time
_WORDS = rf"\b({_WORD}(?:(?: and |[ -]){_WORD})*)"


@functools.cache
def english_number(words):
    """The value of an English cardinal or ordinal in words."""
    total = group = 0
    for word in words.replace("-", " ").replace(" and ", " ").split():
        value = ENGLISH_VALUES.get(word, ENGLISH_ORDINALS.get(word))
        if value == 1000:
            total, group = 1000 * group, 0
        else:
            group = group * 100 if value == 100 else group + value
    return total + group


def english_year(words):
    """The value of a year in words: "nineteen oh five", "twenty ten", "two thousand and five"."""
    if "hundred" in words or "thousand" in words:
        return english_number(words)
    century, rest = words.split(" ", 1)
    return 100 * english_number(century) + english_number(rest)


def read_english(sentence):
    """The keys of an English sentence, as those of read_german."""
    text = _Text(sentence[0].lower() + sentence[1:])
    months = "|".join(ENGLISH_MONTHS)
    month = {name: index for index, name in enumerate(ENGLISH_MONTHS, 1)}
    text.take(r"(\d{4})-(\d\d)-(\d\d)", _day)
    text.take(rf"({months}) (\d+), (\d{{4}})", lambda m, d, y: _day(y, month[m], d))
    text.take(rf"(\d+) ({months}) (\d{{4}})", lambda d, m, y: _day(y, month[m], d))
    text.take(
        rf"the {_WORDS} of ({months})(?: (\d{{4}})|, {_WORDS})",
        lambda d, m, y, words: _day(y or english_year(words), month[m], english_number(d)),
    )
    text.take(r"(\d+):(\d\d)", lambda h, m: _time(int(h), int(m)))
    text.take(r"\b(noon|midnight)", lambda name: _time(0, 0))
    text.take(rf"{_WORDS} o'clock", lambda h: _time(english_number(h), 0))
    if "the price changed" not in text.text:
        text.take(rf"\b(half|a quarter|{_WORDS})(?: minutes?)? (past|to) {_WORDS}", _minutes)
    text.take(
        r"(\d[\d,]*\d|\d)(?:st|nd|rd|th)?\b",
        lambda digits: ("number", int(digits.replace(",", ""))),
    )
    text.take(_WORDS, lambda words: ("number", english_number(words)))
    return text.keys


def _minutes(minutes, words, side, hour):
    value = {"half": 30, "a quarter": 15}.get(minutes)
    value = english_number(words) if value is None else value
    return _time(english_number(hour), value if side == "past" else -value)
