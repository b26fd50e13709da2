"""Arrays that are passed over several times, shuffled: the batches of one rollout."""

import keras

from zoo.text.order import permutation
from zoo.text.streams import check_positive, check_seed


class ArrayPasses(keras.utils.PyDataset):
    """Batches of rows of arrays: some passes, each in another order by (seed, epoch, pass).

    Every batch is full; what the last one of a pass would lack for that is left out, other rows in
    each pass.

        model.fit(passes, epochs=epoch + 1, initial_epoch=epoch, shuffle=False)

    Args:
        inputs, labels: trees of arrays (N, ...).
        batch_size: rows of a batch, at most N.
        passes: how often each row comes.
        seed, epoch: integers >= 0 that the order follows from.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, inputs, labels, batch_size, passes=1, *, seed=0, epoch=0):
        super().__init__()
        check_seed(seed)
        check_positive(batch_size=batch_size, passes=passes)
        self._arrays = (inputs, labels)
        (self._num_rows,) = {len(array) for array in keras.tree.flatten(self._arrays)}
        if batch_size > self._num_rows:
            raise ValueError(f"batch_size must be at most {self._num_rows}; got {batch_size}")
        self._batch_size, self._key = batch_size, (seed, epoch)
        self._per_pass = self._num_rows // batch_size
        self._orders = [permutation(self._num_rows, (*self._key, each)) for each in range(passes)]

    def __len__(self):
        return len(self._orders) * self._per_pass

    def __getitem__(self, index):
        """Batch number `index`: (inputs, labels)."""
        number, step = divmod(index, self._per_pass)
        first = step * self._batch_size
        rows = self._orders[number][first : first + self._batch_size]
        return keras.tree.map_structure(lambda array: array[rows], self._arrays)
