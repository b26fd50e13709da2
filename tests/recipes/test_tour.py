import re

import numpy as np
import pytest

from recipes.tour import sentences
from recipes.tour.__main__ import main, steps
from recipes.tour.guide import Guide
from recipes.tour.translation import keep
from zoo.tasks import Translator

NAMES = list(steps())


def test_the_steps_are_in_the_lectures_order(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert NAMES[0] == "similarity"
    assert NAMES.index("softmax") < NAMES.index("heads") < NAMES.index("positions")
    assert NAMES.index("masks") < NAMES.index("translation") < NAMES.index("chatgpt")
    assert all(len(line.split()) > 3 for line in listed)


def test_unknown_steps_are_named(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["softmin", "--out", str(tmp_path / "out")])
    assert "no step softmin; there are similarity" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_whole_tour(tmp_path, capsys):
    assert main(["--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    page = (tmp_path / "tour.md").read_text("utf-8")
    titles = re.findall(r"^## \d+\. ", page, re.MULTILINE)
    assert len(titles) == len(NAMES) == said.count("Notice:")
    shown = re.findall(r"!\[.*\]\((.*)\)", page)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert len(shown) == len(set(shown))
    assert set(shown) == pictures
    assert {name.split("-")[0] for name in pictures} == set(NAMES)  # each step has one
    assert "nan" not in said.lower().split()
    _check_figures(said)
    _check_translator(tmp_path / "translator")


def test_a_step_alone_keeps_its_number_and_the_page_of_the_whole_tour(tmp_path, capsys):
    (tmp_path / "tour.md").write_text("all of it")
    assert main(["masks", "softmax", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "tour.md").read_text() == "all of it"
    said = capsys.readouterr().out
    assert re.findall(r"^(\d+)\. ", said, re.MULTILINE) == ["3", "8"]
    assert f"{tmp_path} has the pictures" in said
    assert "has it all" not in said


def _check_figures(said):
    """What is said to be equal is."""
    differences = [float(x) for x in re.findall(r"at most (\S+e[-+]\d+|0e\+00)", said)]
    assert len(differences) == 3
    assert max(differences) < 1e-4
    changed = re.search(r"five places by at most\n\s+(.*)", said)[1].split()
    assert changed[:3] == ["0.00"] * 3
    assert min(map(float, changed[3:])) > 0.1
    cosines = re.search(r"random weights\):\n\s+(.*)", said)[1].split()
    assert cosines[0] == "1.00"
    assert max(map(float, cosines[1:])) < 0.95
    assert "174,604,259,328 parameters" in said
    assert "python -m recipes.chat_ppo" in said
    assert int(re.search(r"(\d+) of 100 sentences", said)[1]) >= 90


def _check_translator(folder):
    translator = Translator.load(folder)
    english = "She will call the teacher on Monday."
    assert translator([english]) == ["Sie wird die Lehrerin am Montag anrufen."]
    cross = translator.attention(english)["cross"]
    verb = cross.following.index("\u2581anrufen")
    weights = cross.weights[0].mean(axis=0)[verb]
    assert cross.keys[int(np.argmax(weights))] == "\u2581call"


def test_a_second_tour_leaves_what_the_first_one_saved(tmp_path, capsys):
    (tmp_path / "translator").mkdir()
    (tmp_path / "translator" / "task.json").write_text('{"task": "Translator"}')
    keep(Guide(tmp_path), None)
    assert "earlier tour, which stays" in " ".join(capsys.readouterr().out.split())


def test_sentences_to_learn_and_to_test():
    train, test = sentences.pairs()
    assert (len(train), len(test)) == (2204, 100)
    assert not set(train) & set(test)
    assert ("He will find Ann soon.", "Er wird Ann bald finden.") in {*train, *test}
    assert sentences.pairs() == (train, test)
