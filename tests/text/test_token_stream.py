import numpy as np
import pytest

from zoo.text import IdArrays, PackedRows, TokenStream

END, V = 9, 11
ROWS = [[1, 2, 3], [4], [], [5, 6]]


def stream(end_id=END, rows=ROWS):
    return TokenStream(IdArrays.from_rows(rows, V, "x"), end_id)


def test_by_hand():
    with_ends = stream()
    assert len(with_ends) == 11
    positions = np.arange(11)
    assert with_ends.tokens(positions).tolist() == [9, 1, 2, 3, 9, 4, 9, 9, 5, 6, 9]
    assert with_ends.document_numbers(positions).tolist() == [0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 4]
    plain = stream(None)
    assert len(plain) == 6
    assert plain.tokens(np.arange(6)).tolist() == [1, 2, 3, 4, 5, 6]
    assert plain.document_numbers(np.arange(6)).tolist() == [0, 0, 0, 1, 3, 3]
    assert plain.tokens(np.array([[5, 0]])).tolist() == [[6, 1]]
    assert plain.tokens(np.array([0])).dtype == np.int32


def test_any_document_any_end(rng):
    rows = [rng.integers(0, V, rng.integers(0, 13)).tolist() for _ in range(31)]
    expected = [END]
    for row in rows:
        expected += [*row, END]
    found = stream(rows=rows)
    positions = rng.integers(0, len(found), (7, 5))
    np.testing.assert_array_equal(found.tokens(positions), np.array(expected)[positions])


def test_rows_by_hand():
    inputs, labels, weights = PackedRows(stream(), 4).batch(np.array([0, 8]), 3, 4)
    assert inputs.keys() == {"token_ids"}
    assert inputs["token_ids"][:2].tolist() == [[9, 1, 2, 3], [5, 6, 9, 9]]
    assert labels[:2].tolist() == [[1, 2, 3, 9], [6, 9, 9, 9]]
    assert weights.tolist() == [[1] * 4, [1, 1, 0, 0], [0] * 4]
    assert {str(x.dtype) for x in (inputs["token_ids"], labels)} == {"int32"}
    assert weights.dtype == np.float32


def test_apart_with_an_end_id_no_label_is_lost():
    rows = PackedRows(stream(), 7, keep_apart=True)
    inputs, labels, weights = rows.batch(np.array([2]), 1, 7)
    assert inputs["token_ids"].tolist() == [[2, 3, 9, 4, 9, 9, 5]]
    assert labels.tolist() == [[3, 9, 4, 9, 9, 5, 6]]
    # An end is the first input of the next document and the last label of the one before.
    assert inputs["document_ids"].tolist() == [[0, 0, 1, 1, 2, 3, 3]]
    assert inputs["document_ids"].dtype == np.int32
    assert weights.all()
    assert rows.weight(np.array([2])) == 7
    assert rows.weight(np.array([2, 8])) == 9


def test_apart_without_an_end_id_labels_of_the_next_document_do_not_count():
    rows = PackedRows(stream(None), 5, keep_apart=True)
    inputs, labels, weights = rows.batch(np.array([0]), 1, 5)
    assert inputs["document_ids"].tolist() == [[0, 0, 0, 1, 3]]
    assert labels.tolist() == [[2, 3, 4, 5, 6]]
    assert weights.tolist() == [[1, 1, 0, 0, 1]]
    assert rows.weight(np.array([0])) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: stream(V), "end_id=11 is outside the vocabulary of 11"),
        (lambda: stream(-1), "end_id=-1"),
        (lambda: stream(None, [[3]]), "fewer than two tokens"),
        (lambda: PackedRows(stream(), 0), "length must be at least 1, got 0"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
