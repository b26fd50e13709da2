"""Words to tags, texts to tagged words and entities."""

import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from tests.small_bert import small_model, small_tokenizer, spread_labels
from zoo.models import BERT, BERTTagger
from zoo.tasks import TextTagger

NAMES = ["O", "B-X", "I-X", "B-Y", "I-Y"]
WORDS = [
    ["the", "film", "was", "goodly", "!"],
    [],
    ["bad"],
    ["York", "\x00", "ve\u0301ry", "new-york", "漢字", "good", "x\U0001f600"],
]
TEXTS = ["the film wa\u0301s goodly!", "", " \U0001f600x 漢字, York ", "bad food " * 20]


def make(names=NAMES, **settings):
    model = small_model(BERTTagger, num_labels=len(names))
    inputs = small_tokenizer().encode_batch([TEXTS[0] + "漢 new york x"]).inputs
    spread_labels(model, inputs)
    return TextTagger(model, small_tokenizer(), names, **settings)


@pytest.fixture(scope="module")
def tagger():
    return make()


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_the_first_piece_decides(tagger):
    tags = tagger.tag_words(WORDS)
    inputs, labels, sample_weight = tagger.encode(WORDS)
    assert labels is None
    logits = to_numpy(tagger.model(inputs))
    seen = 0
    for row, (words, found) in enumerate(zip(WORDS, tags, strict=True)):
        column = 1  # behind [CLS]
        for word, tag in zip(words, found, strict=True):
            size = len(tagger.tokenizer.encode([word])[0])
            expected = NAMES[logits[row, column].argmax()] if size else "O"
            assert tag == expected, word
            weights = sample_weight[row, column : column + size]
            assert weights.tolist() == [1.0, *[0.0] * (size - 1)][:size]
            column += size
            seen += size > 0
    assert sample_weight.sum() == seen == 12
    assert len({tag for row in tags for tag in row}) > 2


def test_labels_stand_at_first_pieces(tagger):
    tags = [["B-X", "I-X", "O", "B-Y", "O"], [], ["I-Y"], ["O", "B-X", "I-X", *["B-Y"] * 4]]
    inputs, labels, sample_weight = tagger.encode(WORDS, tags)
    assert labels.dtype == np.int32
    assert sample_weight.dtype == np.float32
    assert labels.shape == sample_weight.shape == inputs["token_ids"].shape
    for row in range(4):
        wanted = [t for word, t in zip(WORDS[row], tags[row], strict=True) if word != "\x00"]
        found = labels[row][sample_weight[row] == 1]
        assert [NAMES[i] for i in found] == wanted
    assert (labels[sample_weight == 0] == 0).all()


def test_a_text_is_its_words_with_places_and_probabilities(tagger):
    tagged = tagger(TEXTS)
    for text, row in zip(TEXTS, tagged, strict=True):
        assert all(text[token.start : token.end] == token.text for token in row)
    words = [[token.text for token in row] for row in tagged]
    assert words[0] == ["the", "film", "wa\u0301s", "goodly", "!"]
    assert words[2] == ["\U0001f600x", "漢", "字", ",", "York"]
    assert words[1] == []
    assert [[token.tag for token in row] for row in tagged] == tagger.tag_words(words)
    inputs, _, sample_weight = tagger.encode(words)
    scores = softmax(to_numpy(tagger.model(inputs))).max(axis=-1)
    for row, weights, expected in zip(tagged, sample_weight, scores, strict=True):
        expected = expected[weights == 1]
        found = [token.score for token in row][: len(expected)]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_long_text_loses_its_tail_and_its_words_are_outside():
    names = ["B-X", "I-X", "B-Y"]
    for task, outside in ((make(["O", *names], max_length=7), "O"), (make(names), "")):
        room = task.max_length - 2
        (row,) = task(["bad " * 40])
        assert len(row) == 40
        assert all(token.score > 0 for token in row[:room])
        assert {token[1:3] for token in row[room:]} == {(outside, 0.0)}
        (tags,) = task.tag_words([["bad"] * 40])
        assert tags == [token.tag for token in row]
    # What is seen of it is tagged as if it were all.
    short, long = make(max_length=7).tag_words([["bad", "food", "goodly", "a"], ["bad"] * 3])
    assert len(short) == 4
    assert long == make().tag_words([["bad"] * 3])[0]


def test_entities_are_pieces_of_the_text(tagger):
    texts = ["e\u0301 New 漢字 \U0001f600 York", "", "goodly food"]
    tokens = tagger(texts)
    for text, row, found in zip(texts, tokens, tagger.entities(texts), strict=True):
        covered = {token for token in row for one in found if one.start <= token.start < one.end}
        assert covered == {token for token in row if token.tag != "O"}
        for entity in found:
            assert text[entity.start : entity.end] == entity.text
            assert entity.label in ("X", "Y")
            assert 0 < entity.score <= 1
    assert any(tagger.entities(texts))


