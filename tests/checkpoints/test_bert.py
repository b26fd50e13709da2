import warnings

import keras
import numpy as np
import pytest

from tests.backends import to_numpy
from tests.bert_models import (
    CONFIG,
    LABELS,
    OTHER,
    assert_close,
    batch,
    reference_outputs,
    saved,
    torch,
    transformers,
)
from zoo import checkpoints
from zoo.checkpoints.config_json import ACTIVATIONS
from zoo.layers import get_activation
from zoo.models import BERT, BERTClassifier, BERTPretrainer, BERTSpanSelector, BERTTagger

# The same numbers as the transformers library.


@pytest.mark.parametrize("config", [CONFIG, OTHER])
def test_hidden_states_and_pooled_output(tmp_path, config):
    reference = saved(tmp_path, "BertModel", **config)
    model = BERT.from_pretrained(tmp_path)
    inputs = batch(model.config.pad_id, model.config.num_segments)
    expected = reference_outputs(reference, inputs)
    given = model(inputs)
    assert_close(given["sequence_output"], expected["last_hidden_state"], inputs["padding_mask"])
    assert_close(given["pooled_output"], expected["pooler_output"])
    # The mask of padding follows from the ids, and segments are zeros where they are absent.
    del inputs["padding_mask"]
    np.testing.assert_array_equal(
        to_numpy(model(inputs)["pooled_output"]), to_numpy(given["pooled_output"])
    )
    zeros = {**inputs, "segment_ids": np.zeros((3, 11), "int32")}
    assert_close(
        model({"token_ids": inputs["token_ids"]})["sequence_output"],
        to_numpy(model(zeros)["sequence_output"]),
    )


@pytest.mark.parametrize("num_labels", [1, 3])
def test_classifier(tmp_path, num_labels):
    name = "BertForSequenceClassification"
    reference = saved(tmp_path, name, **CONFIG, num_labels=num_labels)
    inputs = batch()
    expected = reference_outputs(reference, inputs)["logits"]
    model = BERTClassifier.from_pretrained(tmp_path)
    assert model.num_labels == num_labels
    assert_close(model(inputs), expected)


def test_tagger(tmp_path):
    reference = saved(tmp_path, "BertForTokenClassification", **CONFIG, **LABELS)
    inputs = batch()
    expected = reference_outputs(reference, inputs)["logits"]
    given = BERTTagger.from_pretrained(tmp_path)(inputs)
    assert_close(given, expected, inputs["padding_mask"])


def test_span_selector(tmp_path):
    reference = saved(tmp_path, "BertForQuestionAnswering", **CONFIG)
    inputs = batch()
    expected = reference_outputs(reference, inputs)
    given = to_numpy(BERTSpanSelector.from_pretrained(tmp_path)(inputs))
    real = inputs["padding_mask"]
    for name in ("start_logits", "end_logits"):
        assert_close(given[name], expected[name], real)
        assert (given[name][~real] == -30000).all()


def test_pretrainer(tmp_path):
    reference = saved(tmp_path, "BertForPreTraining", **CONFIG)
    inputs = batch()
    expected = reference_outputs(reference, inputs)
    model = BERTPretrainer.from_pretrained(tmp_path)
    given = model(inputs)
    assert_close(given["mlm_logits"], expected["prediction_logits"], inputs["padding_mask"])
    assert_close(given["nsp_logits"], expected["seq_relationship_logits"])
    positions = np.array([[10, 0, 3], [4, 4, 0], [1, 0, 0]], "int32")
    given = model({**inputs, "mask_positions": positions})
    assert_close(
        given["mlm_logits"],
        np.take_along_axis(expected["prediction_logits"], positions[..., None], axis=1),
    )


@pytest.mark.parametrize(
    ("name", "absent", "output", "theirs"),
    [
        ("BertForMaskedLM", "pooler, head of next sentence prediction", "mlm_logits", "logits"),
        ("BertForNextSentencePrediction", "masked language model", "nsp_logits", "logits"),
    ],
)
def test_half_a_pretrainer(tmp_path, name, absent, output, theirs):
    reference = saved(tmp_path, name, **CONFIG)
    inputs = batch()
    with pytest.warns(UserWarning, match=f"has no .*{absent}.*BERTPretrainer starts with random"):
        model = BERTPretrainer.from_pretrained(tmp_path)
    real = inputs["padding_mask"] if output == "mlm_logits" else None
    assert_close(model(inputs)[output], reference_outputs(reference, inputs)[theirs], real)


# Heads on folders of other classes.


