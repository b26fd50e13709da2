import numpy as np
import pytest

from recipes.examples import induction
from recipes.examples.induction import GAP, HALF, LENGTH, LETTERS, Copies


def test_rows_are_letters_a_gap_and_the_letters_again():
    inputs, labels, weights = Copies(17, 3, seed=5)[1]
    token_ids = inputs["token_ids"]
    assert token_ids.shape == labels.shape == weights.shape == (17, LENGTH)
    np.testing.assert_array_equal(token_ids[:, 1:], labels[:, :-1])
    gaps = set()
    for row, label, weight in zip(token_ids, labels, weights, strict=True):
        letters = row[:HALF].tolist()
        assert len(set(letters)) == HALF
        assert max(letters) < LETTERS
        places = np.flatnonzero(weight)
        gaps.add(places[0] - HALF)
        # What is asked for is the letter behind the first time that the present one came.
        assert row[places].tolist() == letters[:-1]
        assert label[places].tolist() == letters[1:]
        assert set(row[HALF : places[0]]) <= {GAP}
    assert len(gaps) > 3


@pytest.mark.slow
def test_two_layers_copy_and_one_cannot():
    _, one = induction.train(num_layers=1)
    _, two = induction.train(num_layers=2)
    assert one < 0.5
    assert two == 1.0
