"""Checkpoints in the format of github.com/openai/gpt-2, written here with the names of theirs."""

import json

import numpy as np
import pytest

from tests.backends import to_numpy
from tests.models_on_ids import forward
from zoo import checkpoints
from zoo.models import GPT

tf = pytest.importorskip("tensorflow")

HPARAMS = {"n_vocab": 37, "n_ctx": 17, "n_embd": 14, "n_head": 7, "n_layer": 2}
V, D, C = 37, 14, 17


def shapes(num_layers=2):
    """Names and shapes of a released checkpoint, spelled out."""
    found = {
        "model/wte": (V, D),
        "model/wpe": (C, D),
        "model/ln_f/g": (D,),
        "model/ln_f/b": (D,),
    }
    for i in range(num_layers):
        block = f"model/h{i}"
        for norm in ("ln_1", "ln_2"):
            found[f"{block}/{norm}/g"] = found[f"{block}/{norm}/b"] = (D,)
        for part, inputs, outputs in (
            ("attn/c_attn", D, 3 * D),
            ("attn/c_proj", D, D),
            ("mlp/c_fc", D, 4 * D),
            ("mlp/c_proj", 4 * D, D),
        ):
            found[f"{block}/{part}/w"] = (1, inputs, outputs)
            found[f"{block}/{part}/b"] = (outputs,)
    return found


def write(folder, arrays, hparams=HPARAMS, name="model.ckpt"):
    """What the Saver of TensorFlow 1 wrote: the raw operation, under the bare names."""
    folder.mkdir(exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.SaveV2(
        prefix=str(folder / name),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(arrays[each]) for each in names],
    )
    (folder / "hparams.json").write_text(json.dumps(hparams))
    return folder


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(5)
    return {name: rng.normal(0, 0.3, shape).astype("float32") for name, shape in shapes().items()}


@pytest.fixture(scope="module")
def folder(arrays, tmp_path_factory):
    return write(tmp_path_factory.mktemp("original") / "117M", arrays)


def test_every_number_is_in_its_place(folder, arrays):
    model = GPT.from_pretrained(folder)
    config = model.config
    assert (config.num_layers, config.num_heads, config.num_positions) == (2, 7, C)
    assert (config.activation, config.dropout, config.end_id) == ("gelu_tanh", 0.0, V - 1)
    given = {
        path: to_numpy(variable.value)
        for path, variable in checkpoints.named_weights(model).items()
    }
    block = "decoder/block_1"
    expected = {
        "token_embedding/table/embeddings": arrays["model/wte"],
        "positions/table/embeddings": arrays["model/wpe"],
        "decoder/final_norm/gamma": arrays["model/ln_f/g"],
        f"{block}/self_attention/query_key_value/kernel": arrays["model/h1/attn/c_attn/w"][0],
        f"{block}/self_attention/output/bias": arrays["model/h1/attn/c_proj/b"],
        f"{block}/self_attention_add_norm/norm/beta": arrays["model/h1/ln_1/b"],
        f"{block}/feed_forward/inner/kernel": arrays["model/h1/mlp/c_fc/w"][0],
        f"{block}/feed_forward/outer/kernel": arrays["model/h1/mlp/c_proj/w"][0],
        f"{block}/feed_forward_add_norm/norm/gamma": arrays["model/h1/ln_2/g"],
    }
    for path, array in expected.items():
        np.testing.assert_array_equal(given[path], array, err_msg=path)


def test_equal_to_the_transformers_library(folder, tmp_path):
    """Their names and ours of the same numbers: logits of a folder that went through both."""
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    model = GPT.from_pretrained(folder)
    model.save_pretrained(tmp_path / "saved")
    ids = np.array([[5, 7, 36, 11], [2, 9, 0, 0]], "int32")
    given = forward(model, token_ids=ids)
    again = GPT.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(forward(again, token_ids=ids), given, atol=1e-6)
    reference = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "saved").eval()
    with torch.no_grad():
        expected = reference(input_ids=torch.tensor(ids).long()).logits.numpy()
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_all_mismatches_at_once(tmp_path, arrays):
    changed = {**arrays, "model/h2/ln_1/g": np.zeros(D, "float32")}
    del changed["model/h0/mlp/c_proj/b"]
    changed["model/h1/attn/c_attn/w"] = np.zeros((D, 3 * D), "float32")
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        GPT.from_pretrained(write(tmp_path / "model", changed))
    assert sorted(str(caught.value).splitlines()[1:]) == [
        "  missing: model/h0/mlp/c_proj/b (14,)",
        "  unexpected: model/h2/ln_1/g",
        "  wrong shape: model/h1/attn/c_attn/w is (14, 42), the model needs (1, 14, 42)",
    ]


def test_other_names_and_absent_files(tmp_path, arrays):
    folder = write(tmp_path / "model", arrays, name="model-343")  # fine-tuned, by another name
    GPT.from_pretrained(folder)
    write(folder, arrays, name="model-350")
    with pytest.raises(FileNotFoundError, match=r"one checkpoint .*found \['model-343', 'model-35"):
        GPT.from_pretrained(folder)
    write(folder, arrays)  # the usual name goes before others
    GPT.from_pretrained(folder)
    for file in folder.glob("*.index"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"must hold model.ckpt.index.*found none"):
        GPT.from_pretrained(folder)


def test_bad_hparams(tmp_path, arrays):
    folder = write(tmp_path / "model", arrays, {**HPARAMS, "n_embd": None})
    with pytest.raises(ValueError, match="n_embd is missing"):
        GPT.from_pretrained(folder)
    (folder / "hparams.json").write_text("{")
    with pytest.raises(ValueError, match="hparams.json is damaged"):
        GPT.from_pretrained(folder)
    write(folder, arrays, {**HPARAMS, "n_layer": 3})
    with pytest.raises(ValueError, match=r"missing: model/h2/attn/c_attn/w \(1, 14, 42\)"):
        GPT.from_pretrained(folder)


def test_damaged_files(tmp_path, arrays):
    folder = write(tmp_path / "model", arrays)
    (folder / "model.ckpt.index").write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match="model.ckpt is damaged or no checkpoint"):
        GPT.from_pretrained(folder)
