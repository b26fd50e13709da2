"""k accumulated batches of unequal token counts are one batch of all their tokens."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.training import TokenCrossEntropy, TokenLoss


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_accumulated_batches_equal_one(optimizer, make_model, sentences, batch_up, batches_of):
    parts = [sentences[:2], sentences[2:9], sentences[9:]]
    tokens = sum(len(ids) for ids, _ in sentences)
    micro = [batch_up(part, 5 + 2 * i, 3 / tokens) for i, part in enumerate(parts)]

    def trained(batches, reduction, steps):
        loss = TokenCrossEntropy(0.1, reduction=reduction)
        rate = optimizer(0.1, gradient_accumulation_steps=steps)
        model = make_model(rate, loss, weighted_metrics=[TokenLoss(loss)])
        before = [ops.convert_to_numpy(w) for w in model.weights]
        history = model.fit(batches_of(batches), epochs=2, shuffle=False, verbose=0).history
        after = [ops.convert_to_numpy(w) for w in model.weights]
        assert max(np.abs(a - b).max() for a, b in zip(after, before, strict=True)) > 1e-2
        return after, history["loss"], int(model.optimizer.iterations)

    whole = trained([batch_up(sentences, 5)], "mean_with_sample_weight", None)
    accumulated = trained(micro, "sum", 3)
    for one, many in zip(whole[0], accumulated[0], strict=True):
        np.testing.assert_allclose(many, one, rtol=0, atol=2e-6)
    np.testing.assert_allclose(accumulated[1], whole[1], rtol=1e-6)
    assert accumulated[2] == whole[2] == 2
