"""Texts are cut before they are tokenized, in Python and in a graph alike."""

import pytest

from zoo.text.beginnings import beginnings, beginnings_in_graph

TEXTS = ["", "a", "é漢\U0001f600" * 22, "x" * 63, "x" * 64, "x" * 65, "\0" * 200, "e\u0301" * 50]


@pytest.mark.parametrize("max_tokens", [1, 2])
def test_the_graph_cuts_where_python_does(max_tokens):
    found = beginnings(TEXTS, max_tokens)
    assert [len(text) for text in found] == [min(len(t), 64 * max_tokens) for t in TEXTS]
    given = beginnings_in_graph([text.encode() for text in TEXTS], max_tokens).numpy()
    assert [text.decode() for text in given] == found


def test_what_is_no_utf_8_is_one_character():
    (found,) = beginnings_in_graph([b"\xff" * 70], 1).numpy()
    assert found.decode() == "\ufffd" * 64
    assert beginnings_in_graph([], 1).numpy().tolist() == []