def test_fresh_heads_on_any_folder(tmp_path):
    saved(tmp_path / "plain", "BertModel", **CONFIG)
    saved(tmp_path / "tagger", "BertForTokenClassification", **CONFIG, **LABELS)
    inputs = batch()
    for folder in ("plain", "tagger"):
        with pytest.raises(ValueError, match="no head of BertForSequenceClass.*give num_labels"):
            BERTClassifier.from_pretrained(tmp_path / folder)
    model = BERTClassifier.from_pretrained(tmp_path / "plain", num_labels=5)
    assert to_numpy(model(inputs)).shape == (3, 5)
    expected = BERT.from_pretrained(tmp_path / "plain")(inputs)["sequence_output"]
    with pytest.warns(UserWarning, match="has no head of question answering"):
        selector = BERTSpanSelector.from_pretrained(tmp_path / "plain")
    for each in (model, selector):
        assert_close(each.encode(inputs)[0], to_numpy(expected))
    # With num_labels the head is fresh, whatever the folder has.
    tagger = BERTTagger.from_pretrained(tmp_path / "tagger", num_labels=3)
    given = to_numpy(tagger.classifier.kernel.value)
    stored = checkpoints.TensorFiles(tmp_path / "tagger")["classifier.weight"].T
    assert given.shape == stored.shape
    assert np.abs(given - stored).max() > 0.1


def test_a_folder_without_a_pooler(tmp_path):
    reference = saved(tmp_path, "BertForTokenClassification", **CONFIG, **LABELS)
    inputs = batch()
    with pytest.warns(UserWarning, match="has no pooler: this BERT starts with random weights"):
        model = BERT.from_pretrained(tmp_path)
    expected = reference_outputs(reference.bert, inputs)["last_hidden_state"]
    assert_close(model(inputs)["sequence_output"], expected, inputs["padding_mask"])


@pytest.mark.parametrize("name", ["BertForPreTraining", "BertForSequenceClassification"])
def test_heads_of_a_folder_are_left_alone(tmp_path, name):
    reference = saved(tmp_path, name, **CONFIG)
    inputs = batch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BERT.from_pretrained(tmp_path)
    expected = reference_outputs(reference.bert, inputs)["pooler_output"]
    assert_close(model(inputs)["pooled_output"], expected)


def test_one_part_too_few(tmp_path):
    """A pooler of which a half is there is damage, not absence."""
    saved(tmp_path / "whole", "BertModel", **CONFIG)

    def change(tensors):
        del tensors["pooler.dense.bias"], tensors["encoder.layer.1.output.dense.bias"]
        tensors["embeddings.position_embeddings.weight"] = np.zeros((16, 28), "float32")
        return {**tensors, "encoder.layer.3.output.dense.bias": np.zeros(28, "float32")}

    with pytest.raises(ValueError, match="does not fit the model") as caught:
        BERT.from_pretrained(rewrite(tmp_path / "whole", tmp_path / "changed", change))
    assert str(caught.value).splitlines()[1:] == [
        "  wrong shape: embeddings.position_embeddings.weight is (16, 28), the model needs "
        "(17, 28)",
        "  missing: encoder.layer.1.output.dense.bias (28,)",
        "  missing: pooler.dense.bias (28,)",
        "  unexpected: encoder.layer.3.output.dense.bias",
    ]


# Names.


def rewrite(folder, to, change):
    """A copy of the folder whose tensors went through `change`."""
    config = checkpoints.read_json(folder, "config.json")
    to.mkdir()
    checkpoints.write_folder_files(to, config, change(dict(checkpoints.TensorFiles(folder))))
    return to


def old_norms(name):
    gamma = name.replace("LayerNorm.weight", "LayerNorm.gamma")
    return gamma.replace("LayerNorm.bias", "LayerNorm.beta")


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {f"bert.{name}": array for name, array in tensors.items()},
        lambda tensors: {old_norms(name): array for name, array in tensors.items()},
        lambda tensors: {**tensors, "embeddings.position_ids": np.arange(17)[None]},
    ],
)
def test_other_names_of_the_same_tensors(tmp_path, change):
    saved(tmp_path / "whole", "BertModel", **CONFIG)
    expected = BERT.from_pretrained(tmp_path / "whole")
    given = BERT.from_pretrained(rewrite(tmp_path / "whole", tmp_path / "changed", change))
    for one, other in zip(expected.weights, given.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one.value), to_numpy(other.value))


def test_heads_without_the_prefix(tmp_path):
    reference = saved(tmp_path / "whole", "BertForTokenClassification", **CONFIG, **LABELS)
    inputs = batch()

    def change(tensors):
        return {name.removeprefix("bert."): array for name, array in tensors.items()}

    model = BERTTagger.from_pretrained(rewrite(tmp_path / "whole", tmp_path / "changed", change))
    expected = reference_outputs(reference, inputs)["logits"]
    assert_close(model(inputs), expected, inputs["padding_mask"])


