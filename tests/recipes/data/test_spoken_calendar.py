import collections
import datetime
import hashlib
import os
import re
import subprocess
import sys
import unicodedata

import pytest

from recipes.data import calendar_frames, spoken_calendar
from recipes.data.calendar_author import split_of
from recipes.data.calendar_values import TIME_MANNERS, Day, Quantity, Time
from tests.recipes.data import readers

COUNTS = {"train": 40_000, "dev": 1_000, "test": 2_000}


@pytest.fixture(scope="module")
def made():
    return {split: spoken_calendar.examples(split, count) for split, count in COUNTS.items()}


def values_of(examples, kind):
    return {content for example in examples for key, content in example.values if key == kind}


def test_each_sentence_holds_exactly_its_values(made):
    for example in [*made["train"][:8_000], *made["dev"], *made["test"]]:
        assert readers.read_german(example.german) == set(example.values), example
        assert readers.read_english(example.english) == set(example.values), example


@pytest.mark.parametrize("seed", [0, 7])
def test_no_value_of_dev_or_test_occurs_in_training(made, seed):
    splits = made if seed == 0 else {s: spoken_calendar.examples(s, 3_000, seed) for s in made}
    for kind in ("number", "day", "time"):
        contents = {split: values_of(examples, kind) for split, examples in splits.items()}
        for split, others in contents.items():
            assert others, (kind, split)
            assert all(split_of((kind, content), seed) == split for content in others)
        assert sum(map(len, contents.values())) == len(set.union(*contents.values()))


def test_english_determines_german(made):
    translations = collections.defaultdict(set)
    for example in [
        *made["train"],
        *made["dev"],
        *made["test"],
        *spoken_calendar.examples("train", 5_000, 5),
    ]:
        translations[example.english.casefold()].add(example.german)
    assert [pair for pair in translations.items() if len(pair[1]) > 1] == []


def test_sentences_are_distinct_and_clean(made):
    for split, examples in made.items():
        assert len(examples) == COUNTS[split]
        for side in (0, 1):
            sentences = [example[side] for example in examples]
            assert all(
                unicodedata.normalize("NFKC", s) == s == " ".join(s.split()) for s in sentences
            )
            assert not [s for s in sentences if re.search(r"[{}@]|\.\.|,,|None", s)]
            assert all(s[0].isupper() for s in sentences)
            assert max(len(s.split()) for s in sentences) <= 24
        assert len({example.english for example in examples}) == len(examples)


