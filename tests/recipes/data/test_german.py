import datetime

import pytest

from recipes.data import german
from tests.recipes.data.readers import german_number, german_ordinal

CARDINALS = {
    0: "null",
    1: "eins",
    12: "zwölf",
    16: "sechzehn",
    17: "siebzehn",
    21: "einundzwanzig",
    30: "dreißig",
    66: "sechsundsechzig",
    77: "siebenundsiebzig",
    100: "einhundert",
    101: "einhunderteins",
    111: "einhundertelf",
    121: "einhunderteinundzwanzig",
    200: "zweihundert",
    999: "neunhundertneunundneunzig",
    1_000: "eintausend",
    1_001: "eintausendeins",
    1_100: "eintausendeinhundert",
    2_021: "zweitausendeinundzwanzig",
    21_000: "einundzwanzigtausend",
    21_407: "einundzwanzigtausendvierhundertsieben",
    100_000: "einhunderttausend",
    100_001: "einhunderttausendeins",
    101_000: "einhunderteintausend",
    101_101: "einhunderteintausendeinhunderteins",
    217_316: "zweihundertsiebzehntausenddreihundertsechzehn",
    301_000: "dreihunderteintausend",
    999_999: "neunhundertneunundneunzigtausendneunhundertneunundneunzig",
}
BOOK = german.Noun("Buch", "Bücher", "n")
LETTER = german.Noun("Brief", "Briefe", "m")
LAMP = german.Noun("Lampe", "Lampen", "f")


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinal_equals_the_table(number, words):
    assert german.cardinal(number) == words


def test_every_cardinal_is_read_back():
    assert all(german_number(german.cardinal(n)) == n for n in range(1_000_000))


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_cardinal_refuses_numbers_out_of_range(number):
    with pytest.raises(ValueError, match=f"number must be in 0..999999, got {number}"):
        german.cardinal(number)


@pytest.mark.parametrize(
    ("number", "stem"),
    [
        *[(1, "erst"), (2, "zweit"), (3, "dritt"), (4, "viert"), (7, "siebt"), (8, "acht")],
        *[(12, "zwölft"), (17, "siebzehnt"), (19, "neunzehnt"), (20, "zwanzigst")],
        *[(21, "einundzwanzigst"), (30, "dreißigst"), (31, "einunddreißigst")],
        *[(100, "einhundertst"), (101, "einhunderterst"), (107, "einhundertsiebt")],
        *[(113, "einhundertdreizehnt"), (120, "einhundertzwanzigst"), (1000, "eintausendst")],
        *[(1003, "eintausenddritt"), (2008, "zweitausendacht"), (2100, "zweitausendeinhundertst")],
    ],
)
def test_ordinal_equals_the_table(number, stem):
    assert german.ordinal(number) == stem


def test_ordinals_are_read_back():
    assert all(german_ordinal(german.ordinal(n) + "e") == n for n in range(1, 10_000))


def test_ordinal_refuses_zero():
    with pytest.raises(ValueError, match=r"number must be in 1\.\.999999, got 0"):
        german.ordinal(0)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1066, "eintausendsechsundsechzig"),
        (1100, "elfhundert"),
        (1848, "achtzehnhundertachtundvierzig"),
        (1900, "neunzehnhundert"),
        (1901, "neunzehnhunderteins"),
        (1987, "neunzehnhundertsiebenundachtzig"),
        (1999, "neunzehnhundertneunundneunzig"),
        (2000, "zweitausend"),
        (2001, "zweitausendeins"),
        (2010, "zweitausendzehn"),
        (2099, "zweitausendneunundneunzig"),
        (2100, "zweitausendeinhundert"),
    ],
)
def test_year_equals_the_table(number, words):
    assert german.year(number) == words


@pytest.mark.parametrize(
    ("number", "noun", "case", "text"),
    [
        (1, BOOK, "nominative", "ein Buch"),
        (1, LAMP, "nominative", "eine Lampe"),
        (1, LETTER, "accusative", "einen Brief"),
        (1, BOOK, "accusative", "ein Buch"),
        (1, LETTER, "dative", "einem Brief"),
        (1, LAMP, "dative", "einer Lampe"),
        (0, BOOK, "accusative", "null Bücher"),
        (2, BOOK, "dative", "zwei Büchern"),
        (3, LAMP, "dative", "drei Lampen"),
        (4, german.Noun("Foto", "Fotos", "n"), "dative", "vier Fotos"),
        (21, LETTER, "accusative", "einundzwanzig Briefe"),
        (101, BOOK, "accusative", "einhunderteins Bücher"),
        (1001, BOOK, "nominative", "eintausendeins Bücher"),
    ],
)
def test_counted_agrees_with_the_noun(number, noun, case, text):
    assert german.counted(number, noun, case) == text


