import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from zoo.checkpoints.safetensors_folder import TensorFiles, read_json, write_folder_files


def test_what_is_written_is_read(tmp_path):
    tensors = {"a": np.arange(6, dtype="float32").reshape(2, 3).T, "b": np.ones((), "float32")}
    write_folder_files(tmp_path, {"d_model": 5}, tensors, {"num_beams": 2})
    files = TensorFiles(tmp_path)
    assert set(files) == {"a", "b"}
    assert files.shape("a") == (3, 2)
    np.testing.assert_array_equal(files["a"], tensors["a"])
    assert read_json(tmp_path, "config.json") == {"d_model": 5}
    assert read_json(tmp_path, "generation_config.json") == {"num_beams": 2}


def test_half_precision_is_given_as_float32(tmp_path):
    save_file({"a": np.array([1.5], "float16")}, str(tmp_path / "model.safetensors"))
    assert TensorFiles(tmp_path)["a"].dtype == "float32"


def test_pickles_are_refused_with_the_reason(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(FileNotFoundError, match=r"has pytorch_model.bin.*runs whatever code"):
        TensorFiles(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, "cut"])
def test_damaged_weights_are_named(tmp_path, content):
    file = tmp_path / "model.safetensors"
    if content == "cut":
        save_file({"a": np.zeros(101, "float32")}, str(file))
        content = file.read_bytes()[:-7]
    file.write_bytes(content)
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        TensorFiles(tmp_path)


def test_a_shard_outside_the_folder_is_not_read(tmp_path):
    inside = tmp_path / "model"
    inside.mkdir()
    save_file({"a": np.zeros(2, "float32")}, str(tmp_path / "secret.safetensors"))
    index = {"weight_map": {"a": "../secret.safetensors"}}
    (inside / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FileNotFoundError, match="lacks .'secret.safetensors'"):
        TensorFiles(inside)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_json_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="config.json is damaged"):
        read_json(tmp_path, "config.json")
    with pytest.raises(FileNotFoundError, match="has no other.json"):
        read_json(tmp_path, "other.json")
