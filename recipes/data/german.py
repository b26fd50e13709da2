"""German numbers, dates and times of day in words and digits.

Conventions, where Duden allows several: "einhundert" and "eintausend" are written out
(einhunderteins, not hundertundeins); "und" stands only between units and tens; a final "eins"
does not inflect before a noun, which is plural then (einhunderteins Bücher); years
1100 to 1999 are read in hundreds (neunzehnhundertachtzig), others as cardinals (2100:
zweitausendeinhundert).
"""

import datetime
from typing import NamedTuple

LARGEST = 999_999

_UNITS = (
    *("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"),
    *("elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn"),
    "neunzehn",
)
_TENS = (
    *("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig"),
    "neunzig",
)
_IRREGULAR_ORDINALS = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
WEEKDAYS = (
    *("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"),
    "Sonntag",
)
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September"),
    *("Oktober", "November", "Dezember"),
)
_INDEFINITE = {
    "nominative": {"m": "ein", "f": "eine", "n": "ein"},
    "accusative": {"m": "einen", "f": "eine", "n": "ein"},
    "dative": {"m": "einem", "f": "einer", "n": "einem"},
}
_DEFINITE = {
    "nominative": {"m": "der", "f": "die", "n": "das"},
    "accusative": {"m": "den", "f": "die", "n": "das"},
}


class Noun(NamedTuple):
    """A noun of the strong or feminine declension: singular, plural, gender (m, f or n)."""

    singular: str
    plural: str
    gender: str


def _require_range(name, value, smallest, largest):
    if not smallest <= value <= largest:
        raise ValueError(f"{name} must be in {smallest}..{largest}, got {value}")


def _before_word(number):
    """The cardinal as the first part of a compound, where "eins" is "ein"."""
    words = cardinal(number)
    return words[:-1] if words.endswith("eins") else words


def cardinal(number):
    """Spells an integer in 0..999,999: 21407 -> "einundzwanzigtausendvierhundertsieben"."""
    _require_range("number", number, 0, LARGEST)
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, units = divmod(number, 10)
        return (_before_word(units) + "und" if units else "") + _TENS[tens]
    base, name = (1000, "tausend") if number >= 1000 else (100, "hundert")
    count, rest = divmod(number, base)
    return _before_word(count) + name + (cardinal(rest) if rest else "")


def ordinal(number):
    """The stem of the ordinal of 1..999,999, without its ending: 3 -> "dritt"."""
    _require_range("number", number, 1, LARGEST)
    last = number % 100
    if last in _IRREGULAR_ORDINALS:
        return (cardinal(number - last) if number > last else "") + _IRREGULAR_ORDINALS[last]
    return cardinal(number) + ("t" if 0 < last < 20 else "st")


def year(number):
    """Reads a year of 1..9999: 1987 -> "neunzehnhundertsiebenundachtzig", 2100 as a cardinal."""
    _require_range("number", number, 1, 9999)
    if not 1100 <= number <= 1999:
        return cardinal(number)
    hundreds, rest = divmod(number, 100)
    return cardinal(hundreds) + "hundert" + (cardinal(rest) if rest else "")


def digits(number):
    """Writes an integer with a point between thousands: 21407 -> "21.407"."""
    return f"{number:,}".replace(",", ".")


def counted(number, noun, case):
    """A number before its noun: 1 -> "einen Brief", 3 -> "drei Briefe", dative "drei Briefen".

    Args:
        number: int in 0..999,999.
        noun: Noun.
        case: "nominative", "accusative" or "dative".
    """
    if number == 1:
        return f"{_INDEFINITE[case][noun.gender]} {noun.singular}"
    plural = noun.plural
    if case == "dative" and not plural.endswith(("n", "s")):
        plural += "n"
    return f"{cardinal(number)} {plural}"


def ranked(number, noun, case):
    """An ordinal with article and noun: "der dritte Brief", accusative "den dritten Brief"."""
    article = _DEFINITE[case][noun.gender]
    ending = "en" if article == "den" else "e"
    return f"{article} {ordinal(number)}{ending} {noun.singular}"


def date_in_words(day, ending):
    """A date without article: "dritten März neunzehnhundertsiebenundachtzig" for ending "en"."""
    return f"{ordinal(day.day)}{ending} {MONTHS[day.month - 1]} {year(day.year)}"


def date_in_digits(day):
    """A date with its month's name: "3. März 1987"."""
    return f"{day.day}. {MONTHS[day.month - 1]} {day.year}"


def date_in_figures(day):
    """A date in figures alone, as DIN 5008 writes it: "03.03.1987"."""
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def weekday(day: datetime.date):
    """The name of the date's weekday."""
    return WEEKDAYS[day.weekday()]


def time_in_digits(hour, minute):
    """A time of day on the 24-hour clock: "16:05 Uhr"."""
    return f"{hour}:{minute:02d} Uhr"


def time_official(hour, minute):
    """A time of day as announced: "sechzehn Uhr fünf", "ein Uhr eins"."""
    return f"{_before_word(hour)} Uhr" + (f" {cardinal(minute)}" if minute else "")


def time_spoken(hour, minute):
    """A time of day as said in talk: "Viertel nach vier", "halb fünf", "fünf vor halb fünf"."""
    this_hour, next_hour = (cardinal((hour + shift) % 12 or 12) for shift in (0, 1))
    if minute == 0:
        return f"{_before_word(hour % 12 or 12)} Uhr"
    around_half = {25: "fünf vor halb", 30: "halb", 35: "fünf nach halb"}
    if minute in around_half:
        return f"{around_half[minute]} {next_hour}"
    if minute < 30:
        return f"{_minutes(minute)} nach {this_hour}"
    return f"{_minutes(60 - minute)} vor {next_hour}"


def _minutes(minutes):
    if minutes == 15:
        return "Viertel"
    if minutes % 5 == 0:
        return cardinal(minutes)
    return counted(minutes, Noun("Minute", "Minuten", "f"), "nominative")
