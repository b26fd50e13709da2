"""Tables of labelled texts, hand-written: every format, every column rule, every error."""

import gzip

import pytest

from recipes.data.labelled import Columns, read_examples


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        content = content.encode() if isinstance(content, str) else content
        file = tmp_path / name
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return file

    return write_file


def test_csv_has_quotes_and_line_breaks(write):
    file = write("a.csv", 'label,text\npos,"one, ""two""\nthree"\nneg,four\n')
    examples = read_examples(file, "classification")
    assert examples.texts == ['one, "two"\nthree', "four"]
    assert examples.labels == ["pos", "neg"]
    assert examples.pairs is None
    assert len(examples) == 2


def test_tsv_has_no_quotes(write):
    file = write("a.tsv", 'sentence\tlabel\n"open\t1\nit"s \t 0\n')
    examples = read_examples(file, "classification")
    assert examples.texts == ['"open', 'it"s ']
    assert examples.labels == ["1", "0"]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV"])
def test_byte_order_mark_crlf_and_gzip(write, name):
    file = write(name, b"\xef\xbb\xbftext,label\r\nyes,1\r\n\r\nno,0\r\n")
    assert read_examples(file, "classification").labels == ["1", "0"]


def test_lines_end_at_line_feeds_only(write):
    text = "a\u2028b\x0cc\x85d\re"
    assert read_examples(write("a.tsv", f"{text}\t1\n"), "classification").texts == [text]
    assert read_examples(write("a.csv", f'"{text}",1\n'), "classification").texts == [text]


def test_without_header_the_text_is_first_and_the_label_last(write):
    file = write("a.tsv.gz", "good\tx\t1\nbad\ty\t0\n")
    examples = read_examples(file, "classification")
    assert (examples.texts, examples.labels) == (["good", "bad"], ["1", "0"])
    examples = read_examples(file, "pair")
    assert (examples.pairs, examples.labels) == (["x", "y"], ["1", "0"])


def test_columns_by_number_and_by_name(write):
    cola = write("cola.tsv", "gj04\t1\t\tIt works.\ncj99\t0\t*\tWorks it.\n")
    examples = read_examples(cola, "classification", Columns(text="4", label="2"))
    assert (examples.texts, examples.labels) == (["It works.", "Works it."], ["1", "0"])
    named = write("named.csv", "Kommentar,Urteil\ngut,1\nschlecht,0\n")
    examples = read_examples(named, "classification", Columns(text="Kommentar", label="Urteil"))
    assert (examples.texts, examples.labels) == (["gut", "schlecht"], ["1", "0"])
    numbered = Columns(text="1", label="2", header=True)
    assert read_examples(named, "classification", numbered) == examples
    assert len(read_examples(named, "classification", Columns(text="1", label="2"))) == 3


def test_header_is_what_the_caller_says(write):
    file = write("a.csv", "question,label\nhow,why\n")
    assert read_examples(file, "classification").texts == ["how"]
    examples = read_examples(file, "classification", Columns(header=False))
    assert (examples.texts, examples.labels) == (["question", "how"], ["label", "why"])