def test_other_tags_name_no_entities():
    task = make(["NOUN", "VERB"])
    assert len(task.tag_words(WORDS)[0]) == 5
    with pytest.raises(ValueError, match="IOB2.*'NOUN'"):
        task.entities(["good"])


def test_batches_change_nothing(tagger):
    whole = tagger.tag_words(WORDS)
    assert tagger.tag_words(WORDS, batch_size=1) == whole
    assert tagger.tag_words(WORDS[::-1], batch_size=3) == whole[::-1]
    assert tagger.tag_words([]) == tagger([]) == tagger.entities([]) == []
    assert tagger.tag_words([[], []]) == [[], []]
    alone = [tagger([text])[0] for text in TEXTS]
    for row, expected in zip(tagger(TEXTS), alone, strict=True):
        assert [token[:2] for token in row] == [token[:2] for token in expected]
        scores = [[token.score for token in tokens] for tokens in (row, expected)]
        np.testing.assert_allclose(*scores, atol=1e-5)


def test_fit_learns_the_tags_of_a_script():
    model = small_model(BERTTagger, scale=0.1, num_labels=2, dropout=0.0)
    task = TextTagger(model, small_tokenizer(), ["O", "B-X"])
    words = [["a", "goodly", "film"], ["the", "badly", "new", "york"]]
    tags = [["O", "B-X", "O"], ["B-X", "O", "O", "B-X"]]
    task.model.compile(
        keras.optimizers.Adam(1e-2),
        task.labels.loss(),
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    task.tag_words(words)  # compiled before: must read the weights of later
    inputs, labels, sample_weight = task.encode(words, tags)
    task.model.fit(inputs, labels, sample_weight=sample_weight, epochs=20, verbose=0)
    assert task.tag_words(words) == tags


def test_round_trips(tmp_path):
    task = make(max_length=29)
    task.save(tmp_path / "task")
    task.save_pretrained(tmp_path / "pretrained")
    for again in (
        zoo.load(tmp_path / "task"),
        TextTagger.load(tmp_path / "task"),
        TextTagger.from_pretrained(tmp_path / "pretrained", max_length=29),
    ):
        assert again.labels.names == tuple(NAMES)
        assert again.max_length == 29
        assert again(TEXTS) == task(TEXTS)


def test_transformers_gives_the_same(tmp_path, tagger):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    tagger.save_pretrained(tmp_path / "saved")
    model = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "saved").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    for words, tags in zip(WORDS, tagger.tag_words(WORDS), strict=True):
        tokens = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            numbers = model(**tokens).logits[0].argmax(-1).tolist()
        expected = dict.fromkeys(range(len(words)), "O")
        for word, number in list(zip(tokens.word_ids(), numbers, strict=True))[::-1]:
            if word is not None:
                expected[word] = model.config.id2label[number]
        assert tags == list(expected.values())


def test_a_new_head_on_released_weights(tmp_path):
    small_model(BERT).save_pretrained(tmp_path / "bert")
    small_tokenizer().write_pretrained(tmp_path / "bert")
    task = TextTagger.from_pretrained(tmp_path / "bert", labels=["NOUN", "VERB", "X"])
    assert task.labels.names == ("NOUN", "VERB", "X")
    assert len(task.tag_words([["good", "food"]])[0]) == 2
    given, expected = task.model.token_embedding.weights[0], small_model(BERT).weights[0]
    np.testing.assert_array_equal(to_numpy(given.value), to_numpy(expected.value))
    with pytest.raises(ValueError, match="give num_labels"):
        TextTagger.from_pretrained(tmp_path / "bert")


def test_bad_input_is_named(tagger):
    model, tokenizer = tagger.model, tagger.tokenizer
    with pytest.raises(ValueError, match="as many as the model has outputs, 5; got .'O', 'B-X'."):
        TextTagger(model, tokenizer, ["O", "B-X"])
    with pytest.raises(TypeError, match="must be a zoo.models.BERTTagger; got a BERT"):
        TextTagger(small_model(BERT), tokenizer, NAMES)
    with pytest.raises(TypeError, match="texts must be a list of str; got one string"):
        tagger("good")
    with pytest.raises(TypeError, match="words must be a list"):
        tagger.tag_words("good")
    with pytest.raises(TypeError, match=r"words\[1\] must be a list of str; got one string"):
        tagger.tag_words([["good"], "bad"])
    with pytest.raises(ValueError, match="lone surrogate"):
        tagger(["\ud800"])
    with pytest.raises(ValueError, match=r"tags\[1\] must be as many as words, 1; got 2"):
        tagger.encode([["good"], ["bad"]], [["O"], ["O", "O"]])
    with pytest.raises(ValueError, match="tags must be as many rows as words, 2; got 1"):
        tagger.encode([["good"], ["bad"]], [["O"]])
    with pytest.raises(ValueError, match="'NOUN' is none of"):
        tagger.encode([["good"]], [["NOUN"]])
