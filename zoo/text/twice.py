"""Every row of a batch twice, for losses that compare two passes over it."""

import keras
import numpy as np


class Twice(keras.utils.PyDataset):
    """Batches whose second half is the first half once more, for `zoo.training.RDrop`.

    A pass with dropout then goes through two networks drawn at random for the same rows. Weights
    are halved, so that their sums stay; metrics of tokens count both copies.

    Args:
        batches: `PairBatches`, `EvaluationBatches`, or another `PyDataset` of (inputs, labels,
            weights); half of its `max_tokens` gives batches of the size it had.
    """

    def __init__(self, batches):
        super().__init__(workers=batches.workers)
        self.batches = batches

    @property
    def steps_per_epoch(self):
        """Of the batches that there were."""
        return self.batches.steps_per_epoch

    @property
    def first_epoch(self):
        """Of the batches that there were; can be set."""
        return self.batches.first_epoch

    @first_epoch.setter
    def first_epoch(self, epoch):
        self.batches.first_epoch = epoch

    @property
    def num_batches(self):
        """As many as there were; None is endless."""
        return self.batches.num_batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        inputs, labels, weights = keras.tree.map_structure(
            lambda x: np.concatenate([x, x]), self.batches[index]
        )
        return inputs, labels, weights * np.float32(0.5)
