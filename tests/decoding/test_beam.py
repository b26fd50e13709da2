import itertools

import numpy as np
import pytest
from keras import ops

from zoo.decoding import (
    BeamSearch,
    GNMTPenalty,
    Greedy,
    LengthPenalty,
    RepetitionPenalty,
    run,
    stream,
)

END, PAD = 1, 0
PENALTIES = [LengthPenalty(0.0), LengthPenalty(1.0), LengthPenalty(-0.7), GNMTPenalty(0.6)]


def assert_same(one, other, rows=slice(None)):
    np.testing.assert_array_equal(one.ids, other.ids[rows])
    np.testing.assert_array_equal(one.lengths, other.lengths[rows])
    np.testing.assert_allclose(one.scores, other.scores[rows], rtol=1e-5)


def brute_force(language, row, penalty, max_new_tokens, vocab_size):
    """All sequences of a row and their scores, best first."""
    others = [token for token in range(vocab_size) if token != END]
    found = []
    for length in range(1, max_new_tokens + 1):
        for body in itertools.product(others, repeat=length - 1):
            lasts = range(vocab_size) if length == max_new_tokens else [END]
            for last in lasts:
                tokens = (*body, last)
                divisor = float(penalty(np.asarray(length)))
                found.append((language.log_prob(row, tokens) / divisor, tokens))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_beam_as_wide_as_the_space_finds_what_brute_force_finds(markov, penalty):
    language = markov.random(num_rows=3, vocab_size=5, seed=1)
    search = BeamSearch(67, END, PAD, penalty, n_best=7)  # 4 ** 3 beginnings without the end
    found = language.search(run, search, 4)
    for row in range(3):
        expected = brute_force(language, row, penalty, 4, 5)[:7]
        np.testing.assert_allclose(found.scores[row], [s for s, _ in expected], rtol=1e-5)
        for ids, length, (_, tokens) in zip(
            found.ids[row], found.lengths[row], expected, strict=True
        ):
            assert tuple(ids[:length]) == tokens
            assert not ids[length:].any()


class Penalized:
    """What a repetition penalty makes of a language's log-probabilities, token by token.

    Args:
        language: a `Markov`.
        penalties: of each row.
        prompt: lists of the tokens that count from the beginning.
    """

    def __init__(self, language, penalties, prompt):
        self.language, self.penalties, self.prompt = language, penalties, prompt

    def log_prob(self, row, tokens):
        total, before = 0.0, 0.0
        for place, token in enumerate(tokens):
            now = self.language.log_prob(row, tokens[: place + 1])
            seen = token in (*self.prompt[row], *tokens[:place])
            total += (now - before) * (self.penalties[row] if seen else 1.0)
            before = now
        return total


def repetition_penalty(penalties, prompt):
    """The filter, numbers and tokens of each row."""
    prompt = ops.convert_to_tensor(prompt, dtype="int32")
    return RepetitionPenalty(ops.convert_to_tensor(penalties, dtype="float32"), prompt)


def test_repeated_tokens_count_along_each_beam(markov):
    # The penalty 2 squares the probability of what a beam has already. After the first step the
    # beams are [2], 0.6, and [3], 0.4; then [3, 4], 0.4 * 0.95, and [2, 2], 0.6 * 0.75 ** 2: they
    # change places. In the end [2, 2, 3] has 0.3375 * 0.7, and [3, 4, 2], 0.38 * 0.4, beats
    # [3, 4, 3], 0.38 * 0.6 ** 2.
    table = np.full((1, 5, 5, 5), 1e-9)
    table[0, 0, 0, 2:4] = 0.6, 0.4
    table[0, 0, 2, 2:4] = 0.75, 0.25
    table[0, 0, 3, 3:5] = 0.05, 0.95
    table[0, 3, 4, 2:4] = 0.4, 0.6
    table[0, 2, 2, 2:4] = 0.3, 0.7
    arguments = {"length_penalty": LengthPenalty(0.0), "n_best": 2}
    search = BeamSearch(2, END, PAD, **arguments, filters=[RepetitionPenalty(2.0)])
    found = markov(np.log(table)).search(run, search, 3)
    assert found.ids[0].tolist() == [[2, 2, 3], [3, 4, 2]]
    np.testing.assert_allclose(np.exp(found.scores), [[0.23625, 0.152]], rtol=1e-5)
    # With a 3 in the prompt the beams are [2], 0.6, and [3], 0.16; then [2, 2], 0.3375, and
    # [3, 4], 0.16 * 0.95; then [2, 2, 3] has 0.3375 * 0.7 ** 2, [3, 4, 2] 0.152 * 0.4.
    search = BeamSearch(2, END, PAD, **arguments, filters=[repetition_penalty([2.0], [[-1, 3]])])
    found = markov(np.log(table)).search(run, search, 3)
    assert found.ids[0].tolist() == [[2, 2, 3], [3, 4, 2]]
    np.testing.assert_allclose(np.exp(found.scores), [[0.165375, 0.0608]], rtol=1e-5)


