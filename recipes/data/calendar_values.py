"""Numbers, dates and times of day as values of a sentence: each knows the form a slot asks for.

A value has `key`, the (kind, content) pair that the split hash and the leak test go by, and the
renderings `english(form)` and `german(form)`, the form being the format specification of a slot
such as {day:am} in calendar_frames.py.
"""

import datetime
from typing import NamedTuple

from recipes.data import english, german
from recipes.data.calendar_frames import Countable

TIME_MANNERS = ("spoken", "spoken with part of day", "12 hours", "24 hours")
_ENGLISH_DATES = {
    "month first": english.date_month_first,
    "day first": english.date_day_first,
    "half in words": english.date_half_in_words,
    "in words": english.date_in_words,
    "figures": english.date_in_figures,
}
# First and last full hour in which the part of day is beyond dispute, English, German.
_PARTS_OF_DAY = (
    (5, 9, "in the morning", "am Morgen"),
    (13, 17, "in the afternoon", "am Nachmittag"),
    (18, 21, "in the evening", "am Abend"),
)


class Quantity(NamedTuple):
    """A number, the noun it counts or ranks (or None), and whether English spells it out."""

    number: int
    countable: Countable | None
    spelled: bool

    @property
    def key(self):
        return ("number", self.number)

    def english(self, form):
        """Forms: "" (bare), counted, digits, ranked, are, were."""
        match form:
            case "":
                return english.cardinal(self.number) if self.spelled else self.english("digits")
            case "counted":
                return english.counted(self.number, self.countable.english, self.spelled)
            case "digits":
                return english.digits(self.number)
            case "ranked":
                return english.ranked(self.number, self.countable.english, self.spelled)
            case "are":
                return "is" if self.number == 1 else "are"
            case "were":
                return "was" if self.number == 1 else "were"
        raise ValueError(f"unknown English form of a number: {form!r}")

    def german(self, form):
        """Forms: "" (bare), nominative, accusative, dative, ranked nominative, ranked accusative,
        digits, waren."""
        match form.split():
            case []:
                return german.cardinal(self.number)
            case ["nominative" | "accusative" | "dative" as case_name]:
                return german.counted(self.number, self.countable.german, case_name)
            case ["ranked", case_name]:
                return german.ranked(self.number, self.countable.german, case_name)
            case ["digits"]:
                return german.digits(self.number)
            case ["waren"]:
                return "war" if self.number == 1 else "waren"
        raise ValueError(f"unknown German form of a number: {form!r}")


class Day(NamedTuple):
    """A date, its manner (a key of _ENGLISH_DATES), and whether a slot may name the weekday."""

    date: datetime.date
    manner: str
    with_weekday: bool

    @property
    def key(self):
        return ("day", self.date.isoformat())

    def english(self, form):
        """Forms: "" (date); on (date, perhaps with its weekday); "on," before more words, where
        American writers put a comma after the year."""
        if form not in ("", "on", "on,"):
            raise ValueError(f"unknown English form of a date: {form!r}")
        weekday = f"{english.weekday(self.date)}, " if form and self.with_weekday else ""
        comma = "," if form == "on," and self.manner == "month first" else ""
        return weekday + _ENGLISH_DATES[self.manner](self.date) + comma

    def german(self, form):
        """Forms: "" (dative), heading (nominative without article), der, am; "am," inside a clause,
        where the date beside a weekday is an apposition that a comma closes."""
        match form:
            case "":
                return self._german_date("en")
            case "heading":
                return self._german_date("er")
            case "der":
                weekday = f"{german.weekday(self.date)}, " if self.with_weekday else ""
                return f"{weekday}der {self._german_date('e')}"
            case "am" | "am,":
                if not self.with_weekday:
                    return f"am {self._german_date('en')}"
                closing = form.removeprefix("am")
                return f"am {german.weekday(self.date)}, dem {self._german_date('en')}{closing}"
        raise ValueError(f"unknown German form of a date: {form!r}")

    def _german_date(self, ending):
        match self.manner:
            case "month first" | "day first":
                return german.date_in_digits(self.date)
            case "figures":
                return german.date_in_figures(self.date)
        return german.date_in_words(self.date, ending)


class Time(NamedTuple):
    """A time of day and its manner (TIME_MANNERS); it has only the form ""."""

    hour: int
    minute: int
    manner: str

    @property
    def key(self):
        return ("time", self.hour % 12 * 60 + self.minute)

    def english(self, form):
        match self.manner:
            case "12 hours":
                return english.time_12_hours(self.hour, self.minute)
            case "24 hours":
                return english.time_24_hours(self.hour, self.minute)
        if (self.hour % 12, self.minute) == (0, 0):
            return "noon" if self.hour else "midnight"
        return english.time_spoken(self.hour, self.minute) + self._part_of_day(english=True)

    def german(self, form):
        match self.manner:
            case "12 hours":
                return german.time_in_digits(self.hour, self.minute)
            case "24 hours":
                return german.time_official(self.hour, self.minute)
        if (self.hour % 12, self.minute) == (0, 0):
            return "zwölf Uhr mittags" if self.hour else "Mitternacht"
        return german.time_spoken(self.hour, self.minute) + self._part_of_day(english=False)

    def _part_of_day(self, english):
        if self.manner == "spoken with part of day":
            for first, last, in_english, in_german in _PARTS_OF_DAY:
                if first <= self.hour <= last:
                    return f" {in_english if english else in_german}"
        return ""


class Phrase(NamedTuple):
    """A phrase of the lexicon: the same text in every form, and no value."""

    in_english: str
    in_german: str
    key = None

    def english(self, form):
        return self.in_english

    def german(self, form):
        return self.in_german
