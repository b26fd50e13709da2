"""The embedded data set: English to German sentences with numbers, dates and times of day.

Sentences are made on the spot from frames (calendar_frames.py), numbers 0 to 999,999, all days
1900-01-01 to 2099-12-31 and all 1,440 times of day, in words or digits. Each English sentence has
exactly one translation: numbers become words (after a label such as "Total:" they stay digits),
dates and 12-hour times keep the manner of the English side, 24-hour times are read out.

What is held out: each value belongs to exactly one split, by a hash of (seed, value), and all
values of a sentence belong to the split of the sentence. So no value of the dev or test sentences
occurs in training, in any rendering. A value is
  - a number that counts, ranks or is named; 0 to 20, whole tens below 100, whole hundreds below
    1,000 and 1,000 are the words that numbers are made of and belong to training. The day, year,
    hour and minute inside a date or time are no numbers in this sense;
  - a date: the calendar day, whatever its form;
  - a time of day on the 12-hour clock, since "a quarter past four" is both 4:15 and 16:15; full
    hours, half hours and the five minutes around these ("fünf vor halb vier") belong to training
    for the same reason as the number words: they are idioms of their own.

`python -m recipes.data.spoken_calendar --out FOLDER` writes the splits as text files.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from recipes.data.calendar_author import SPLITS, Author

LANGUAGES = ("en", "de")


def examples(split, count, seed=0):
    """Makes one split: distinct sentences with the values they hold.

    Args:
        split: "train", "dev" or "test".
        count: int, number of sentences.
        seed: int >= 0; the values held out depend on it too.

    Returns: list of Example, the same on every platform and Python version.
    Raises: ValueError for an unknown split, a negative seed, or more sentences than there are.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    for name, number in (("seed", seed), ("count", count)):
        if not isinstance(number, int) or number < 0:
            raise ValueError(f"{name} must be an integer >= 0, got {number!r}")
    author, made, repeats = Author(split, seed), {}, 0
    while len(made) < count and repeats < 10_000:
        example = author.write()
        repeats = repeats + 1 if example.english in made else 0
        made.setdefault(example.english, example)
    if len(made) < count:
        raise ValueError(
            f"count is {count}, but {split} has hardly more than {len(made)} sentences"
        )
    return list(made.values())


def splits(seed=0, train=100_000, dev=1_000, test=2_000):
    """Makes the data set.

    Args:
        seed: int >= 0.
        train, dev, test: int, number of sentence pairs.

    Returns: {"train": [(english, german), ...], "dev": [...], "test": [...]}.
    """
    counts = {"train": train, "dev": dev, "test": test}
    return {
        split: [example[:2] for example in examples(split, count, seed)]
        for split, count in counts.items()
    }


def write(folder, seed=0, train=100_000, dev=1_000, test=2_000):
    """Makes the data set and writes it as line-parallel UTF-8 files, all or nothing.

    Args:
        folder: path, not there yet or an empty folder; gets train.en, train.de, dev.en, ...
        seed: int >= 0.
        train, dev, test: int, number of sentence pairs.

    Returns: {"train": (path of train.en, path of train.de), "dev": ..., "test": ...}.
    Raises: FileExistsError if the folder holds anything.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: name another one")
    made = splits(seed, train, dev, test)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        for split, pairs in made.items():
            for side, language in enumerate(LANGUAGES):
                text = "".join(f"{pair[side]}\n" for pair in pairs)
                (temporary / f"{split}.{language}").write_text(text, "utf-8", newline="\n")
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return {
        split: tuple(folder / f"{split}.{language}" for language in LANGUAGES) for split in SPLITS
    }


def main(arguments=None):
    """The command line: writes the data set and prints the paths."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.data.spoken_calendar",
        description="Writes English-German sentences with numbers, dates and times of day.",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder to make; must not exist")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    for split, count in (("train", 100_000), ("dev", 1_000), ("test", 2_000)):
        help_text = f"{split} sentences (default: %(default)s)"
        parser.add_argument(f"--{split}", type=int, default=count, help=help_text)
    options = parser.parse_args(arguments)
    try:
        paths = write(options.out, options.seed, options.train, options.dev, options.test)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for source, target in paths.values():
        print(source, target, sep="\n")


if __name__ == "__main__":
    main()