@pytest.mark.parametrize("penalty", PENALTIES[:3])
def test_penalized_beams_find_what_brute_force_finds(markov, penalty):
    language = markov.random(num_rows=3, vocab_size=5, seed=11)
    penalties, prompt = [1.0, 1.8, 0.6], [[-1, 2], [3, 4], [-1, -1]]
    filters = [repetition_penalty(penalties, prompt)]
    search = BeamSearch(67, END, PAD, penalty, n_best=7, filters=filters)
    found = language.search(run, search, 4)
    for row in range(3):
        penalized = Penalized(language, penalties, prompt)
        expected = brute_force(penalized, row, penalty, 4, 5)[:7]
        np.testing.assert_allclose(found.scores[row], [s for s, _ in expected], rtol=1e-5)
        for ids, length, (_, tokens) in zip(
            found.ids[row], found.lengths[row], expected, strict=True
        ):
            assert tuple(ids[:length]) == tokens


def test_one_beam_without_penalty_is_greedy_search(markov):
    language = markov.random(num_rows=11, vocab_size=7, seed=2)
    beam = language.search(run, BeamSearch(1, END, PAD, LengthPenalty(0.0)), 13)
    greedy = language.search(run, Greedy(END, PAD, LengthPenalty(0.0)), 13)
    assert_same(beam, greedy)
    assert len(set(beam.lengths.ravel())) > 2


def test_a_finished_beam_beats_a_longer_one(markov):
    # [end] has log 0.55 = -0.598; the best other way, 0.45 * 0.9926 each, ends at -0.806.
    logits = np.full((1, 3, 3, 3), -1e9)
    logits[0, :, 0, END], logits[0, :, 0, 2] = np.log(0.55), np.log(0.45)
    logits[0, :, 2, END], logits[0, :, 2, 2] = np.log(0.9926), np.log(0.0074)
    for beam_size in (1, 2):
        search = BeamSearch(beam_size, END, PAD, LengthPenalty(0.0), n_best=beam_size)
        found = markov(logits).search(run, search, 5)
        assert found.scores[0, 0] == pytest.approx(-0.598, abs=1e-3)
        assert found.ids[0, 0].tolist() == [END, 0, 0, 0, 0]
    assert found.scores[0, 1] == pytest.approx(-0.806, abs=1e-3)
    assert found.ids[0, 1].tolist() == [2, END, 0, 0, 0]


def test_an_end_counts_only_among_the_first_candidates(markov):
    # Two tokens are likelier than the end: with two beams it is the third candidate and is lost,
    # although [end], then nothing, would be the likeliest sequence.
    logits = np.full((1, 4, 4, 4), 0.0)
    logits[0, :, 0] = np.log([1e-9, 0.3, 0.35, 0.35])
    logits[0, :, 2:] = np.log([0.25, 0.25, 0.25, 0.25])
    found = markov(logits).search(run, BeamSearch(2, END, PAD, LengthPenalty(0.0)), 3)
    assert found.lengths[0, 0] > 1
    found = markov(logits).search(run, BeamSearch(3, END, PAD, LengthPenalty(0.0)), 3)
    assert found.lengths[0, 0] == 1


