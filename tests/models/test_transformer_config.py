import dataclasses

import pytest

from zoo.models import TransformerConfig


def test_sizes_and_ids_are_fields():
    config = TransformerConfig(vocab_size=37)
    assert (config.hidden_dim, config.num_heads, config.num_encoder_layers) == (512, 8, 6)
    assert (config.pad_id, config.start_id, config.end_id) == (0, 2, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.pad_id = 1


def test_unknown_and_missing_fields():
    with pytest.raises(TypeError, match="hidden_size"):
        TransformerConfig(vocab_size=37, hidden_size=4)
    with pytest.raises(TypeError, match="vocab_size"):
        TransformerConfig()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be a positive whole number; got 0"),
        ({"hidden_dim": 8.0}, "hidden_dim must be a positive whole number; got 8.0"),
        ({"num_encoder_layers": 0}, "num_encoder_layers must be a positive whole number"),
        ({"source_vocab_size": 0}, "source_vocab_size must be a positive whole number"),
        ({"decoder_num_heads": -2}, "decoder_num_heads must be a positive whole number"),
        ({"num_heads": 7}, "num_heads must divide hidden_dim = 512; got 7"),
        ({"decoder_num_heads": 7}, "decoder_num_heads must divide hidden_dim = 512; got 7"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
        ({"attention_dropout": -0.1}, "attention_dropout must be at least 0"),
        ({"pad_id": 37}, "pad_id must be an id of the vocabulary, .* below 37; got 37"),
        ({"pad_id": 41, "source_vocab_size": 41}, "below 41; got 41"),
        ({"start_id": -1}, "start_id must be an id of the vocabulary"),
        ({"end_id": 99}, "end_id must be an id of the vocabulary"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**{"vocab_size": 37, **fields})


def test_pad_id_belongs_to_the_source_vocabulary():
    assert TransformerConfig(vocab_size=37, source_vocab_size=41, pad_id=40).pad_id == 40
