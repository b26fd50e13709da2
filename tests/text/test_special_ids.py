import pytest

from zoo.text import SpecialIds


def test_defaults_and_shared_start():
    assert SpecialIds() == SpecialIds(pad=0, unk=1, start=2, end=3)
    SpecialIds(pad=7, unk=1, start=7, end=0)  # Marian
    SpecialIds(pad=1, unk=3, start=2, end=2)  # BART


@pytest.mark.parametrize(
    ("ids", "culprit"),
    [
        ({"pad": -1}, "pad must be an integer >= 0, got -1"),
        ({"end": 3.0}, "end must be an integer"),
        ({"unk": True}, "unk must be an integer"),
        ({"end": 0}, "three different ids"),
        ({"start": 1}, "start must not be"),
    ],
)
def test_bad_ids(ids, culprit):
    with pytest.raises(ValueError, match=culprit):
        SpecialIds(**ids)


def test_check_against_vocabulary():
    SpecialIds().check(4)
    with pytest.raises(ValueError, match="end=3 is outside the vocabulary of 3 ids"):
        SpecialIds().check(3)