def test_several_ends_leave_beams_alive(markov):
    # Three ends and a 4 are likelier than a 5, from which all is certain; 4 leads nowhere.
    table = np.full((1, 7, 7, 7), 1 / 7)
    table[0, 0, 0] = [1e-9, 0.25, 0.2, 0.2, 0.2, 0.15, 1e-9]
    table[0, :, 5] = [1e-9] * 5 + [1.0, 1e-9]
    found = markov(np.log(table)).search(run, BeamSearch(2, (1, 2, 3), PAD), 9)
    assert found.ids[0, 0].tolist() == [5] * 9
    assert found.scores[0, 0] == pytest.approx(np.log(0.15) / 9, rel=1e-5)


def test_early_stop_waits_for_a_longer_sequence_with_a_better_mean(markov):
    # [end] at once has mean log 0.6; [2, 2, 2, end] has mean log(0.4) / 4: better, but late.
    logits = np.full((1, 3, 3, 3), -1e9)
    logits[0, :, 0, END], logits[0, :, 0, 2] = np.log(0.6), np.log(0.4)
    logits[0, 0, 2, 2] = logits[0, 2, 2, 2] = 0.0
    found = markov(logits).search(run, BeamSearch(2, END, PAD), 9)
    assert found.lengths[0, 0] == 9
    assert found.scores[0, 0] == pytest.approx(np.log(0.4) / 9, rel=1e-5)
    found = markov(logits).search(run, BeamSearch(2, END, PAD, LengthPenalty(-1.0)), 9)
    assert found.lengths[0, 0] == 1
    assert found.scores[0, 0] == pytest.approx(np.log(0.6), rel=1e-5)


@pytest.mark.parametrize("driver", [run, stream])
def test_rows_do_not_depend_on_their_batch_mates(markov, driver):
    language = markov.random(num_rows=3, vocab_size=7, seed=3)
    search = BeamSearch(3, END, PAD, n_best=2)
    limits = np.asarray([5, 11, 8])
    together = language.search(driver, search, 13, row_limits=limits)
    assert (together.lengths <= limits[:, None]).all()
    for row in range(3):
        alone = language.rows([row]).search(driver, search, 13, row_limits=limits[[row]])
        assert_same(alone, together, [row])


@pytest.mark.parametrize("driver", [run, stream])
def test_penalties_go_with_their_rows(markov, driver):
    language = markov.random(num_rows=4, vocab_size=7, seed=5)
    penalties = [1.0, 1.4, 3.0, 0.7]
    prompt = np.asarray([[-1, 3], [2, 4], [6, 6], [-1, -1]])

    def search(rows):
        filters = [repetition_penalty([penalties[row] for row in rows], prompt[rows])]
        limits = np.asarray([3, 13, 5, 9])[rows]
        beams = BeamSearch(3, END, PAD, n_best=2, filters=filters)
        return language.rows(rows).search(driver, beams, 13, row_limits=limits)

    together = search([0, 1, 2, 3])
    plain = language.search(driver, BeamSearch(3, END, PAD, n_best=2), 13)
    assert (together.ids[1] != plain.ids[1]).any()
    for row in range(4):
        assert_same(search([row]), together, [row])


def test_fewer_sequences_than_asked_for(markov):
    logits = np.full((1, 3, 3, 3), -np.inf)
    logits[..., END] = 0.0
    found = markov(logits).search(run, BeamSearch(3, END, PAD, n_best=3), 4)
    assert found.lengths.tolist() == [[1, 0, 0]]
    assert found.scores.tolist() == [[0, -np.inf, -np.inf]]
    assert found.ids[0].tolist() == [[END, 0, 0, 0], [0] * 4, [0] * 4]


def test_padding_may_be_the_end_token(markov):
    language = markov.random(num_rows=5, vocab_size=7, seed=4)
    other = language.search(run, BeamSearch(3, END, PAD, n_best=3), 6)
    same = language.search(run, BeamSearch(3, END, END, n_best=3), 6)
    np.testing.assert_array_equal(other.lengths, same.lengths)
    assert {1, 6} < set(same.lengths.ravel()) | {1, 6}


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="n_best must be at most beam_size = 2; got n_best = 3"):
        BeamSearch(2, END, PAD, n_best=3)
    with pytest.raises(ValueError, match="beam_size must be a whole number from 1; got 0"):
        BeamSearch(0, END, PAD)
    with pytest.raises(ValueError, match="end_id must be a whole number from 0; got None"):
        BeamSearch(2, None, PAD)
