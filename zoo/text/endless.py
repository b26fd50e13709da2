"""An endless stream of batches, cut into epochs of so many steps."""

import keras

from zoo.compiled import on_tensorflow


class EndlessBatches(keras.utils.PyDataset):
    """Training batches that are a pure function of (epoch, step), which `batch` is to give.

    An epoch is a fixed number of batches:

        batches.first_epoch = epoch  # 0, or where a stopped training goes on
        model.fit(batches, steps_per_epoch=batches.steps_per_epoch, initial_epoch=epoch,
                  epochs=20, shuffle=False)

    The stream has no end because Keras shuffles the steps of a `PyDataset` that has one by Python's
    global generator, unless told otherwise, and never tells it the epoch. On TensorFlow batches are
    made ahead in two threads.

    Args:
        steps_per_epoch: batches of an epoch.
    """

    def __init__(self, steps_per_epoch):
        # Where batches have one worker, Keras has tf.data fetch them ahead, whose autotuning of a
        # Python generator took 15 to 30 ms a step on two cores (TensorFlow 2.21). Where they have
        # more, Keras uses threads of its own; but its trainer for JAX takes one batch to look at
        # and begins anew, and those threads go on with the next.
        super().__init__(workers=2 if on_tensorflow() else 1)
        self.steps_per_epoch = steps_per_epoch
        self.first_epoch = 0

    @property
    def num_batches(self):
        """None, which Keras reads as endless."""
        return None

    def __getitem__(self, index):
        """Batch number `index` from the start of epoch `first_epoch`."""
        epochs, step = divmod(index, self.steps_per_epoch)
        return self.batch(self.first_epoch + epochs, step)
