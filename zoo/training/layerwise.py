"""AdamW as transformers are fine-tuned with: no decay of biases, rates that fall with the depth."""

import keras
from keras import ops

from zoo.compiled import adamw_in_place, dense_gradients


@keras.saving.register_keras_serializable("zoo")
class LayerwiseAdamW(keras.optimizers.Adam):
    """AdamW (Loshchilov and Hutter 2019, algorithm 2), each weight with a rate of its own.

    Weights of one axis, which biases and norms are, do not decay. Numbers are those of
    `torch.optim.AdamW` with two groups of parameters; other than in Keras, epsilon is that of
    algorithm 1 in Kingma and Ba 2015, and gradients of a table's repeated ids are added before
    they are clipped and squared.

    Args:
        learning_rate: a float or a schedule.
        weight_decay: decay of an update in units of the learning rate.
        rates: {`path` of a weight: factor on its learning rate}, see
            `layerwise_rates`; a weight that is not there has 1.
        epsilon: the small number in the denominator.
        **kwargs: other arguments of `keras.optimizers.Adam`.

    Raises:
        ValueError: amsgrad is asked for; or, when it is built, rates name weights that do not
            train.
    """

    def __init__(self, learning_rate, weight_decay=0.01, rates=None, epsilon=1e-8, **kwargs):
        super().__init__(learning_rate, weight_decay=weight_decay, epsilon=epsilon, **kwargs)
        if self.amsgrad:
            raise ValueError("amsgrad must be False: this AdamW has no such variant")
        # Pairs, as Keras would wrap a dict on TensorFlow, which JSON cannot hold.
        self._rates = tuple((rates or {}).items())

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        rates = dict(self._rates)
        paths = [variable.path for variable in variables]
        unknown = sorted(rates.keys() - set(paths))
        if unknown:
            raise ValueError(
                f"rates name {len(unknown)} weights that do not train, such as {unknown[0]}: make "
                "the optimizer after freeze_layers and enable_lora"
            )
        self._factors = tuple(rates.get(path, 1.0) for path in paths)
        decay = self.weight_decay or 0.0
        self._decays = tuple(decay if len(v.shape) > 1 else 0.0 for v in variables)

    def apply(self, grads, trainable_variables=None):
        return super().apply(dense_gradients(grads), trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        adamw_in_place(
            variable,
            self._momentums[index],
            self._velocities[index],
            gradient,
            ops.cast(learning_rate, "float32") * self._factors[index],
            self.iterations + 1,
            (self.beta_1, self.beta_2, self.epsilon, self._decays[index]),
        )

    # Not a public method of Keras; its pass over all weights is part of the step here.
    def _apply_weight_decay(self, variables):
        pass

    def get_config(self):
        return {**super().get_config(), "rates": dict(self._rates)}


def layerwise_rates(levels, decay):
    """Learning rates that fall from the head to the embeddings (Howard and Ruder 2018, 3.2).

    Level i of n has the factor decay ** (n - 1 - i): the head 1, the last block `decay`, the
    embeddings under L blocks decay ** (L + 1), as in Clark et al. 2020 (ELECTRA), A.2, and Sun et
    al. 2019 (1905.05583), 5.3.

    Args:
        levels: list of lists of layers from the embeddings to the head, see `depth_levels`.
        decay: above 0, at most 1.

    Returns:
        {`path` of a trained weight: factor}, to give to `LayerwiseAdamW`.

    Raises:
        ValueError: `decay` is out of range.
    """
    if not 0.0 < decay <= 1.0:
        raise ValueError(f"layer_decay must be above 0 and at most 1, got {decay}")
    return {
        variable.path: decay ** (len(levels) - 1 - level)
        for level, layers in enumerate(levels)
        for layer in layers
        for variable in layer.trainable_variables
    }
