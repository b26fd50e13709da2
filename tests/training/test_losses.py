import keras
import numpy as np
import pytest
from keras import ops

from tests.backends import to_numpy
from zoo.training import TokenCrossEntropy, answer_loss, smoothed_cross_entropy

LOGITS = [[[0.0, np.log(3.0)], [np.log(4.0), 0.0]]]  # probabilities (1/4, 3/4) and (4/5, 1/5)


def loss_of(labels, logits, smoothing=0.0):
    logits = ops.convert_to_tensor(np.asarray(logits, "float32"))
    return ops.convert_to_numpy(smoothed_cross_entropy(np.asarray(labels), logits, smoothing))


def test_two_classes_by_hand():
    np.testing.assert_allclose(
        loss_of([[1, 1]], LOGITS), [[np.log(4 / 3), np.log(5)]], rtol=0, atol=1e-6
    )


def test_smoothing_gives_every_word_its_share_by_hand():
    # The target of label 1 at e = 0.2 is (0.1, 0.9).
    first = -0.1 * np.log(1 / 4) - 0.9 * np.log(3 / 4)
    second = -0.1 * np.log(4 / 5) - 0.9 * np.log(1 / 5)
    np.testing.assert_allclose(loss_of([[1, 1]], LOGITS, 0.2), [[first, second]], rtol=0, atol=1e-6)


def test_equals_keras_on_one_hot_labels():
    numbers = np.random.default_rng(0)
    logits = numbers.normal(size=(2, 3, 7)).astype("float32")
    labels = numbers.integers(0, 7, (2, 3))
    expected = keras.losses.categorical_crossentropy(
        ops.one_hot(labels, 7), logits, from_logits=True, label_smoothing=0.3
    )
    np.testing.assert_allclose(loss_of(labels, logits, 0.3), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_large_low_precision_logits_stay_finite(dtype):
    logits = ops.cast(np.array([[[3e4, -3e4, 0.0]]], "float32"), dtype)
    loss = smoothed_cross_entropy(np.array([[1]]), logits, 0.1)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    # log-sum-exp is 3e4, the target (1/30, 28/30, 1/30)
    np.testing.assert_allclose(ops.convert_to_numpy(loss), 3e4 * (1 + 27 / 30), rtol=2e-3)


def test_forbidden_words_do_not_make_nan():
    assert loss_of([[1]], [[[-np.inf, 2.0, 2.0]]]) == pytest.approx(np.log(2), abs=1e-6)


def test_gradient_is_probability_minus_target():
    variable = keras.Variable(np.asarray(LOGITS[0], "float32"))

    class Only(keras.Model):
        def __init__(self):
            super().__init__()
            self.logits = variable

        def call(self, inputs):
            return ops.zeros_like(inputs[..., None]) + self.logits

    model = Only()
    model.compile(keras.optimizers.SGD(1.0), TokenCrossEntropy(0.2, reduction="sum"))
    before = ops.convert_to_numpy(variable)
    model.fit(np.zeros((1, 2)), np.array([[1, 1]]), sample_weight=np.ones((1, 2)), verbose=0)
    expected = np.array([[1 / 4 - 0.1, 3 / 4 - 0.9], [4 / 5 - 0.1, 1 / 5 - 0.9]])
    np.testing.assert_allclose(before - ops.convert_to_numpy(variable), expected, rtol=0, atol=1e-6)


def test_mean_is_over_tokens():
    loss, labels, logits = TokenCrossEntropy(), np.array([[1, 1]]), np.array(LOGITS)
    first, second = np.log(4 / 3), np.log(5)
    assert float(loss(labels, logits, np.array([[1.0, 0.0]]))) == pytest.approx(first, abs=1e-6)
    assert float(loss(labels, logits)) == pytest.approx((first + second) / 2, abs=1e-6)


def test_ignored_label_does_not_count():
    loss, logits = TokenCrossEntropy(ignore_id=0), np.array(LOGITS)
    assert float(loss(np.array([[1, 0]]), logits)) == pytest.approx(np.log(4 / 3), abs=1e-6)
    assert float(loss(np.array([[0, 0]]), logits)) == 0.0


def test_ids_above_what_half_precision_holds_are_exact():
    logits = np.zeros((1, 1, 4099), "float32")
    logits[..., 4097] = 50.0
    assert float(TokenCrossEntropy()(np.array([[4097]]), logits)) == pytest.approx(0.0, abs=1e-5)


def test_weights_a_row_are_refused():
    with pytest.raises(ValueError, match="one number a token"):
        TokenCrossEntropy()(np.array([[1, 1]]), np.array(LOGITS), np.ones(1))


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match="label_smoothing must be"):
        TokenCrossEntropy(smoothing)


def test_config_round_trip():
    loss = TokenCrossEntropy(0.1, ignore_id=3, reduction="sum")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert copy.get_config() == loss.get_config()
    assert (copy.label_smoothing, copy.ignore_id, copy.reduction) == (0.1, 3, "sum")


def test_the_loss_of_answers_reads_neither_prompt_nor_padding():
    logits = np.log(np.array([[[1, 3], [1, 1], [3, 1], [5, 7]]], "float32"))
    logits[0, [0, 3]] = np.nan
    labels, answers = np.array([[0, 1, 0, 0]]), np.array([[False, True, True, False]])
    expected = (np.log(2) + np.log(4 / 3)) / 2
    assert to_numpy(answer_loss(labels, logits, answers)) == pytest.approx(expected, abs=1e-5)
    good = np.nan_to_num(logits)
    same = TokenCrossEntropy()(labels, good, sample_weight=answers.astype("float32"))
    assert to_numpy(same) == pytest.approx(expected, abs=1e-5)