def test_tied_tensors_are_checked(tmp_path):
    saved(tmp_path / "whole", "BertForPreTraining", **CONFIG)

    def old(tensors):
        table = tensors["bert.embeddings.word_embeddings.weight"]
        bias = tensors.pop("cls.predictions.bias", np.zeros(37, "float32"))
        return {
            **{old_norms(name): array for name, array in tensors.items()},
            "cls.predictions.decoder.weight": table,
            "cls.predictions.decoder.bias": bias,
        }

    model = BERTPretrainer.from_pretrained(rewrite(tmp_path / "whole", tmp_path / "old", old))
    expected = BERTPretrainer.from_pretrained(tmp_path / "whole")
    for one, other in zip(expected.weights, model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one.value), to_numpy(other.value))

    def untied(tensors):
        return {**old(tensors), "cls.predictions.decoder.weight": np.ones((37, 28), "float32")}

    with pytest.raises(ValueError, match="decoder.weight differs from bert.embeddings.word"):
        BERTPretrainer.from_pretrained(rewrite(tmp_path / "whole", tmp_path / "untied", untied))


# What we save.


@pytest.mark.parametrize(
    ("model_class", "name"),
    [
        (BERT, "BertModel"),
        (BERTClassifier, "BertForSequenceClassification"),
        (BERTTagger, "BertForTokenClassification"),
        (BERTSpanSelector, "BertForQuestionAnswering"),
        (BERTPretrainer, "BertForPreTraining"),
    ],
)
def test_round_trip_is_exact(tmp_path, model_class, name):
    labels = LABELS if model_class in (BERTClassifier, BERTTagger) else {}
    reference = saved(tmp_path / "theirs", name, **OTHER, classifier_dropout=0.25, **labels)
    first = model_class.from_pretrained(tmp_path / "theirs")
    names = [list(LABELS["id2label"].values())] if labels else []
    first.save_pretrained(tmp_path / "ours", *names)
    second = model_class.from_pretrained(tmp_path / "ours")
    assert second.config == first.config
    assert second.config.classifier_dropout == 0.25
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one.value), to_numpy(other.value))
    stored = checkpoints.TensorFiles(tmp_path / "theirs")
    written = checkpoints.TensorFiles(tmp_path / "ours")
    assert set(stored) == set(written)
    for tensor in stored:
        np.testing.assert_array_equal(stored[tensor], written[tensor])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, report = getattr(transformers, name).from_pretrained(
            tmp_path / "ours", output_loading_info=True
        )
    assert not any(report.values()), report
    inputs = batch(5, 3)
    expected = reference_outputs(reference, inputs)
    for key, value in reference_outputs(again.eval(), inputs).items():
        np.testing.assert_array_equal(value, expected[key])
    if labels:
        assert again.config.id2label == LABELS["id2label"]
        assert checkpoints.labels_of_bert(tmp_path / "ours").names == ("B-LOC", "I-LOC", "O")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "ours").to_dict()
    expected = transformers.AutoConfig.from_pretrained(tmp_path / "theirs").to_dict()
    for name in ("transformers_version", "_name_or_path"):
        del config[name], expected[name]
    assert config == expected


def test_a_model_made_here_can_be_saved(tmp_path):
    model = BERTClassifier.from_size(
        "tiny", vocab_size=37, num_layers=1, num_positions=17, num_labels=3
    )
    model.save_pretrained(tmp_path / "saved")
    name = "BertForSequenceClassification"
    reference = getattr(transformers, name).from_pretrained(tmp_path / "saved").eval()
    inputs = batch()
    assert_close(model(inputs), reference_outputs(reference, inputs)["logits"])
    assert reference.config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    with pytest.raises(FileExistsError, match="saved. exists"):
        model.save_pretrained(tmp_path / "saved")
    for labels in (["a", "b"], ["a", "b", "a"]):
        with pytest.raises(ValueError, match="labels must be 3 different names"):
            model.save_pretrained(tmp_path / "other", labels)
    assert [file.name for file in tmp_path.iterdir()] == ["saved"]


def test_an_activation_that_transformers_lacks(tmp_path):
    model = BERT.from_size("tiny", vocab_size=37, num_layers=1, activation="selu")
    with pytest.raises(ValueError, match="activation must be one of .*'selu'"):
        model.save_pretrained(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


def test_activations_are_theirs():
    x = np.linspace(-3, 3, 13, dtype="float32")
    for name, ours in ACTIVATIONS.items():
        expected = transformers.activations.ACT2FN[name](torch.tensor(x)).numpy()
        given = to_numpy(get_activation(ours)(keras.ops.convert_to_tensor(x)))
        np.testing.assert_allclose(given, expected, atol=1e-6)