def test_training_covers_all_parts_of_numbers_dates_and_times(made):
    days = {datetime.date.fromisoformat(text) for text in values_of(made["train"], "day")}
    assert {day.year for day in days} == set(range(1900, 2100))
    assert {(day.month, day.day) for day in days} >= {(2, 29), (1, 1), (12, 31)}
    assert len({(day.month, day.day) for day in days}) == 366
    times = values_of(made["train"], "time")
    assert {minute % 60 for minute in times} == set(range(60))
    assert all(len([m for m in times if m % 60 == minute]) >= 5 for minute in range(60))
    assert {minute // 60 for minute in times} == set(range(12))
    numbers = values_of(made["train"], "number")
    assert numbers >= {*range(21), *range(20, 100, 10), *range(100, 1001, 100)}
    for place in range(6):
        digits = {n // 10**place % 10 for n in numbers if n >= 10**place}
        assert digits == set(range(0 if place < 5 else 1, 10))
    assert {n % 100 for n in numbers if n > 1000} == set(range(100))
    assert {n // 1000 % 100 for n in numbers if n >= 100_000} == set(range(100))
    assert any(n % 1000 == 0 for n in numbers if n >= 100_000)
    assert any(n % 1000 == 1 for n in numbers)


def test_test_split_is_varied(made):
    sizes = [len(values_of(made["test"], kind)) for kind in ("number", "day", "time")]
    assert sizes[0] >= 500
    assert sizes[1] >= 500
    assert sizes[2] >= 50


def test_weekdays_are_those_of_the_dates(made):
    found = 0
    for example in [*made["test"], *made["dev"]]:
        for sentence, names in (
            (example.english, readers.ENGLISH_WEEKDAYS),
            (example.german, readers.GERMAN_WEEKDAYS),
        ):
            match = re.search("|".join(names), sentence)
            if match:
                (date,) = values_of([example], "day")
                assert datetime.date.fromisoformat(date).strftime("%w") == str(
                    (names.index(match[0]) + 1) % 7
                )
                found += 1
    assert found >= 100


def test_frames_hold_no_numbers_of_their_own():
    kinds = (calendar_frames.NUMBERS, calendar_frames.DATES, calendar_frames.TIMES)
    for frame in [frame for kind in (*kinds, calendar_frames.MIXTURES) for frame in kind]:
        english, german = (re.sub("{[^}]*}", "@", text) for text in frame[:2])
        assert readers.read_english(english) == set()
        assert readers.read_german(german) == set()
        names = [set(re.findall(r"{(\w+)", text)) for text in frame[:2]]
        assert names[0] == names[1]


def test_each_phrase_has_exactly_one_translation():
    for entries in calendar_frames.LEXICON.values():
        assert len({english for english, _ in entries}) == len(entries)
    nouns = collections.defaultdict(set)
    for countable in vars(calendar_frames).values():
        for noun in countable if isinstance(countable, tuple) else ():
            if isinstance(noun, calendar_frames.Countable):
                nouns[noun.english].add(noun.german)
    assert len(nouns) >= 40
    assert all(len(translations) == 1 for translations in nouns.values())


def test_the_data_are_the_same_everywhere():
    text = repr(spoken_calendar.splits(seed=3, train=50, dev=5, test=5))
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "f8cc5a5733c22866a94b6b0665a8a535833e76d9b16393cfbfa12d98ce33337b"


def test_a_shorter_split_is_the_beginning_of_a_longer_one(made):
    assert spoken_calendar.splits(0, 20, 0, 7)["test"] == [e[:2] for e in made["test"][:7]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("valid", 3), "split must be one of train, dev, test, got 'valid'"),
        (("train", -1), "count must be an integer >= 0, got -1"),
        (("train", 3, -1), "seed must be an integer >= 0, got -1"),
        (("train", 3, "x"), "seed must be an integer >= 0, got 'x'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        spoken_calendar.examples(*arguments)


DATE = datetime.date(1987, 3, 3)


SPOKEN_YEAR = "neunzehnhundertsiebenundachtzig"


@pytest.mark.parametrize(
    ("manner", "english", "german"),
    [
        ("month first", "March 3, 1987", "3. März 1987"),
        ("day first", "3 March 1987", "3. März 1987"),
        ("half in words", "the third of March 1987", f"dritten März {SPOKEN_YEAR}"),
        ("in words", "the third of March, nineteen eighty-seven", f"dritten März {SPOKEN_YEAR}"),
        ("figures", "1987-03-03", "03.03.1987"),
    ],
)
def test_days_in_every_manner(manner, english, german):
    plain, named = Day(DATE, manner, False), Day(DATE, manner, True)
    assert plain.english("on") == plain.english("") == named.english("") == english
    assert named.english("on") == f"Tuesday, {english}"
    assert plain.german("am") == plain.german("am,") == f"am {german}"
    assert named.german("am") == f"am Dienstag, dem {german}"
    assert named.german("am,") == f"am Dienstag, dem {german},"


def test_days_in_other_cases():
    day = Day(DATE, "in words", False)
    assert day.german("der") == "der dritte März neunzehnhundertsiebenundachtzig"
    assert day.german("heading") == "dritter März neunzehnhundertsiebenundachtzig"
    assert day.german("") == "dritten März neunzehnhundertsiebenundachtzig"
    assert Day(DATE, "day first", True).german("der") == "Dienstag, der 3. März 1987"
    assert Day(DATE, "month first", False).english("on,") == "March 3, 1987,"


@pytest.mark.parametrize(
    ("time", "english", "german"),
    [
        ((16, 15), "a quarter past four", "Viertel nach vier"),
        ((0, 0), "midnight", "Mitternacht"),
        ((12, 0), "noon", "zwölf Uhr mittags"),
        ((13, 0), "one o'clock", "ein Uhr"),
    ],
)
def test_spoken_times(time, english, german):
    spoken = Time(*time, "spoken")
    assert (spoken.english(""), spoken.german("")) == (english, german)


@pytest.mark.parametrize(
    ("hour", "english", "german"),
    [
        *[(4, "", ""), (10, "", ""), (22, "", "")],
        *[(5, " in the morning", " am Morgen"), (9, " in the morning", " am Morgen")],
        *[(13, " in the afternoon", " am Nachmittag"), (21, " in the evening", " am Abend")],
    ],
)
def test_times_with_their_part_of_day(hour, english, german):
    time = Time(hour, 30, TIME_MANNERS[1])
    plain = Time(hour, 30, TIME_MANNERS[0])
    assert time.english("") == plain.english("") + english
    assert time.german("") == plain.german("") + german


def test_unknown_forms_are_errors():
    quantity = Quantity(3, calendar_frames.THINGS[0], True)
    for render in (quantity.english, quantity.german, Day(DATE, "figures", False).english):
        with pytest.raises(ValueError, match="unknown .* form of a .*: 'genitive'"):
            render("genitive")


def test_write_makes_line_parallel_files(tmp_path):
    paths = spoken_calendar.write(tmp_path / "new" / "data", seed=2, train=11, dev=3, test=5)
    pairs = spoken_calendar.splits(2, 11, 3, 5)
    assert sorted(os.listdir(tmp_path / "new" / "data")) == [
        *["dev.de", "dev.en", "test.de", "test.en", "train.de", "train.en"]
    ]
    for split, (source, target) in paths.items():
        lines = [path.read_bytes().decode("utf-8").split("\n") for path in (source, target)]
        assert [side[-1] for side in lines] == ["", ""]
        assert list(zip(*(side[:-1] for side in lines), strict=True)) == pairs[split]
    assert os.listdir(tmp_path / "new") == ["data"]


def test_write_refuses_a_folder_in_use(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FileExistsError, match="exists and is not an empty folder"):
        spoken_calendar.write(tmp_path, train=1, dev=1, test=1)
    assert os.listdir(tmp_path) == ["mine"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        spoken_calendar.write(tmp_path / "data", train=2, dev=1, test=1)
    assert os.listdir(tmp_path) == []


def test_empty_split_is_an_empty_file(tmp_path):
    paths = spoken_calendar.write(tmp_path / "data", train=2, dev=0, test=1)
    assert [path.read_bytes() for path in paths["dev"]] == [b"", b""]


def run(*arguments):
    command = [sys.executable, "-W", "error", "-m", "recipes.data.spoken_calendar", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_command_line(tmp_path):
    shown = run("--help")
    assert shown.returncode == 0
    assert "--out" in shown.stdout
    made = run("--out", str(tmp_path / "a"), "--train", "4", "--dev", "1", "--test", "2")
    assert made.returncode == 0
    assert made.stdout.splitlines()[0] == str(tmp_path / "a" / "train.en")
    assert (tmp_path / "a" / "test.de").read_text("utf-8").count("\n") == 2
    refused = run("--out", str(tmp_path / "a"))
    assert refused.returncode == 2
    assert "not an empty folder" in refused.stderr
