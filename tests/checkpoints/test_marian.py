import json

import keras
import numpy as np
import pytest

from zoo import checkpoints
from zoo.models import Transformer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SHARED = {
    "vocab_size": 31,
    "d_model": 28,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 7,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 13,
    "decoder_ffn_dim": 17,
    "activation_function": "swish",
    "scale_embedding": True,
    "pad_token_id": 30,
    "decoder_start_token_id": 30,
    "eos_token_id": 0,
    "forced_eos_token_id": 0,
    "max_position_embeddings": 64,
    "init_std": 0.3,
}
SEPARATE = {
    **SHARED,
    "decoder_vocab_size": 37,
    "share_encoder_decoder_embeddings": False,
    "activation_function": "gelu",
    "scale_embedding": False,
    "decoder_start_token_id": 36,
}
MORE_SOURCES = {**SHARED, "decoder_vocab_size": 29, "share_encoder_decoder_embeddings": False}
MORE_SOURCES |= {"activation_function": "relu", "pad_token_id": 5, "decoder_start_token_id": 5}
CONFIGS = {"shared": SHARED, "separate": SEPARATE, "more_sources": MORE_SOURCES}


def reference_model(**config):
    torch.manual_seed(2)
    model = transformers.MarianMTModel(transformers.MarianConfig(**config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases and norms begin as zeros and ones: errors would hide
                parameter.add_(0.5 * torch.randn(parameter.shape))
        model.final_logits_bias.normal_()
    return model


@pytest.fixture(scope="module", params=CONFIGS)
def reference(request):
    return reference_model(**CONFIGS[request.param])


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian")
    reference.save_pretrained(folder)
    return folder


def batch(config):
    """Sources (3, 11) of mixed lengths and targets (3, 7) that begin with the start id."""
    rng = np.random.default_rng(3)
    pad = config.pad_token_id
    vocab_size = min(config.vocab_size, config.decoder_vocab_size)
    ordinary = [i for i in range(1, vocab_size) if i not in (pad, config.decoder_start_token_id)]
    source, target = rng.choice(ordinary, (3, 11)), rng.choice(ordinary, (3, 7))
    for row, length in enumerate((11, 5, 2)):
        source[row, length - 1] = 0
        source[row, length:] = pad
    target[:, 0] = config.decoder_start_token_id
    return source, target


def reference_logits(model, source, target):
    mask = torch.tensor(source != model.config.pad_token_id).long()
    with torch.no_grad():
        return model(
            input_ids=torch.tensor(source),
            attention_mask=mask,
            decoder_input_ids=torch.tensor(target),
        ).logits.numpy()


def our_logits(model, source, target):
    logits = model({"source_ids": source, "target_ids": target})
    return keras.ops.convert_to_numpy(logits)


def test_logits_equal_the_reference(reference, folder):
    source, target = batch(reference.config)
    expected = reference_logits(reference, source, target)
    given = our_logits(Transformer.from_pretrained(folder), source, target)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_cached_logits_equal_the_reference(reference, folder):
    source, target = batch(reference.config)
    model = Transformer.from_pretrained(folder)
    cache = model.start(source, capacity=target.shape[1])
    chunks = []
    for start, stop in ((0, 1), (1, 4), (4, 7)):
        logits, cache = model.decode(target[:, start:stop], cache)
        chunks.append(keras.ops.convert_to_numpy(logits))
    expected = reference_logits(reference, source, target)
    given = np.concatenate(chunks, axis=1)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_transformers_reads_what_we_save(reference, folder, tmp_path):
    Transformer.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    source, target = batch(reference.config)
    again = transformers.MarianMTModel.from_pretrained(tmp_path / "saved").eval()
    expected = reference_logits(reference, source, target)
    np.testing.assert_array_equal(reference_logits(again, source, target), expected)


def test_round_trip_is_exact(folder, tmp_path):
    first = Transformer.from_pretrained(folder)
    first.save_pretrained(tmp_path / "saved")
    second = Transformer.from_pretrained(tmp_path / "saved")
    assert second.config == first.config
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )
    stored, saved = checkpoints.TensorFiles(folder), checkpoints.TensorFiles(tmp_path / "saved")
    assert set(saved) <= set(stored) | {"final_logits_bias"}
    for name in saved.keys() & stored.keys():
        np.testing.assert_array_equal(saved[name], stored[name])


def test_a_model_made_here_can_be_saved(tmp_path):
    model = Transformer.from_size(
        "tiny",
        vocab_size=23,
        hidden_dim=12,
        feed_forward_dim=19,
        norm_epsilon=1e-5,
        positions="half",
        logits_bias=True,
        pad_id=22,
        start_id=22,
        end_id=0,
    )
    model.save_pretrained(tmp_path / "saved")
    reference = transformers.MarianMTModel.from_pretrained(tmp_path / "saved").eval()
    source, target = batch(reference.config)
    expected = reference_logits(reference, source, target)
    given = our_logits(model, source, target)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(FileExistsError, match="saved. exists"):
        model.save_pretrained(tmp_path / "saved")


def test_a_model_that_marian_cannot_express_is_refused(tmp_path):
    model = Transformer.from_size("tiny", vocab_size=23, hidden_dim=12)
    with pytest.raises(ValueError, match="norm_epsilon must be 1e-05"):
        model.save_pretrained(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


# Real OPUS-MT folders say more in config.json than MarianConfig does.
OPUS = {
    **SHARED,
    "model_type": "marian",
    "add_bias_logits": False,
    "add_final_layer_norm": False,
    "bad_words_ids": [[30]],
    "classif_dropout": 0.0,
    "normalize_before": False,
    "normalize_embedding": False,
    "num_beams": 6,
    "static_position_embeddings": True,
}


def test_fields_of_an_opus_folder():
    fields = checkpoints.config_from_marian(OPUS)
    assert fields["decoder_num_heads"] == 2
    assert fields["decoder_feed_forward_dim"] == 17
    assert (fields["pad_id"], fields["start_id"], fields["end_id"]) == (30, 30, 0)
    assert (fields["positions"], fields["norm_epsilon"]) == ("half", 1e-5)
    assert (fields["vocab_size"], fields["source_vocab_size"]) == (31, None)
    assert fields["activation"] == "swish"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bart"}, "model_type must be marian; got 'bart'"),
        ({"normalize_before": True}, "normalize_before must be False"),
        ({"normalize_embedding": True}, "normalize_embedding must be False"),
        ({"add_final_layer_norm": True}, "add_final_layer_norm must be False"),
        ({"static_position_embeddings": False}, "static_position_embeddings must be True"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings must be True"),
        ({"encoder_layerdrop": 0.1}, "encoder_layerdrop must be 0.0"),
        ({"activation_function": "mish"}, "activation_function must be one of"),
        ({"decoder_vocab_size": 37}, "decoder_vocab_size must be vocab_size = 31"),
        ({"eos_token_id": [0, 1]}, "eos_token_id must be one number"),
        ({"d_model": None}, "d_model is missing"),
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"quantization_config": {"bits": 4}}, "quantization_config must be None"),
    ],
)
def test_unsupported_fields_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        checkpoints.config_from_marian({**OPUS, **changes})


