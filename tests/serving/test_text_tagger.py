"""A TextTagger as a SavedModel: the tags of the task, from every backend, in every loader."""

import keras
import numpy as np
import pytest

from tests.small_bert import small_model, small_tokenizer, spread_labels
from zoo.models import BERTTagger
from zoo.serving import warmup
from zoo.tasks import TextTagger

TEXTS = [
    "the foo\u0301d was goodly",
    "",
    "bad film! " * 20,
    "x\U0001f600 漢字 é\x00, new-york",
    " \t",
    "bad film!",
]
WORDS = [["the", "goodly", "\x00", "York"], [], ["bad", "e\u0301"], ["film"] * 31]
NAMES = ["O", "B-X", "I-X", "B-Y"]


def make(names=NAMES):
    model = small_model(BERTTagger, num_labels=len(names))
    spread_labels(model, small_tokenizer().encode_batch(TEXTS, max_length=23).inputs)
    return TextTagger(model, small_tokenizer(), names, max_length=23)


# One export through a process is enough.
_KINDS = [NAMES, ["NOUN", "VERB"]][: 2 if keras.backend.backend() == "tensorflow" else 1]


@pytest.fixture(scope="module", params=_KINDS, ids=["entities", "others"][: len(_KINDS)])
def tagger(request):
    return make(request.param)


@pytest.fixture(scope="module")
def exported(tagger, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "tagger" / "1"
    tagger.export(folder)
    return folder


def texts(rows):
    return {
        "text": np.array([row if isinstance(row, bytes) else row.encode() for row in rows], "O")
    }


def words(rows, width=None):
    table = np.full(
        (len(rows), max(map(len, rows), default=0) if width is None else width), b"", "O"
    )
    for number, row in enumerate(rows):
        table[number, : len(row)] = [word.encode() for word in row]
    return {"words": table, "length": np.array([len(row) for row in rows], "int32")}


def assert_row(outputs, row, expected):
    """Row `row` of the outputs is `expected`, a list of `TaggedToken`, and nothing beyond."""
    length = outputs["length"][row]
    assert length == len(expected)
    found = {name: values[row] for name, values in outputs.items() if name != "length"}
    assert [word.decode() for word in found["tokens"][:length]] == [t.text for t in expected]
    assert [tag.decode() for tag in found["tags"][:length]] == [t.tag for t in expected]
    assert found["starts"][:length].tolist() == [t.start for t in expected]
    assert found["ends"][:length].tolist() == [t.end for t in expected]
    np.testing.assert_allclose(found["scores"][:length], [t.score for t in expected], atol=1e-5)
    for values in found.values():
        assert set(values[length:].tolist()) <= {b"", 0}


def test_texts_are_tagged_as_by_the_task(predict, tagger):
    outputs = predict(texts(TEXTS))
    expected = tagger(TEXTS)
    assert len({token.tag for row in expected for token in row}) > 1
    for row, tokens in enumerate(expected):
        assert_row(outputs, row, tokens)
    assert outputs["tokens"].shape == (len(TEXTS), 60)


def test_words_are_tagged_as_by_the_task(predict, tagger):
    outputs = predict(words(WORDS), "words")
    assert outputs["tags"].shape == outputs["scores"].shape == (4, 31)
    expected = tagger.tag_words(WORDS)
    for row, tags in enumerate(expected):
        found = [tag.decode() for tag in outputs["tags"][row]]
        assert found == tags + [""] * (31 - len(tags))
        assert (outputs["scores"][row, len(tags) :] == 0).all()
    # "\x00" has no piece; beyond 21 pieces, [CLS] and [SEP] a text is cut.
    seen = outputs["scores"] > 0
    assert seen.sum(axis=1).tolist() == [3, 0, 2, 21]


def test_scores_of_words_are_those_of_the_text(predict):
    row = ["the", "food", "was", "goodly", "!"]
    of_text = predict(texts([" ".join(row)]))
    of_words = predict(words([row], width=7), "words")
    np.testing.assert_allclose(of_words["scores"][:, :5], of_text["scores"], atol=1e-5)
    assert of_words["tags"][:, :5].tolist() == of_text["tags"].tolist()


def test_rows_do_not_depend_on_each_other(predict, tagger):
    for text, expected in zip(TEXTS, tagger(TEXTS), strict=True):
        assert_row(predict(texts([text])), 0, expected)
    together = predict(words(WORDS), "words")
    for number, row in enumerate(WORDS):
        alone = predict(words([row]), "words")
        assert alone["tags"][0].tolist() == together["tags"][number, : len(row)].tolist()
        scores = together["scores"][number, : len(row)]
        np.testing.assert_allclose(alone["scores"][0], scores, atol=1e-5)


def test_zero_rows_and_zero_width(predict):
    nothing = predict(texts([]))
    assert nothing.pop("length").shape == (0,)
    assert {values.shape for values in nothing.values()} == {(0, 0)}
    empty = predict(texts(["", " "]))
    assert empty.pop("length").tolist() == [0, 0]
    assert {values.shape for values in empty.values()} == {(2, 0)}
    for rows, width in ((0, 0), (0, 3), (2, 0), (2, 3)):
        outputs = predict(words([[]] * rows, width), "words")
        assert outputs["tags"].shape == outputs["scores"].shape == (rows, width)
        assert not outputs["scores"].any()
        assert not outputs["tags"].any()


def test_a_length_beyond_the_words_counts_no_more_than_they_are(predict):
    given = words([["bad", "film"], ["good", ""]])
    expected = predict(given | {"length": np.array([2, 0], "int32")}, "words")
    outputs = predict(given | {"length": np.array([2**31 - 1, -5], "int32")}, "words")
    assert outputs["tags"].tolist() == expected["tags"].tolist()
    assert outputs["tags"][1].tolist() == [b"", b""]


def test_invalid_utf8_is_a_replacement_character(predict, tagger):
    outputs = predict(texts([b"a \xff film x\xffy", b"a film"]))
    for row, text in enumerate(["a \ufffd film x\ufffdy", "a film"]):
        assert_row(outputs, row, tagger([text])[0])


def test_ships_warm_up_requests_for_all_signatures(exported, server):  # the server replayed them
    assert {name for name, _ in warmup.read_warmup(exported)} == {"serving_default", "words"}