@pytest.mark.parametrize(
    ("noun", "case", "text"),
    [
        (LETTER, "nominative", "der dritte Brief"),
        (LETTER, "accusative", "den dritten Brief"),
        (LAMP, "nominative", "die dritte Lampe"),
        (LAMP, "accusative", "die dritte Lampe"),
        (BOOK, "accusative", "das dritte Buch"),
    ],
)
def test_ranked_inflects_article_and_ordinal(noun, case, text):
    assert german.ranked(3, noun, case) == text


def test_dates():
    day = datetime.date(1987, 3, 3)
    assert german.date_in_words(day, "en") == "dritten März neunzehnhundertsiebenundachtzig"
    assert german.date_in_words(day, "er") == "dritter März neunzehnhundertsiebenundachtzig"
    assert german.date_in_digits(day) == "3. März 1987"
    assert german.date_in_figures(day) == "03.03.1987"
    assert german.weekday(day) == "Dienstag"
    assert german.date_in_digits(datetime.date(1900, 1, 1)) == "1. Januar 1900"


@pytest.mark.parametrize(
    ("time", "digits", "official", "spoken"),
    [
        ((0, 0), "0:00 Uhr", "null Uhr", "zwölf Uhr"),
        ((0, 5), "0:05 Uhr", "null Uhr fünf", "fünf nach zwölf"),
        ((1, 0), "1:00 Uhr", "ein Uhr", "ein Uhr"),
        ((1, 1), "1:01 Uhr", "ein Uhr eins", "eine Minute nach eins"),
        ((12, 30), "12:30 Uhr", "zwölf Uhr dreißig", "halb eins"),
        ((12, 45), "12:45 Uhr", "zwölf Uhr fünfundvierzig", "Viertel vor eins"),
        ((13, 15), "13:15 Uhr", "dreizehn Uhr fünfzehn", "Viertel nach eins"),
        ((16, 5), "16:05 Uhr", "sechzehn Uhr fünf", "fünf nach vier"),
        ((16, 25), "16:25 Uhr", "sechzehn Uhr fünfundzwanzig", "fünf vor halb fünf"),
        ((16, 35), "16:35 Uhr", "sechzehn Uhr fünfunddreißig", "fünf nach halb fünf"),
        ((16, 40), "16:40 Uhr", "sechzehn Uhr vierzig", "zwanzig vor fünf"),
        ((16, 17), "16:17 Uhr", "sechzehn Uhr siebzehn", "siebzehn Minuten nach vier"),
        (
            (21, 31),
            "21:31 Uhr",
            "einundzwanzig Uhr einunddreißig",
            "neunundzwanzig Minuten vor zehn",
        ),
        ((23, 59), "23:59 Uhr", "dreiundzwanzig Uhr neunundfünfzig", "eine Minute vor zwölf"),
    ],
)
def test_times(time, digits, official, spoken):
    assert german.time_in_digits(*time) == digits
    assert german.time_official(*time) == official
    assert german.time_spoken(*time) == spoken


def test_spoken_times_are_distinct_on_the_12_hour_clock():
    said = {german.time_spoken(hour, minute) for hour in range(24) for minute in range(60)}
    assert len(said) == 720


def test_digits():
    assert [german.digits(n) for n in (7, 999, 1000, 21_407, 999_999)] == [
        *["7", "999", "1.000", "21.407", "999.999"]
    ]


def test_cardinal_agrees_with_num2words_up_to_its_conventions():
    num2words = pytest.importorskip("num2words").num2words
    for number in [*range(1_000), *range(1_000, 1_000_000, 1_009)]:
        if number // 1000 % 100 == 1 and number >= 100_000:
            continue  # num2words writes "einhunderteinstausend"
        assert german.cardinal(number) == num2words(number, lang="de")


def test_months_and_weekdays_agree_with_cldr():
    dates = pytest.importorskip("babel.dates")
    months = dates.get_month_names("wide", locale="de")
    assert tuple(months[month] for month in range(1, 13)) == german.MONTHS
    weekdays = dates.get_day_names("wide", locale="de")
    assert tuple(weekdays[day] for day in range(7)) == german.WEEKDAYS
    day = datetime.date(2024, 2, 29)
    assert german.date_in_digits(day) == dates.format_date(day, "long", locale="de")
