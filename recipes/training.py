"""What every recipe's training does alike: prepare Keras, go on from the last epoch, fit."""

import sys
import time


def begin(settings):
    """Set precision and seed before anything is made, and how the process keeps its memory.

    Args:
        settings: has `precision`, a Keras dtype policy, and `seed`.
    """
    import keras

    import zoo

    zoo.training.keep_freed_memory()
    keras.config.set_dtype_policy(settings.precision)
    keras.utils.set_random_seed(settings.seed)


def jit():
    """The `jit_compile` of `compile()`: XLA where it is all there is, as it is slow on CPUs."""
    import keras

    return "auto" if keras.backend.backend() == "jax" else False


def fit(settings, folder, model, batches, before=(), after=(), validation_data=None):
    """Train with a checkpoint after every epoch; the same call goes on from the last one.

    Args:
        settings: has `epochs` and `seed`.
        folder: of the run; checkpoints, log and TensorBoard's files go there.
        model: compiled.
        batches: endless, with `first_epoch` and `steps_per_epoch`.
        before, after: callbacks that add to the epoch's logs, and those that read them.
        validation_data: batches for `fit`, or None.
    """
    import zoo

    logs = [
        zoo.training.JsonLinesLog(folder / "log.jsonl"),
        zoo.training.TensorBoardScalars(folder / "tensorboard"),
    ]
    checkpoint = zoo.training.Checkpoint(
        folder / "checkpoints", settings.seed, callbacks=[*before, *logs, *after]
    )
    batches.first_epoch = checkpoint.restore(model)
    began = time.time()
    model.fit(
        batches,
        epochs=settings.epochs,
        initial_epoch=batches.first_epoch,
        steps_per_epoch=batches.steps_per_epoch,
        validation_data=validation_data,
        callbacks=checkpoint.callbacks,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    print(f"trained {model.count_params():,} parameters in {(time.time() - began) / 60:.1f} min")
