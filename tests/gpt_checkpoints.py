"""Random GPTs of the transformers library, and what they answer."""

import keras
import numpy as np
import pytest

from tests.backends import to_numpy
from tests.models_on_ids import forward
from zoo import checkpoints
from zoo.compiled import compiled
from zoo.decoding import Greedy, run
from zoo.models import GPT

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V = 37


def reference_model(model_class, config, biases=0.5, kernels=8):
    """A model with random weights everywhere, and logits that differ."""
    torch.manual_seed(2)
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:  # biases and norms begin as zeros and ones: errors would hide
                parameter.add_(biases * torch.randn(parameter.shape))
            else:
                parameter.mul_(kernels)
    return model


def batch(length=11):
    """Ids (3, length) and the mask of rows of 11, 5 and 2 tokens, padded on the left."""
    ids = np.random.default_rng(3).integers(3, V, (3, length)).astype("int32")
    real = np.arange(length) >= length - np.array([[length], [5], [2]])
    return ids, real


def reference_logits(model, ids, real=None):
    """Logits as they are after left padding: positions count real tokens."""
    ids = torch.tensor(ids).long()
    with torch.no_grad():
        if real is None:
            return model(input_ids=ids).logits.numpy()
        mask = torch.tensor(real).long()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return model(input_ids=ids, attention_mask=mask, position_ids=positions).logits.numpy()


def assert_close(given, expected):
    """Equal to 1e-5 of the largest value."""
    given = given if isinstance(given, np.ndarray) else to_numpy(given)
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def assert_equal_models(model, reference):
    """Plain, padded, and in chunks over a cache."""
    ids, real = batch()
    expected = reference_logits(reference, ids)
    assert np.abs(expected).max() > 1
    assert_close(forward(model, token_ids=ids), expected)
    expected = reference_logits(reference, ids, real)
    for given in (forward(model, token_ids=ids, padding_mask=real), in_chunks(model, ids, real)):
        assert_close(given[real], expected[real])


def in_chunks(model, ids, real):
    def run(ids, real):
        cache, pieces = model.start(3, 11), []
        for begin, end in ((0, 4), (4, 5), (5, 11)):
            logits, cache = model.decode(ids[:, begin:end], cache, real[:, begin:end])
            pieces.append(logits)
        return keras.ops.concatenate(pieces, axis=1)

    return to_numpy(compiled(model, run)(ids, real))


def assert_equal_greedy_ids(model, reference, end_id=2, pad_id=0, new=9):
    """Ids of `run` with `Greedy` over `model.decode`, and of `generate`."""
    ids, real = batch(7)
    expected = reference.generate(
        torch.tensor(ids).long(),
        attention_mask=torch.tensor(real).long(),
        max_new_tokens=new,
        do_sample=False,
        eos_token_id=end_id,
        pad_token_id=pad_id,
    )[:, 7:].numpy()

    def search(ids, real):
        masks = iter([real])  # of the prompt, which comes first

        def decode(ids, cache):
            return model.decode(ids, cache, next(masks, None))

        return run(Greedy(end_id, pad_id), decode, model.start(3, 7 + new), ids, new).ids

    given = to_numpy(compiled(model, search)(ids, real))[:, 0]
    np.testing.assert_array_equal(given[:, : expected.shape[1]], expected)
    assert (given[:, expected.shape[1] :] == pad_id).all()
    assert len(np.unique(expected)) > 3, expected


def read_back(model_class, folder):
    """Our folder as the transformers library reads it, without a complaint."""
    model, report = model_class.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def there_and_back(reference, tmp_path):
    """Check that a reference's folder gives the same model and that model's folder the reference;
    returns the configurations of the folder that we wrote and of theirs, as dicts."""
    reference.save_pretrained(tmp_path / "theirs")
    model = GPT.from_pretrained(tmp_path / "theirs")
    assert_equal_models(model, reference)
    model.save_pretrained(tmp_path / "ours")
    again = read_back(type(reference), tmp_path / "ours")
    assert_equal_tensors(tmp_path / "ours", tmp_path / "theirs")
    ids, _ = batch()
    assert_close(reference_logits(again, ids), reference_logits(reference, ids))
    second = GPT.from_pretrained(tmp_path / "ours")
    assert second.config == model.config
    assert_equal_weights(second, model)
    configs = [
        transformers.AutoConfig.from_pretrained(tmp_path / which).to_dict()
        for which in ("ours", "theirs")
    ]
    for config in configs:
        for field in ("transformers_version", "_name_or_path", "architectures"):
            config.pop(field, None)
    return configs


def rewrite(folder, to, change_tensors=dict, change_config=dict):
    """A copy of the folder whose tensors and configuration went through functions."""
    to.mkdir()
    config = change_config(checkpoints.read_json(folder, "config.json"))
    tensors = change_tensors(dict(checkpoints.TensorFiles(folder)))
    checkpoints.write_folder_files(to, config, tensors)
    return to


def assert_equal_tensors(folder, other):
    given, expected = checkpoints.TensorFiles(folder), checkpoints.TensorFiles(other)
    assert set(given) == set(expected)
    for name in given:
        np.testing.assert_array_equal(given[name], expected[name])


def assert_equal_weights(one, other):
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(a.value), to_numpy(b.value))
