"""Checkpoints in the format of google-research, written here with the names that theirs have."""

import json

import numpy as np
import pytest

from tests.backends import to_numpy
from zoo.checkpoints import named_weights
from zoo.models import BERT, BERTClassifier, BERTPretrainer, BERTSpanSelector

tf = pytest.importorskip("tensorflow")

CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 14,
    "initializer_range": 0.02,
    "intermediate_size": 19,
    "max_position_embeddings": 17,
    "num_attention_heads": 7,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 37,
}
V, D, F = 37, 14, 19


def shapes(num_layers=2):
    """Names and shapes of a released checkpoint, spelled out."""
    found = {
        "bert/embeddings/word_embeddings": (V, D),
        "bert/embeddings/position_embeddings": (17, D),
        "bert/embeddings/token_type_embeddings": (2, D),
        "bert/pooler/dense/kernel": (D, D),
        "bert/pooler/dense/bias": (D,),
        "cls/predictions/transform/dense/kernel": (D, D),
        "cls/predictions/transform/dense/bias": (D,),
        "cls/predictions/transform/LayerNorm/gamma": (D,),
        "cls/predictions/transform/LayerNorm/beta": (D,),
        "cls/predictions/output_bias": (V,),
        "cls/seq_relationship/output_weights": (2, D),
        "cls/seq_relationship/output_bias": (2,),
        "bert/embeddings/LayerNorm/gamma": (D,),
        "bert/embeddings/LayerNorm/beta": (D,),
    }
    for i in range(num_layers):
        block = f"bert/encoder/layer_{i}"
        for part in ("query", "key", "value"):
            found[f"{block}/attention/self/{part}/kernel"] = (D, D)
            found[f"{block}/attention/self/{part}/bias"] = (D,)
        found[f"{block}/intermediate/dense/kernel"] = (D, F)
        found[f"{block}/intermediate/dense/bias"] = (F,)
        for part, size in (("attention/output", D), ("output", F)):
            found[f"{block}/{part}/dense/kernel"] = (size, D)
            found[f"{block}/{part}/dense/bias"] = (D,)
            found[f"{block}/{part}/LayerNorm/gamma"] = (D,)
            found[f"{block}/{part}/LayerNorm/beta"] = (D,)
    return found


def random_arrays(shapes):
    rng = np.random.default_rng(5)
    return {name: rng.normal(0, 0.3, shape).astype("float32") for name, shape in shapes.items()}


def write(folder, arrays, config=CONFIG, name="bert_model.ckpt"):
    """What the Saver of TensorFlow 1 wrote: the raw operation, under the bare names."""
    folder.mkdir(exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.SaveV2(
        prefix=str(folder / name),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(arrays[each]) for each in names],
    )
    (folder / "bert_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def arrays():
    return random_arrays(shapes())


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    return write(tmp_path_factory.mktemp("original") / "model", arrays)


def test_the_files_are_those_of_a_release(folder):
    names = {"bert_config.json", "bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"}
    assert {file.name for file in folder.iterdir()} == names


def test_every_number_is_in_its_place(folder, arrays):
    model = BERTPretrainer.from_pretrained(folder)
    assert (model.config.num_layers, model.config.pad_id, model.config.dropout) == (2, 0, 0.1)
    given = {path: to_numpy(variable.value) for path, variable in named_weights(model).items()}
    heads = [
        f"bert/encoder/layer_1/attention/self/{part}/kernel" for part in ("query", "key", "value")
    ]
    expected = {
        "token_embedding/table/embeddings": arrays["bert/embeddings/word_embeddings"],
        "positions/table/embeddings": arrays["bert/embeddings/position_embeddings"],
        "segment_embedding/embeddings": arrays["bert/embeddings/token_type_embeddings"],
        "token_embedding/bias": arrays["cls/predictions/output_bias"],
        "mlm_dense/kernel": arrays["cls/predictions/transform/dense/kernel"],
        "nsp/kernel": arrays["cls/seq_relationship/output_weights"].T,
        "pooler/kernel": arrays["bert/pooler/dense/kernel"],
        "encoder/block_0/feed_forward/inner/kernel": arrays[
            "bert/encoder/layer_0/intermediate/dense/kernel"
        ],
        "encoder/block_1/self_attention/query_key_value/kernel": np.concatenate(
            [arrays[name] for name in heads], axis=1
        ),
        "encoder/block_1/feed_forward_add_norm/norm/gamma": arrays[
            "bert/encoder/layer_1/output/LayerNorm/gamma"
        ],
    }
    for path, array in expected.items():
        np.testing.assert_array_equal(given[path], array, err_msg=path)


def test_equal_to_a_hugging_face_folder(folder, tmp_path):
    model = BERTPretrainer.from_pretrained(folder)
    model.save_pretrained(tmp_path / "saved")
    again = BERTPretrainer.from_pretrained(tmp_path / "saved")
    assert again.config == model.config
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one.value), to_numpy(other.value))
    inputs = {"token_ids": np.array([[5, 7, 36, 11], [2, 9, 0, 0]], "int32")}
    given = to_numpy(BERT.from_pretrained(folder)(inputs))
    sequence, _ = model.encode(inputs)
    np.testing.assert_array_equal(given["sequence_output"], to_numpy(sequence))


