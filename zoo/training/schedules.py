"""Learning rates that rise linearly and then fall.

Updates are counted from 1, as in "Attention is all you need": no update has rate 0. With gradient
accumulation wrap a schedule in `PerUpdate`: Keras counts batches.
"""

import math

import keras
from keras import ops


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to `peak` over the first `warmup_updates`, then peak * `decay(update)`.

    Args:
        peak: highest rate, that of update number `warmup_updates`.
        warmup_updates: at least 1.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, peak, warmup_updates):
        if not peak > 0:
            raise ValueError(f"peak must be above 0, got {peak}")
        if not warmup_updates >= 1:
            raise ValueError(f"warmup_updates must be at least 1, got {warmup_updates}")
        self.peak = peak
        self.warmup_updates = warmup_updates

    def decay(self, update):
        """Factor of the peak at an update >= `warmup_updates`, a float32 scalar; 1 at that one."""
        raise NotImplementedError

    def __call__(self, step):
        update = ops.cast(step, "float32") + 1.0
        rise = update / self.warmup_updates
        fall = self.decay(ops.maximum(update, float(self.warmup_updates)))
        return self.peak * ops.minimum(rise, fall)

    def get_config(self):
        return {"peak": self.peak, "warmup_updates": self.warmup_updates}


@keras.saving.register_keras_serializable("zoo")
class InverseSquareRoot(Warmup):
    """Linear rise, then peak * sqrt(warmup_updates / update): "Attention is all you need", 5.3."""

    @classmethod
    def from_hidden_dim(cls, hidden_dim, warmup_updates=4000):
        """The paper's D^-0.5 * min(update^-0.5, update * warmup_updates^-1.5).

        Args:
            hidden_dim: D.
            warmup_updates: at least 1.
        """
        if not hidden_dim >= 1:
            raise ValueError(f"hidden_dim must be at least 1, got {hidden_dim}")
        return cls((hidden_dim * warmup_updates) ** -0.5, warmup_updates)

    def decay(self, update):
        return ops.sqrt(self.warmup_updates / update)


class _BoundedWarmup(Warmup):
    """A rise and fall of known length."""

    def __init__(self, peak, warmup_updates, total_updates, final=0.0):
        super().__init__(peak, warmup_updates)
        if not total_updates >= warmup_updates:
            raise ValueError(
                f"total_updates must be at least warmup_updates={warmup_updates}, "
                f"got {total_updates}"
            )
        if not 0.0 <= final <= 1.0:
            raise ValueError(f"final must be at least 0 and at most 1, got {final}")
        self.total_updates = total_updates
        self.final = final

    def decay(self, update):
        # The end lies one update behind the last, which would be wasted at rate 0.
        length = self.total_updates + 1 - self.warmup_updates
        done = ops.minimum((update - self.warmup_updates) / length, 1.0)
        return self.final + (1.0 - self.final) * self.remaining(done)

    def remaining(self, done):
        """Factor at the share `done` of the fall: 1 at 0, 0 at 1."""
        raise NotImplementedError

    def get_config(self):
        config = {"total_updates": self.total_updates, "final": self.final}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("zoo")
class WarmupLinear(_BoundedWarmup):
    """Linear rise to `peak`, then linear fall, as BERT was trained (Devlin et al. 2018, A.2).

    Args:
        peak: highest rate, that of update number `warmup_updates`.
        warmup_updates: at least 1.
        total_updates: updates of the training; afterwards the rate stays peak * final.
        final: share of the peak that the fall ends at, one update behind the last.

    Raises:
        ValueError: an argument is out of range.
    """

    def remaining(self, done):
        return 1.0 - done


@keras.saving.register_keras_serializable("zoo")
class WarmupCosine(_BoundedWarmup):
    """Linear rise to `peak`, then half a cosine (Loshchilov and Hutter 2017, equation 5).

    Args:
        peak: highest rate, that of update number `warmup_updates`.
        warmup_updates: at least 1.
        total_updates: updates of the training; afterwards the rate stays peak * final.
        final: share of the peak that the fall ends at, one update behind the last.

    Raises:
        ValueError: an argument is out of range.
    """

    def remaining(self, done):
        return 0.5 * (1.0 + ops.cos(math.pi * done))


@keras.saving.register_keras_serializable("zoo")
class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule under gradient accumulation, where Keras counts batches and not updates.

    Args:
        schedule: learning rate by updates.
        accumulate: batches of an update, the optimizer's `gradient_accumulation_steps`.

    Raises:
        ValueError: `accumulate` is below 1.
    """

    def __init__(self, schedule, accumulate):
        if not accumulate >= 1:
            raise ValueError(f"accumulate must be at least 1, got {accumulate}")
        self.schedule = schedule
        self.accumulate = accumulate

    def __call__(self, step):
        return self.schedule(ops.floor_divide(step, self.accumulate))

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "accumulate": self.accumulate}

    @classmethod
    def from_config(cls, config):
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["accumulate"])
