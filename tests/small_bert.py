"""A tiny random BERT and a vocabulary that spells any text, for tests of tasks."""

import keras

from tests.backends import randomize, to_numpy
from zoo import text

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["good", "bad", "food", "film", "the", "was", "not", "very", "a", "##ly", "new", "york"]
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
VOCABULARY = SPECIAL + WORDS + LETTERS[1:] + [f"##{x}" for x in LETTERS] + list(".,!?'漢字")


def small_tokenizer():
    return text.WordPieceTokenizer(VOCABULARY)


def small_model(model_class, seed=5, scale=0.4, **settings):
    """A model of the class with random weights everywhere."""
    keras.utils.set_random_seed(seed)
    sizes = {
        "vocab_size": len(VOCABULARY),
        "hidden_dim": 28,
        "feed_forward_dim": 37,
        "num_layers": 2,
        "num_heads": 7,
        "num_positions": 31,
    }
    model = model_class.from_size("tiny", **{**sizes, **settings})
    return randomize(model, seed, scale)


def spread_labels(model, inputs, factor=20.0):
    """Make the logits of a random head differ from row to row: without it one label wins always."""
    head = model.classifier
    head.kernel.assign(head.kernel * factor)
    logits = to_numpy(model(inputs))
    if logits.ndim == 3:
        logits = logits[to_numpy(inputs["padding_mask"])]
    head.bias.assign(head.bias - logits.mean(axis=0))
