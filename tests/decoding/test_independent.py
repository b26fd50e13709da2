import numpy as np
import pytest

from zoo.decoding import Greedy, LengthPenalty, Sample, Temperature, TopK, TopP, run

END, PAD = 1, 0
WRAP = 0xFFFFFFFF


def mix(x):
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & WRAP
    x = ((x ^ (x >> 15)) * 0x846CA68B) & WRAP
    return x ^ (x >> 16)


def fold(key, number):
    return mix(key ^ mix((number + 0x9E3779B9) & WRAP))


def sample_reference(logits, seed, row, sample, max_new_tokens):
    """Gumbel-max sampling of one sequence on Python's whole numbers: logits (V, V, V)."""
    key = fold(fold(seed, row), sample)
    tokens, last = [], (0, 0)
    while len(tokens) < max_new_tokens and END not in tokens:
        bits = [fold(fold(key, len(tokens)), token) for token in range(logits.shape[-1])]
        uniform = ((np.asarray(bits) >> 9) + 0.5) / 2**23
        tokens.append(int(np.argmax(logits[last] - np.log(-np.log(uniform)))))
        last = (last[1], tokens[-1])
    return tokens


def test_greedy_takes_the_most_probable_token(markov):
    language = markov.random(num_rows=7, vocab_size=11, seed=1)
    found = language.search(run, Greedy(END, PAD, LengthPenalty(0.5)), 13)
    for row in range(7):
        tokens, last = [], (0, 0)
        while len(tokens) < 13 and END not in tokens:
            tokens.append(int(np.argmax(language.logits[row][last])))
            last = (last[1], tokens[-1])
        assert found.ids[row, 0].tolist() == tokens + [PAD] * (13 - len(tokens))
        assert found.lengths[row, 0] == len(tokens)
        score = language.log_prob(row, tokens) / len(tokens) ** 0.5
        assert found.scores[row, 0] == pytest.approx(score, rel=1e-5)


def test_samples_are_the_same_on_every_backend(markov):
    language = markov.random(num_rows=5, vocab_size=13, seed=2, scale=1.0)
    search = Sample(END, PAD, [Temperature(0.8)], num_samples=3, seed=17)
    found = language.search(run, search, 11)
    for row, sample in np.ndindex(5, 3):
        tokens = sample_reference(language.logits[row] / 0.8, 17, row, sample, 11)
        assert found.ids[row, sample].tolist() == tokens + [PAD] * (11 - len(tokens))
        score = language.log_prob(row, tokens) / len(tokens)
        assert found.scores[row, sample] == pytest.approx(score, rel=1e-5)
    assert len({tuple(ids) for ids in found.ids.reshape(15, 11)}) == 15


def test_a_row_seed_gives_the_row_wherever_it_stands(markov):
    language = markov.random(num_rows=3, vocab_size=13, seed=3)
    together = language.search(run, Sample(END, PAD, seed=np.asarray([4, 5, 6])), 7)
    alone = language.rows([2]).search(run, Sample(END, PAD, seed=np.asarray([6])), 7)
    np.testing.assert_array_equal(alone.ids, together.ids[2:])


def test_frequencies_are_probabilities(markov):
    logits = np.log(np.broadcast_to([0.5, 0.25, 0.2, 0.05], (1009, 4, 4, 4)))
    found = markov(logits).search(run, Sample(END, PAD, num_samples=19), 1)
    frequencies = np.bincount(found.ids.ravel(), minlength=4) / (1009 * 19)
    np.testing.assert_allclose(frequencies, [0.5, 0.25, 0.2, 0.05], atol=0.015)  # 4 deviations


def test_filters_rule_tokens_out(markov):
    logits = np.log(np.broadcast_to([0.5, 0.25, 0.2, 0.05], (101, 4, 4, 4)))
    search = Sample(3, PAD, [TopK(3), TopP(0.7)], num_samples=7)
    found = markov(logits).search(run, search, 2)
    assert set(found.ids.ravel()) == {0, 1}


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="num_samples must be a whole number from 1; got 0"):
        Sample(END, PAD, num_samples=0)
    with pytest.raises(ValueError, match="pad_id must be a whole number from 0; got -1"):
        Greedy(END, -1)
