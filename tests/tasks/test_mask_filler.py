"""Tokens for the gaps in texts, as the transformers library fills them."""

import numpy as np
import pytest

import zoo
from tests.bert_models import reference_model
from tests.small_bert import VOCABULARY, small_model, small_tokenizer
from zoo.models import BERT, BERTPretrainer
from zoo.tasks import Fill, MaskFiller

TEXTS = [
    "the [MASK] was good",
    "[MASK]",
    "a[MASK]b, [MASK] bad [MASK]!",
    "e\u0301 漢[MASK]\U0001f600",
]
SIZES = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 28,
    "num_hidden_layers": 2,
    "num_attention_heads": 7,
    "intermediate_size": 37,
    "max_position_embeddings": 31,
    "initializer_range": 0.4,
}


def make(**settings):
    model_settings = {"vocab_size": settings.pop("vocab_size", len(VOCABULARY))}
    model = small_model(BERTPretrainer, **model_settings)
    return MaskFiller(model, small_tokenizer(), **settings)


@pytest.fixture(scope="module")
def filler():
    return make()


def assert_same(given, expected, atol=1e-6):
    for row, other in zip(given, expected, strict=True):
        for fills, others in zip(row, other, strict=True):
            assert [fill.token for fill in fills] == [fill.token for fill in others]
            scores = [[fill.score for fill in each] for each in (fills, others)]
            np.testing.assert_allclose(*scores, atol=atol)


@pytest.mark.parametrize("architecture", ["BertForMaskedLM", "BertForPreTraining"])
def test_fills_as_the_reference(tmp_path, architecture):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = reference_model(architecture, **SIZES)
    model.save_pretrained(tmp_path / "saved")
    small_tokenizer().write_pretrained(tmp_path / "saved")
    filler = MaskFiller.from_pretrained(tmp_path / "saved")  # no warning, whatever it lacks
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    expected = []
    for text in TEXTS:
        tokens = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            logits = model(**tokens)[0][0]
        probabilities = logits[tokens["input_ids"][0] == tokenizer.mask_token_id].softmax(-1)
        scores, ids = probabilities.topk(3)
        expected.append(
            [
                [Fill(tokenizer.decode([i]), s) for i, s in zip(*mask, strict=True)]
                for mask in zip(ids.tolist(), scores.tolist(), strict=True)
            ]
        )
    given = filler(TEXTS, k=3)
    assert [len(row) for row in given] == [1, 1, 3, 1]
    assert_same(given, expected, atol=1e-5)


def test_transformers_pipeline_reads_what_is_saved(tmp_path, filler):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    filler.save_pretrained(tmp_path / "saved")
    pipeline = transformers.pipeline("fill-mask", str(tmp_path / "saved"), top_k=5)
    (given,) = filler(TEXTS[:1])
    for fill, expected in zip(given[0], pipeline(TEXTS[0]), strict=True):
        assert fill.token == expected["token_str"]
        np.testing.assert_allclose(fill.score, expected["score"], atol=1e-5)


def test_probabilities_are_of_the_whole_vocabulary(filler):
    (fills,) = filler(TEXTS[1:2], k=len(VOCABULARY))[0]
    assert {fill.token for fill in fills} == set(VOCABULARY)
    scores = [fill.score for fill in fills]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(sum(scores), 1.0, atol=1e-5)


def test_ids_without_a_token_are_never_given():
    wide = make(vocab_size=len(VOCABULARY) + 13)
    (fills,) = wide(TEXTS[1:2], k=len(VOCABULARY))[0]
    assert {fill.token for fill in fills} == set(VOCABULARY)
    assert sum(fill.score for fill in fills) < 0.99  # the others have the rest


def test_batches_change_nothing(filler):
    whole = filler(TEXTS)
    assert_same(filler(TEXTS, batch_size=1), whole)
    assert_same(filler(TEXTS[::-1], batch_size=3), whole[::-1])
    assert_same(filler(TEXTS, k=2), [[fills[:2] for fills in row] for row in whole])
    assert filler([]) == []


def test_masks_in_a_lost_tail_are_not_filled():
    short = make(max_length=7)
    text = "a [MASK] b c d"
    given = short([text + " [MASK]", "a " * 9 + "[MASK]", text])
    assert [len(row) for row in given] == [1, 0, 1]
    assert_same(given[:1], given[2:])


def test_round_trips(tmp_path):
    task = make(max_length=29)
    task.save(tmp_path / "task")
    task.save_pretrained(tmp_path / "pretrained")
    expected = task(TEXTS)
    for again in (
        zoo.load(tmp_path / "task"),
        MaskFiller.load(tmp_path / "task"),
        MaskFiller.from_pretrained(tmp_path / "pretrained", max_length=29),
    ):
        assert again.max_length == 29
        assert_same(again(TEXTS), expected, atol=0)


def test_a_folder_without_the_head_is_refused(tmp_path):
    small_model(BERT).save_pretrained(tmp_path / "bert")
    small_tokenizer().write_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match="BertModel without head of the masked language model"):
        MaskFiller.from_pretrained(tmp_path / "bert")


def test_bad_input_is_named(filler):
    with pytest.raises(ValueError, match=r"texts\[1\] has no \[MASK\]"):
        filler(["[MASK]", "good [mask]"])
    for k in (0, len(VOCABULARY) + 1, True, 2.0):
        with pytest.raises(ValueError, match="k must be at least 1 and at most"):
            filler(["[MASK]"], k=k)
    with pytest.raises(TypeError, match="texts must be a list of str; got one string"):
        filler("[MASK]")
    with pytest.raises(TypeError, match="must be a zoo.models.BERTPretrainer; got a BERT"):
        MaskFiller(small_model(BERT), small_tokenizer())
