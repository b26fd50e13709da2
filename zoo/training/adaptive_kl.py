"""How dear it is to leave the reference: a fixed price, or one that keeps the KL near a target."""

from zoo.training.stateful import StatefulCallback


class FixedKL(StatefulCallback):
    """A KL coefficient that stays.

    Args:
        coefficient: beta, in units of the reward a nat; at least 0.

    Raises:
        ValueError: it is negative.
    """

    def __init__(self, coefficient):
        super().__init__()
        if not coefficient >= 0:
            raise ValueError(f"coefficient must be at least 0; got {coefficient}")
        self.coefficient = float(coefficient)

    def update(self, kl, num_answers):
        """Take notice of the KL of so many answers; see `AdaptiveKL`."""

    def get_state(self):
        return {"coefficient": self.coefficient}

    def set_state(self, state):
        self.coefficient = state["coefficient"]


class AdaptiveKL(FixedKL):
    """A KL coefficient that rises while the KL is above its target, and falls while it is below.

    The proportional controller of Ziegler et al. 2019, 2.2:

        error = clip(KL / target - 1, -0.2, 0.2);  beta <- beta * (1 + error * answers / horizon)

    As a callback of `fit` it is part of each `Checkpoint`; it does nothing by itself: whoever makes
    the rollouts calls `update`.

    Args:
        coefficient: the first beta, above 0.
        target: KL of an answer, in nats, above 0.
        horizon: answers that move beta by 20 % where the error is 20 % or more.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, coefficient, target, horizon=10000):
        super().__init__(coefficient)
        for name, value in (("coefficient", coefficient), ("target", target), ("horizon", horizon)):
            if not value > 0:
                raise ValueError(f"{name} must be above 0; got {value}")
        self.target, self.horizon = float(target), float(horizon)

    def update(self, kl, num_answers):
        """Move the coefficient.

        Args:
            kl: mean over the answers of log pi(answer) - log ref(answer), in nats.
            num_answers: how many there were.
        """
        error = min(max(kl / self.target - 1.0, -0.2), 0.2)
        # More answers than the horizon at once would turn the sign.
        self.coefficient *= 1.0 + error * min(num_answers / self.horizon, 1.0)
