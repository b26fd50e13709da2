"""A small training with everything a checkpoint must keep; killed by the tests that run it.

    python resumable.py FOLDER [EVENT NUMBER]

kills itself with SIGKILL at the NUMBERth EVENT ("batch", or a name of `FILE_EVENTS`), or writes
the final weights to FOLDER/final.npz.
"""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__" and os.environ.get("KERAS_BACKEND") in ("jax", "torch"):
    sys.modules["tensorflow"] = None  # training needs none: any import of it fails

import keras
import numpy as np

from zoo.training import (
    BestWeights,
    Checkpoint,
    EarlyStopping,
    InverseSquareRoot,
    JsonLinesLog,
    TensorBoardScalars,
    TokenCrossEntropy,
    TokenLoss,
)

EPOCHS, STEPS, VOCABULARY = 5, 3, 11


class Batches(keras.utils.PyDataset):
    """An endless stream that depends on the epoch it starts from, as training batches do."""

    def __init__(self, first_epoch):
        super().__init__()
        self.first_epoch = first_epoch

    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        numbers = np.random.default_rng(self.first_epoch * STEPS + index)
        ids, labels = numbers.integers(0, VOCABULARY, (2, 3, 5)).astype("int32")
        return ids, labels, (numbers.random((3, 5)) < 0.7).astype("float32")


def make_model(seed=None):
    if seed is not None:
        keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(VOCABULARY, 7, name="embedding"),
            keras.layers.Dropout(0.3, name="dropout"),
            keras.layers.Dense(7, "relu", name="hidden"),
            keras.layers.Dropout(0.3, seed=1, name="seeded_dropout"),
            keras.layers.Dense(VOCABULARY, name="logits"),
        ],
        name="toy",
    )
    loss = TokenCrossEntropy(0.1)
    optimizer = keras.optimizers.Adam(InverseSquareRoot(0.05, 4), use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, loss, weighted_metrics=[TokenLoss(loss)])
    return model


def make_checkpoint(folder):
    folder = Path(folder)
    return Checkpoint(
        folder / "checkpoints",
        seed=17,
        callbacks=[
            keras.callbacks.SwapEMAWeights(),
            EarlyStopping("val_loss", 3, "min"),
            BestWeights(folder / "best", "val_loss", "min", count=2),
            JsonLinesLog(folder / "log.jsonl"),
            TensorBoardScalars(folder / "tensorboard"),
        ],
    )


def train(folder, callbacks=(), seed=None):
    """Start or resume; gives the trained model."""
    model = make_model(seed)
    checkpoint = make_checkpoint(folder)
    epoch = checkpoint.restore(model)
    model.fit(
        Batches(epoch),
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        initial_epoch=epoch,
        shuffle=False,
        validation_data=Batches(1000)[0],
        callbacks=[*checkpoint.callbacks, *callbacks],
        verbose=0,
    )
    return model


def final_weights(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


class KillAtBatch(keras.callbacks.Callback):
    def __init__(self, number):
        super().__init__()
        self.left = number

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            kill()


def kill_at_file_event(event, number, folder):
    """Be killed when Python announces the NUMBERth such event on a path in a folder."""
    left = number

    def hook(name, arguments):
        nonlocal left
        if name == event and str(folder) in str(arguments[0]):
            left -= 1
            if left == 0:
                kill()

    sys.addaudithook(hook)


if __name__ == "__main__":
    folder, *when = sys.argv[1:]
    callbacks = []
    if when and when[0] == "batch":
        callbacks = [KillAtBatch(int(when[1]))]
    elif when:
        kill_at_file_event(when[0], int(when[1]), Path(folder) / "checkpoints")
    # Unlike the first run, those that resume begin with other random weights.
    model = train(folder, callbacks, seed=int(os.environ["FIRST_WEIGHTS"]))
    np.savez(Path(folder) / "final.npz", *final_weights(model))
