"""Layer next to batch normalization, and why attention takes the first.

    python -m recipes.examples.normalization

Both subtract a mean and divide by a deviation. They differ in what they average over:

- batch normalization (Ioffe and Szegedy 2015): each feature, over all positions of all sentences of
  the batch;
- layer normalization (Ba et al. 2016): each position, over its own D features.

A sentence has a length of its own, so a batch of sentences holds padding, and its statistics are
those of whatever stands beside the sentence. The example normalizes a sentence three times: alone,
with another sentence beside it, and with padding behind it. Layer normalization gives the same
numbers each time. Batch normalization gives others, and at inference, where it uses averages of
training, it gives others again: a model would have to learn to live with noise that depends on the
batch, and a translation would depend on its neighbours.
"""

import keras
import numpy as np
from keras import ops

HIDDEN_DIM = 8
SENTENCE_LENGTH = 5


def batches(rng):
    """One sentence of vectors (B, T, D) in three surroundings."""
    sentence = rng.normal(0, 1, (1, SENTENCE_LENGTH, HIDDEN_DIM))
    neighbour = rng.normal(2, 3, (1, SENTENCE_LENGTH, HIDDEN_DIM))
    padding = np.zeros((1, 4, HIDDEN_DIM))
    return {
        "alone": sentence,
        "with a neighbour": np.concatenate([sentence, neighbour]),
        "with padding": np.concatenate([sentence, padding], axis=1),
    }


def normalized(layer, batch):
    """The sentence after `layer`, in training as attention would see it: (T, D)."""
    outputs = ops.convert_to_numpy(layer(batch.astype("float32"), training=True))
    return outputs[0, :SENTENCE_LENGTH]


def changes(layer, surroundings):
    """How far the same sentence moves when only what stands beside it changes."""
    alone = normalized(layer, surroundings["alone"])
    return {
        name: float(np.abs(normalized(layer, batch) - alone).max())
        for name, batch in surroundings.items()
    }


def main():
    surroundings = batches(np.random.default_rng(0))
    found = {
        "layer": changes(keras.layers.LayerNormalization(), surroundings),
        "batch": changes(keras.layers.BatchNormalization(), surroundings),
    }
    print("Largest change of a sentence's vectors after normalization, by what stands beside it")
    print(f"{'normalization':<16}" + "".join(f"{name:>20}" for name in surroundings))
    for name, row in found.items():
        print(f"{name:<16}" + "".join(f"{change:>20.6f}" for change in row.values()))
    return found


if __name__ == "__main__":
    main()
