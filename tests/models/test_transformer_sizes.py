"""Sizes of the paper."""

import pytest

from tests.models_on_ids import num_numbers, without_values
from tests.small_transformers import SMALL, V
from zoo.models import Transformer


def paper_parameters(vocab_size, hidden, inner, num_layers=6):
    """Weights of table 3's models: kernels and biases of all products, norms, one table."""
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * inner + hidden + inner
    encoder = attention + feed_forward + 2 * 2 * hidden
    decoder = 2 * attention + feed_forward + 3 * 2 * hidden
    return vocab_size * hidden + num_layers * (encoder + decoder)


def test_the_formula_gives_the_papers_counts():
    # Table 3: 65 and 213 million, "vocabulary of about 37000 tokens" (5.1).
    assert paper_parameters(37000, 512, 2048) / 1e6 == pytest.approx(63.1, abs=0.1)
    assert paper_parameters(37000, 1024, 4096) / 1e6 == pytest.approx(214.2, abs=0.1)


@pytest.mark.parametrize(
    ("size", "hidden", "inner", "num_layers", "heads"),
    [
        ("tiny", 128, 256, 4, 4),
        ("small", 256, 1024, 6, 4),
        ("base", 512, 2048, 6, 8),
        ("big", 1024, 4096, 6, 16),
    ],
)
def test_sizes(size, hidden, inner, num_layers, heads):
    # Variables without values: "big" would fill 850 MB.
    model = without_values(lambda: Transformer.from_size(size, vocab_size=V, name="translator"))
    count = num_numbers(model.trainable_variables)
    assert count == paper_parameters(V, hidden, inner, num_layers)
    assert model.config.num_heads == heads
    assert model.name == "translator"


def test_overrides_and_unknown_sizes():
    model = Transformer.from_size("tiny", **{**SMALL, "dropout": 0.2}, norm_order="pre")
    assert (model.config.hidden_dim, model.config.dropout) == (14, 0.2)
    assert model.config.norm_order == "pre"
    with pytest.raises(ValueError, match=r"size must be one of \('tiny', .*; got 'huge'"):
        Transformer.from_size("huge", vocab_size=V)
    with pytest.raises(ValueError, match="num_heads must divide hidden_dim = 128; got 3"):
        Transformer.from_size("tiny", vocab_size=V, num_heads=3)
    with pytest.raises(ValueError, match="hidden_dim must be even"):
        Transformer.from_size("tiny", **{**SMALL, "hidden_dim": 7})