def rewrite(folder, tmp_path, change):
    """A copy of the folder whose tensors went through `change`."""
    config = checkpoints.read_json(folder, "config.json")
    tensors = change(dict(checkpoints.TensorFiles(folder)))
    checkpoints.write_folder_files(tmp_path, config, tensors)
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    reference_model(**SHARED).save_pretrained(folder)
    return folder


def test_all_mismatches_are_reported_at_once(shared, tmp_path):
    def change(tensors):
        del tensors["model.encoder.layers.1.fc1.bias"]
        tensors["model.decoder.layers.0.self_attn.q_proj.weight"] = np.zeros((28, 14), "float32")
        return {**tensors, "model.decoder.layers.3.fc1.bias": np.zeros(17, "float32")}

    with pytest.raises(ValueError, match="does not fit the model") as caught:
        Transformer.from_pretrained(rewrite(shared, tmp_path, change))
    assert str(caught.value).splitlines()[1:] == [
        "  missing: model.encoder.layers.1.fc1.bias (13,)",
        "  wrong shape: model.decoder.layers.0.self_attn.q_proj.weight is (28, 14), the model "
        "needs (28, 28)",
        "  unexpected: model.decoder.layers.3.fc1.bias",
    ]


def test_tied_copies_are_read_and_checked(shared, tmp_path):
    def only_copies(tensors):
        table = tensors.pop("model.shared.weight")
        names = ("model.encoder.embed_tokens.weight", "lm_head.weight")
        sinusoids = {"model.encoder.embed_positions.weight": np.zeros((64, 28), "float32")}
        del tensors["final_logits_bias"]
        return {**tensors, **dict.fromkeys(names, table), **sinusoids}

    model = Transformer.from_pretrained(rewrite(shared, tmp_path, only_copies))
    variables = checkpoints.named_weights(model)
    table = keras.ops.convert_to_numpy(variables["target_embedding/table/embeddings"].value)
    np.testing.assert_array_equal(table, checkpoints.TensorFiles(shared)["model.shared.weight"])
    assert not keras.ops.convert_to_numpy(variables["target_embedding/bias"].value).any()

    def untied(tensors):
        return {**only_copies(tensors), "lm_head.weight": np.ones((31, 28), "float32")}

    with pytest.raises(ValueError, match="lm_head.weight differs from model.encoder.embed_tokens"):
        Transformer.from_pretrained(rewrite(shared, tmp_path, untied))


def test_half_precision_folders(shared, tmp_path):
    model = transformers.MarianMTModel.from_pretrained(shared)
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    given = checkpoints.named_weights(Transformer.from_pretrained(tmp_path))
    expected = model.model.encoder.layers[0].fc1.weight.detach().float().numpy().T
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(given["encoder/block_0/feed_forward/inner/kernel"].value),
        expected,
    )


def test_sharded_folders(shared, tmp_path):
    model = transformers.MarianMTModel.from_pretrained(shared)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    index = tmp_path / "model.safetensors.index.json"
    shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    assert len(shards) > 1
    source, target = batch(model.config)
    expected = our_logits(Transformer.from_pretrained(shared), source, target)
    given = our_logits(Transformer.from_pretrained(tmp_path), source, target)
    np.testing.assert_array_equal(given, expected)
    (tmp_path / shards[1]).unlink()
    with pytest.raises(FileNotFoundError, match=shards[1]):
        Transformer.from_pretrained(tmp_path)
