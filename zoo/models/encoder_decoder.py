"""What every encoder-decoder shares: teacher forcing as one call of `start` and `decode`."""

import keras

from zoo.layers.wiring import Wiring
from zoo.models.inputs import check_names


class EncoderDecoder(keras.Model):
    """`model({"source_ids": (B, S), "target_ids": (B, T)})` -> logits (B, T, V), by the code of
    cached decoding.

    A subclass builds its layers in the constructor and defines two methods:

    - `start(source_ids, capacity)` encodes (B, S) and returns a `zoo.layers.Cache` that takes
      `capacity` tokens; with 0 it keeps nothing, and `decode` takes one whole target;
    - `decode(ids, cache)` goes on by any number of tokens: ids (B, T) -> logits (B, T, V), cache.

    Args:
        config: object with `vocab_size`, `source_vocab_size` (or None), `pad_id`, `start_id` and
            `end_id`.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.wiring = Wiring(self._teacher_forcing, name="wiring", dtype=self.dtype_policy)

    def call(self, inputs, training=None):
        return self.wiring(inputs, training=training)

    def start(self, source_ids, capacity):
        raise NotImplementedError

    def decode(self, ids, cache):
        raise NotImplementedError

    def _teacher_forcing(self, inputs):
        check_names(self.name, inputs, ("source_ids", "target_ids"))
        cache = self.start(inputs["source_ids"], capacity=0)
        return self.decode(inputs["target_ids"], cache)[0]
