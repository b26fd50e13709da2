"""Folders that are no BERT, or one that is not supported."""

import numpy as np
import pytest

from tests.bert_models import CONFIG, saved
from zoo import checkpoints
from zoo.models import BERT


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "roberta"}, "model_type must be bert; got 'roberta'"),
        ({"is_decoder": True}, "is_decoder must be False"),
        ({"add_cross_attention": True}, "add_cross_attention must be False"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be absolute"),
        ({"pruned_heads": {"0": [1]}}, "pruned_heads must be {}"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings must be True"),
        ({"quantization_config": {"bits": 4}}, "quantization_config must be None"),
        ({"hidden_act": "mish"}, "hidden_act must be one of .*'mish'"),
        ({"hidden_size": None}, "hidden_size is missing"),
        ({"num_hidden_layers": 0}, "num_layers must be a positive whole number; got 0"),
        ({"num_attention_heads": 3}, "num_heads must divide hidden_dim = 28; got 3"),
    ],
)
def test_unsupported_fields_are_named(tmp_path, changes, message):
    config = {**CONFIG, "model_type": "bert", **changes}
    checkpoints.write_folder_files(tmp_path, config, {"a": np.zeros(1)})
    with pytest.raises(ValueError, match=message):
        BERT.from_pretrained(tmp_path)


def test_silent_fields():
    needed = {name: CONFIG[name] for name in list(CONFIG)[:5]}
    fields = checkpoints.config_from_bert({**needed, "pad_token_id": None})
    assert (fields["num_positions"], fields["num_segments"], fields["pad_id"]) == (512, 2, 0)
    assert (fields["activation"], fields["norm_epsilon"]) == ("gelu", 1e-12)
    assert (fields["dropout"], fields["classifier_dropout"]) == (0.1, None)


def test_pickles_are_refused(tmp_path):
    saved(tmp_path, "BertModel", **CONFIG)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(FileNotFoundError, match="has pytorch_model.bin.*runs whatever.*Convert"):
        BERT.from_pretrained(tmp_path)


def test_damaged_folders(tmp_path):
    saved(tmp_path, "BertModel", **CONFIG)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        BERT.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json is damaged"):
        BERT.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="has no config.json"):
        BERT.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        BERT.from_pretrained(tmp_path / "absent")
    with pytest.raises(ValueError, match="revision: .* is a folder"):
        BERT.from_pretrained(tmp_path, revision="main")


@pytest.mark.parametrize("names", [{"1": "a", "2": "b"}, {"x": "a"}])
def test_labels_that_are_not_numbered(tmp_path, names):
    checkpoints.write_folder_files(tmp_path, {"id2label": names}, {})
    with pytest.raises(ValueError, match="id2label must be a name for each of 0, 1, 2"):
        checkpoints.labels_of_bert(tmp_path)