def test_fine_tuned_checkpoints(tmp_path, arrays):
    """Heads of run_classifier.py and run_squad.py, with the optimizer's state."""
    body = {name: array for name, array in arrays.items() if name.startswith("bert/")}
    state = {f"{name}/adam_{m}": array for name, array in body.items() for m in "mv"}
    state["global_step"] = np.array(343, "int64")
    heads = random_arrays({"output_weights": (3, D), "output_bias": (3,)})
    write(tmp_path / "a", {**body, **state, **heads}, name="model.ckpt-343")
    classifier = BERTClassifier.from_pretrained(tmp_path / "a")
    assert classifier.num_labels == 3
    np.testing.assert_array_equal(
        to_numpy(classifier.classifier.kernel.value), heads["output_weights"].T
    )
    heads = random_arrays({"cls/squad/output_weights": (2, D), "cls/squad/output_bias": (2,)})
    write(tmp_path / "b", {**body, **heads}, name="model.ckpt-7")
    selector = BERTSpanSelector.from_pretrained(tmp_path / "b")
    np.testing.assert_array_equal(
        to_numpy(selector.span.bias.value), heads["cls/squad/output_bias"]
    )
    with pytest.raises(ValueError, match="no head of BertForSequenceClassification: give num_la"):
        BERTClassifier.from_pretrained(tmp_path / "b")
    write(tmp_path / "b", body, name="model.ckpt-8")
    with pytest.raises(FileNotFoundError, match=r"one checkpoint .*found \['model.ckpt-7', 'model"):
        BERT.from_pretrained(tmp_path / "b")


def test_all_mismatches_at_once(tmp_path, arrays):
    changed = {**arrays, "bert/more": np.zeros(2, "float32")}
    del changed["bert/encoder/layer_0/output/dense/bias"]
    changed["bert/encoder/layer_1/intermediate/dense/kernel"] = np.zeros((F, D), "float32")
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        BERT.from_pretrained(write(tmp_path / "model", changed))
    assert str(caught.value).splitlines()[1:] == [
        "  missing: bert/encoder/layer_0/output/dense/bias (14,)",
        "  wrong shape: bert/encoder/layer_1/intermediate/dense/kernel is (19, 14), the model "
        "needs (14, 19)",
        "  unexpected: bert/more",
    ]


def test_damaged_and_missing_files(tmp_path, arrays):
    folder = write(tmp_path / "model", arrays)
    data = folder / "bert_model.ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:50] + b"\xff" * 400 + whole[450:])
    with pytest.raises(ValueError, match="bert_model.ckpt is damaged at "):
        BERT.from_pretrained(folder)
    index = folder / "bert_model.ckpt.index"
    index.write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match="bert_model.ckpt is damaged or no checkpoint"):
        BERT.from_pretrained(folder)
    index.unlink()
    with pytest.raises(FileNotFoundError, match="must hold bert_model.ckpt.index.*found none"):
        BERT.from_pretrained(folder)
    (folder / "bert_config.json").write_text("{}")
    with pytest.raises(ValueError, match="vocab_size is missing"):
        BERT.from_pretrained(folder)
