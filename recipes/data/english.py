"""English numbers, dates and times of day in words and digits (British "and", 12-hour clock)."""

from typing import NamedTuple

LARGEST = 999_999

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = (
    *("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty"),
    "ninety",
)
_IRREGULAR_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"},
    **{"nine": "ninth", "twelve": "twelfth"},
}
WEEKDAYS = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "Sunday",
)
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


class Noun(NamedTuple):
    """A noun: singular, plural."""

    singular: str
    plural: str


def cardinal(number):
    """Spells an integer in 0..999,999: 21407 -> "twenty-one thousand four hundred and seven"."""
    if not 0 <= number <= LARGEST:
        raise ValueError(f"number must be in 0..{LARGEST}, got {number}")
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, units = divmod(number, 10)
        return _TENS[tens] + (f"-{_UNITS[units]}" if units else "")
    base, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    count, rest = divmod(number, base)
    joint = " and " if rest < 100 else " "
    return f"{cardinal(count)} {name}" + (joint + cardinal(rest) if rest else "")


def ordinal(number):
    """Spells the ordinal of 1..999,999: 407 -> "four hundred and seventh"."""
    if number < 1:
        raise ValueError(f"number must be in 1..{LARGEST}, got {number}")
    words = cardinal(number)
    last = words.replace("-", " ").split()[-1]
    head = words.removesuffix(last)
    if last in _IRREGULAR_ORDINALS:
        return head + _IRREGULAR_ORDINALS[last]
    return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def ordinal_digits(number):
    """Writes an ordinal in digits: 407 -> "407th", 21 -> "21st"."""
    last = number % 10 if number % 100 not in (11, 12, 13) else 0
    return digits(number) + {1: "st", 2: "nd", 3: "rd"}.get(last, "th")


def year(number):
    """Reads a year of 1000..2999: "nineteen oh five", "two thousand and five", "twenty ten"."""
    if not 1000 <= number <= 2999:
        raise ValueError(f"number must be in 1000..2999, got {number}")
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} " + (f"oh {cardinal(rest)}" if rest < 10 else cardinal(rest))


def digits(number):
    """Writes an integer with a comma between thousands: 21407 -> "21,407"."""
    return f"{number:,}"


def counted(number, noun, spelled):
    """A number before its noun: "one letter", "3 letters".

    Args:
        number: int in 0..999,999.
        noun: Noun.
        spelled: bool, words instead of digits.
    """
    words = cardinal(number) if spelled else digits(number)
    return f"{words} {noun.singular if number == 1 else noun.plural}"


def ranked(number, noun, spelled):
    """An ordinal with article and noun: "the third letter", "the 407th letter"."""
    return f"the {ordinal(number) if spelled else ordinal_digits(number)} {noun.singular}"


def date_month_first(day):
    """A date, American: "March 3, 1987"."""
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def date_day_first(day):
    """A date, British: "3 March 1987"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def date_in_words(day):
    """A date read out: "the third of March, nineteen eighty-seven"."""
    return f"the {ordinal(day.day)} of {MONTHS[day.month - 1]}, {year(day.year)}"


def date_half_in_words(day):
    """A date with its day in words: "the third of March 1987"."""
    return f"the {ordinal(day.day)} of {MONTHS[day.month - 1]} {day.year}"


def date_in_figures(day):
    """A date as in ISO 8601: "1987-03-03"."""
    return day.isoformat()


def weekday(day):
    """The name of the date's weekday."""
    return WEEKDAYS[day.weekday()]


def time_12_hours(hour, minute):
    """A time of day on the 12-hour clock: "4:05 p.m."."""
    return f"{hour % 12 or 12}:{minute:02d} {'a.m.' if hour < 12 else 'p.m.'}"


def time_24_hours(hour, minute):
    """A time of day on the 24-hour clock: "16:05"."""
    return f"{hour:02d}:{minute:02d}"


def time_spoken(hour, minute):
    """A time of day as said in talk: "a quarter past four", "twenty-five to five"."""
    if minute == 0:
        return f"{cardinal(hour % 12 or 12)} o'clock"
    if minute == 30:
        return f"half past {cardinal(hour % 12 or 12)}"
    if minute < 30:
        return f"{_minutes(minute)} past {cardinal(hour % 12 or 12)}"
    return f"{_minutes(60 - minute)} to {cardinal((hour + 1) % 12 or 12)}"


def _minutes(minutes):
    if minutes == 15:
        return "a quarter"
    if minutes % 5 == 0:
        return cardinal(minutes)
    return counted(minutes, Noun("minute", "minutes"), spelled=True)
