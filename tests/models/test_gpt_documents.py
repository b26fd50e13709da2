"""Rows packed with several documents: each is read as if it stood alone."""

import numpy as np
import pytest
from keras import ops

from tests.backends import gradient, to_numpy
from tests.models_on_ids import some_ids
from tests.small_gpts import VARIANTS, forward, small

# Rows of 11 tokens: lengths of the documents in each.
ROWS = [(3, 5, 3), (11,), (3, 3, 5)]
DOCUMENTS = np.array([np.repeat(np.arange(len(row)) * 7 + 2, row) for row in ROWS], "int32")


def pieces():
    """(row, slice of its columns) of every document."""
    for row, lengths in enumerate(ROWS):
        ends = np.cumsum(lengths)
        for end, length in zip(ends, lengths, strict=True):
            yield row, slice(end - length, end)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_document_as_if_alone(rng, variant):
    ids = some_ids(rng, 3, 11)
    logits = forward(small(variant), ids, document_ids=DOCUMENTS)
    for row, columns in pieces():
        alone = forward(small(variant), ids[row : row + 1, columns])[0]
        np.testing.assert_allclose(logits[row, columns], alone, atol=1e-5, rtol=1e-5)
    # One document is a row without documents; several are not.
    plain = forward(small(variant), ids)
    np.testing.assert_allclose(logits[1], plain[1], atol=1e-5, rtol=1e-5)
    assert np.abs(logits - plain)[0, 3:].max() > 1e-2


@pytest.mark.parametrize("left", [True, False])
def test_documents_and_padding(rng, left):
    ids = some_ids(rng, 3, 11)
    real = np.ones((3, 11), bool)
    real[0, 3 : 5 if left else 3] = False  # at the start of the second document
    real[0, 8 if left else 6 : 8] = False  # at its end
    logits = forward(small(), ids, document_ids=DOCUMENTS, padding_mask=real)
    assert np.isfinite(logits).all()
    for row, columns in pieces():
        kept = real[row, columns]
        alone = forward(small(), ids[row, columns][kept][None])[0]
        np.testing.assert_allclose(logits[row, columns][kept], alone, atol=1e-5, rtol=1e-5)


def test_positions_begin_anew():
    place = small().start(3, 0).place_in_documents(ops.convert_to_tensor(DOCUMENTS))
    positions = to_numpy(place.positions)
    for row, columns in pieces():
        length = columns.stop - columns.start
        np.testing.assert_array_equal(positions[row, columns], np.arange(length))


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_do_not_cross(rng, variant):
    model = small(variant)

    def second_document(x):
        cache = model.start(3, 0)
        place = cache.place_in_documents(ops.convert_to_tensor(DOCUMENTS))
        logits = model.logits(model.decoder.step(x, cache, place)[0])
        return ops.sum(logits[0, 3:8] ** 2)

    slope = np.abs(gradient(second_document, rng.normal(size=(3, 11, model.config.hidden_dim))))
    assert (slope[0, 3:8].max(-1) > 1e-4).all()
    assert (slope[0, :3] == 0).all()
    assert (slope[0, 8:] == 0).all()
    assert (slope[1:] == 0).all()
