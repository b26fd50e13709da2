import datetime

import pytest

from recipes.data import english
from tests.recipes.data.readers import english_number, english_year

LETTER = english.Noun("letter", "letters")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (101, "one hundred and one"),
        (1_000, "one thousand"),
        (1_001, "one thousand and one"),
        (1_100, "one thousand one hundred"),
        (21_407, "twenty-one thousand four hundred and seven"),
        (101_000, "one hundred and one thousand"),
        (999_999, "nine hundred and ninety-nine thousand nine hundred and ninety-nine"),
    ],
)
def test_cardinal_equals_the_table(number, words):
    assert english.cardinal(number) == words


def test_cardinals_are_read_back():
    numbers = [*range(10_000), *range(10_000, 1_000_000, 37)]
    assert all(english_number(english.cardinal(n)) == n for n in numbers)


def test_cardinal_refuses_numbers_out_of_range():
    with pytest.raises(ValueError, match=r"number must be in 0\.\.999999, got 1000000"):
        english.cardinal(1_000_000)


@pytest.mark.parametrize(
    ("number", "words", "digits"),
    [
        (1, "first", "1st"),
        (2, "second", "2nd"),
        (3, "third", "3rd"),
        (5, "fifth", "5th"),
        (8, "eighth", "8th"),
        (9, "ninth", "9th"),
        (11, "eleventh", "11th"),
        (12, "twelfth", "12th"),
        (13, "thirteenth", "13th"),
        (20, "twentieth", "20th"),
        (21, "twenty-first", "21st"),
        (100, "one hundredth", "100th"),
        (112, "one hundred and twelfth", "112th"),
        (407, "four hundred and seventh", "407th"),
        (1_000, "one thousandth", "1,000th"),
        (1_023, "one thousand and twenty-third", "1,023rd"),
    ],
)
def test_ordinals_equal_the_table(number, words, digits):
    assert english.ordinal(number) == words
    assert english.ordinal_digits(number) == digits


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1066, "ten sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1987, "nineteen eighty-seven"),
        (2000, "two thousand"),
        (2005, "two thousand and five"),
        (2010, "twenty ten"),
        (2099, "twenty ninety-nine"),
        (2100, "twenty-one hundred"),
    ],
)
def test_year_equals_the_table(number, words):
    assert english.year(number) == words


def test_years_are_read_back():
    assert all(english_year(english.year(n)) == n for n in range(1900, 2100))


def test_counted_and_ranked():
    assert english.counted(1, LETTER, spelled=True) == "one letter"
    assert english.counted(1, LETTER, spelled=False) == "1 letter"
    assert english.counted(0, LETTER, spelled=True) == "zero letters"
    assert english.counted(21_407, LETTER, spelled=False) == "21,407 letters"
    assert english.ranked(3, LETTER, spelled=True) == "the third letter"
    assert english.ranked(3, LETTER, spelled=False) == "the 3rd letter"


def test_dates():
    day = datetime.date(1987, 3, 3)
    assert english.date_month_first(day) == "March 3, 1987"
    assert english.date_day_first(day) == "3 March 1987"
    assert english.date_in_words(day) == "the third of March, nineteen eighty-seven"
    assert english.date_half_in_words(day) == "the third of March 1987"
    assert english.date_in_figures(day) == "1987-03-03"
    assert english.weekday(day) == "Tuesday"


@pytest.mark.parametrize(
    ("time", "short", "long", "spoken"),
    [
        ((0, 0), "12:00 a.m.", "00:00", "twelve o'clock"),
        ((0, 5), "12:05 a.m.", "00:05", "five past twelve"),
        ((11, 59), "11:59 a.m.", "11:59", "one minute to twelve"),
        ((12, 30), "12:30 p.m.", "12:30", "half past twelve"),
        ((12, 45), "12:45 p.m.", "12:45", "a quarter to one"),
        ((16, 15), "4:15 p.m.", "16:15", "a quarter past four"),
        ((16, 25), "4:25 p.m.", "16:25", "twenty-five past four"),
        ((16, 43), "4:43 p.m.", "16:43", "seventeen minutes to five"),
    ],
)
def test_times(time, short, long, spoken):
    assert english.time_12_hours(*time) == short
    assert english.time_24_hours(*time) == long
    assert english.time_spoken(*time) == spoken
