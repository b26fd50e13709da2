"""Tagged words of CoNLL, CoNLL-U and JSON lines files."""

import gzip

import pytest

from recipes.data.labelled import Columns, read_examples


def _read(tmp_path, name, content, columns=None):
    file = tmp_path / name
    content = content.encode()
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_examples(file, "tagging", columns)


@pytest.mark.parametrize("name", ["a.conll", "a.conll.gz", "a.bio"])
def test_conll_with_tabs(tmp_path, name):
    tagged = _read(tmp_path, name, "\n#\tO\r\nNew York\tB-loc\n\t\n\n.\tO\n\u2028x\u00a0\tO")
    assert tagged.words == [["#", "New York"], [".", "\u2028x\u00a0"]]
    assert tagged.tags == [["O", "B-loc"], ["O", "O"]]
    assert len(tagged) == 2


def test_conll_with_spaces_and_columns(tmp_path):
    content = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects  VBZ B-VP O\n\n"
    tagged = _read(tmp_path, "a.conll", content)
    assert (tagged.words, tagged.tags) == ([["EU", "rejects"]], [["B-ORG", "O"]])
    tagged = _read(tmp_path, "a.conll", content, Columns(label="2"))
    assert tagged.tags == [["NNP", "VBZ"]]


CONLLU = """\
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
2.1\tnull\t_\tX\t_\t_\t_\t_\t_\t_

1\ta b\ta b\tADP\tIN\tNumber=Sing\t0\troot\t_\t_
"""


def test_conllu(tmp_path):
    tagged = _read(tmp_path, "a.conllu", CONLLU)
    assert tagged.words == [["vamos", "nos"], ["a b"]]
    assert tagged.tags == [["VERB", "PRON"], ["ADP"]]
    for column in ("XPOS", "5"):
        tagged = _read(tmp_path, "a.conllu.gz", CONLLU, Columns(label=column))
        assert tagged.tags == [["V", "P"], ["IN"]]
    assert _read(tmp_path, "a.conllu", CONLLU, Columns(text="LEMMA")).words[0] == ["ir", "nosotros"]


def test_json_lines(tmp_path):
    line = '{"tokens": ["New York", "."], "ner_tags": ["B-loc", "O"]}\n'
    tagged = _read(tmp_path, "a.jsonl", line)
    assert (tagged.words, tagged.tags) == ([["New York", "."]], [["B-loc", "O"]])
    line = '{"w": ["a"], "t": ["X"], "tags": ["Y"]}'
    assert _read(tmp_path, "a.jsonl", line, Columns(text="w", label="t")).tags == [["X"]]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("a.conll", "", None, "a.conll is empty"),
        ("a.conll", "-DOCSTART- O\n", None, "a.conll is empty"),
        ("a.conllu", "# nothing\n", None, "a.conllu is empty"),
        ("a.conll", "word\n", None, "line 1: must hold a word and its tag.*got 'word'"),
        ("a.conll", "a\tO\nb\n", None, "line 2: has 1 columns, but line 1 has 2"),
        ("a.conll", "a\tO\nb\t\n", None, "line 2: the tag is empty"),
        ("a.conll", "a\tO\n\tO\n", None, "line 2: the word is empty"),
        ("a.conll", "a\tO\n", Columns(label="3"), "no column '3': it has the columns 1 to 2"),
        ("a.conllu", "1\ta\tO\n", None, "line 1: has 3 columns, but CoNLL-U has 10"),
        ("a.conllu", "x" + "\t_" * 9 + "\n", None, "line 1: the id must be like 4, 4-5 or 4.1"),
        ("a.conllu", CONLLU, Columns(label="POS"), "no column 'POS': it has the columns ID, FORM"),
        ("a.jsonl", '{"words": ["a"], "tags": []}', None, "line 1: tags must be a list of texts"),
        ("a.jsonl", '{"words": ["a"], "tags": ["O", "O"]}', None, "has 1 words, but 2 tags"),
        ("a.jsonl", '{"words": [""], "tags": ["O"]}', None, "must be texts that are not empty"),
        ("a.jsonl", '{"words": ["a"], "tags": [3]}', None, "tags must be texts.*got 3"),
        ("a.jsonl", '{"text": "a"}', None, "has no words or tokens; its keys are text"),
        ("a.jsonl", "3", None, "must be a JSON object, got 3"),
    ],
)
def test_bad_files(tmp_path, name, content, columns, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, name, content, columns)
