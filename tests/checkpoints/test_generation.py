import json

import pytest

from zoo.checkpoints import GenerationSettings

OPUS = {
    "bad_words_ids": [[58100]],
    "decoder_start_token_id": 58100,
    "eos_token_id": 0,
    "forced_eos_token_id": 0,
    "max_length": 512,
    "num_beams": 6,
    "pad_token_id": 58100,
    "renormalize_logits": True,
    "do_sample": False,
    "no_repeat_ngram_size": None,
    "transformers_version": "4.32.0",
}
EXPECTED = GenerationSettings(
    num_beams=6, max_length=512, never_ids=(58100,), forced_end_id=0, renormalize=True
)


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_opus_settings(tmp_path, file):
    (tmp_path / file).write_text(json.dumps(OPUS))
    assert GenerationSettings.read(tmp_path) == EXPECTED


def test_round_trip(tmp_path):
    written = EXPECTED.to_json(pad_id=58100, start_id=58100, end_id=0)
    (tmp_path / "generation_config.json").write_text(json.dumps(written))
    assert GenerationSettings.read(tmp_path) == EXPECTED


def test_defaults_are_those_of_the_reference(tmp_path):
    transformers = pytest.importorskip("transformers")
    transformers.GenerationConfig().save_pretrained(tmp_path)
    assert GenerationSettings.read(tmp_path) == GenerationSettings()


def test_new_tokens_do_not_count_the_start(tmp_path):
    (tmp_path / "generation_config.json").write_text('{"max_new_tokens": 7, "max_length": 5}')
    assert GenerationSettings.read(tmp_path).max_length == 8


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"no_repeat_ngram_size": 3}, "no_repeat_ngram_size is not supported; got 3"),
        ({"do_sample": True}, "do_sample is not supported"),
        ({"forced_bos_token_id": 4}, "forced_bos_token_id is not supported"),
        ({"bad_words_ids": [[1, 2]]}, "bad_words_ids must be single ids"),
        ({"forced_eos_token_id": [0, 1]}, "forced_eos_token_id must be one id"),
    ],
)
def test_unsupported_settings_are_named(tmp_path, setting, message):
    (tmp_path / "generation_config.json").write_text(json.dumps(setting))
    with pytest.raises(ValueError, match=message):
        GenerationSettings.read(tmp_path)