def test_well_known_pairs(write):
    mrpc = write("m.tsv", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t3\t4\ta b\tc d\n")
    examples = read_examples(mrpc, "pair")
    assert (examples.texts, examples.pairs, examples.labels) == (["a b"], ["c d"], ["1"])
    qnli = write("q.tsv", "index\tquestion\tsentence\tlabel\n0\twho?\tme.\tyes\n")
    examples = read_examples(qnli, "pair")
    assert (examples.texts, examples.pairs) == (["who?"], ["me."])


def test_regression_takes_pairs_where_there_are_any(write):
    file = write("s.tsv", "index\tsentence1\tsentence2\tscore\n0\ta\tb\t3.25\n1\tc\td\t1e-1\n")
    examples = read_examples(file, "regression")
    assert (examples.pairs, examples.labels) == (["b", "d"], [3.25, 0.1])
    single = read_examples(write("s.csv", "text,score\na,2\n"), "regression")
    assert (single.pairs, single.labels) == (None, [2.0])


def test_several_labels(write):
    file = write("m.csv", "text,labels\na,x|y\nb,\nc,y | x|y\n")
    assert read_examples(file, "multilabel").labels == [("x", "y"), (), ("y", "x")]
    file = write("m.tsv", "a\tx;y\nb\tz\n")
    assert read_examples(file, "multilabel", Columns(separator=";")).labels == [("x", "y"), ("z",)]
    lines = '{"text": "a", "labels": ["x", "u|v"]}\n{"text": "b", "labels": []}\n'
    assert read_examples(write("m.jsonl", lines), "multilabel").labels == [("x", "u|v"), ()]


def test_json_lines(write):
    lines = '{"id": 1, "text": "a\\nb", "label": 3}\n\n{"label": true, "text": "c", "more": null}\n'
    examples = read_examples(write("a.jsonl.gz", lines), "classification")
    assert (examples.texts, examples.labels) == (["a\nb", "c"], ["3", "true"])
    other = '{"premise": "p", "hypothesis": "h", "verdict": "no"}'
    examples = read_examples(write("b.json", other), "pair", Columns(label="verdict"), "jsonl")
    assert (examples.texts, examples.pairs, examples.labels) == (["p"], ["h"], ["no"])
    scores = '{"text": "a", "score": 1.5}\n{"text": "b", "score": "2"}\n'
    assert read_examples(write("c.ndjson", scores), "regression").labels == [1.5, 2.0]


def test_trec(write):
    file = write("train.txt", "NUM:dist How far is it ?\nHUM:ind Who : me ?\n")
    examples = read_examples(file, "classification", format="trec")
    assert examples.texts == ["How far is it ?", "Who : me ?"]
    assert examples.labels == ["NUM", "HUM"]
    fine = read_examples(file, "classification", Columns(label="fine"), "trec")
    assert fine.labels == ["NUM:dist", "HUM:ind"]


BAD_FILES = [
    ("empty.csv", "", "empty.csv is empty"),
    ("blank.tsv", "\n \n", "blank.tsv is empty"),
    ("rows.csv", "text,label\n", "rows.csv is empty: it has a header"),
    ("latin.csv", "text,label\ncafé,1\n".encode("latin-1"), r"latin.csv, line 2: not UTF-8.*0xe9"),
    ("short.tsv", "text\tlabel\na\t1\nb\n", "short.tsv, line 3: has 1 columns, but line 1 has 2"),
    ("wide.csv", 'text,label\n"a\nb",1\nc,1,2\n', "wide.csv, line 4: has 3 columns"),
    ("open.csv", 'text,label\na,1\n"b,0\nc,1\n', "open.csv, line 3: not CSV: unexpected end"),
    ("quote.csv", 'text,label\n"a"b,0\n', "quote.csv, line 2: not CSV.*doubled"),
    ("text.csv", "text,label\n ,0\n", "text.csv, line 2: the text is empty"),
    ("label.csv", "text,label\na,0\nb, \n", "label.csv, line 3: the label is empty"),
    ("one.tsv", "a\nb\n", "one.tsv: cannot tell which column is the label.*1 columns"),
    ("unknown.csv", "id,text\n1,a\n", "which column is the label; the file has the columns id, te"),
    ("only.csv", "label,words\n1,a\n", "which column is the text"),
    ("bad.jsonl", '{"text": "a", "label": 1}\n{"text": }\n', "bad.jsonl, line 2: invalid JSON"),
    ("list.jsonl", "[1]\n", r"list.jsonl, line 1: must be a JSON object, got \[1\]"),
    ("key.jsonl", '{"text": "a", "label": 1}\n{"label": 1}\n', "line 2: the text must be.*None"),
    ("null.jsonl", '{"text": "a", "label": null}\n', "null.jsonl, line 1: the label is empty"),
    ("nest.jsonl", '{"text": "a", "label": {}}\n', "line 1: a label must be a text or a number"),
    ("plain.txt", "a\t1\n", "plain.txt: its name does not say its format"),
    ("noname", "a\t1\n", "noname: its name does not say its format"),
    ("file.conll", "a\tO\n", "read as conll, but classification is read from csv, tsv, jsonl, tr"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES, ids=[f[0] for f in BAD_FILES])
def test_bad_files(write, name, content, message):
    with pytest.raises(ValueError, match=message):
        read_examples(write(name, content), "classification")


@pytest.mark.parametrize("cell", ["three", "", "nan", "inf", "3,5"])
def test_bad_scores(write, cell):
    file = write("s.tsv", f"text\tscore\na\t1\nb\t{cell}\n")
    with pytest.raises(ValueError, match=f"s.tsv, line 3: the label must be a finite.*{cell!r}"):
        read_examples(file, "regression")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(text="body"), "has no text column 'body': the file has the columns text, label"),
        (Columns(label="3"), "has no label column '3'"),
        (Columns(label="0"), "has no label column '0'"),
        (Columns(text="label", label="label"), "must be different columns"),
        (Columns(pair="text"), "a pair column is for"),
    ],
)
def test_bad_columns(write, columns, message):
    file = write("a.csv", "text,label\na,1\n")
    with pytest.raises(ValueError, match=message):
        read_examples(file, "classification", columns)


def test_numbers_beyond_the_columns_of_a_headerless_file(write):
    with pytest.raises(ValueError, match="column '3': the file has 2 columns without a header"):
        read_examples(write("a.tsv", "a\t1\n"), "classification", Columns(label="3"))
    with pytest.raises(ValueError, match="column 'verdict': the file has 2 columns without"):
        read_examples(write("a.tsv", "a\t1\n"), "classification", Columns(label="verdict"))


def test_pairs_need_their_column(write):
    with pytest.raises(ValueError, match="which column is the second text"):
        read_examples(write("a.csv", "text,label\na,1\n"), "pair")
    with pytest.raises(ValueError, match="line 2: the second text is empty"):
        read_examples(write("b.csv", "text1,text2,label\na,,1\n"), "pair")
    with pytest.raises(ValueError, match="which column is the text"):
        read_examples(write("c.csv", "sentence1,sentence2,label\na,b,1\n"), "classification")


def test_damaged_gzip_and_missing_files(write, tmp_path):
    file = write("a.csv.gz", "text,label\n" + "a,1\n" * 97)
    file.write_bytes(file.read_bytes()[:-11])
    with pytest.raises(ValueError, match="a.csv.gz is not a whole gzip file"):
        read_examples(file, "classification")
    with pytest.raises(FileNotFoundError):
        read_examples(tmp_path / "none.csv", "classification")


def test_bad_trec_and_kinds(write):
    with pytest.raises(ValueError, match="line 1: must be `COARSE:fine question`, got 'How far'"):
        read_examples(write("a.trec", "How far\n"), "classification")
    with pytest.raises(ValueError, match="kind must be one of classification.*got 'clustering'"):
        read_examples(write("a.csv", "a,1\n"), "clustering")
