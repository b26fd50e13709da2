import numpy as np
import pytest

from zoo.text import Documents, IdArrays, SentencePairs, SpecialIds

IDS = SpecialIds()  # pad 0, unk 1, start 2, end 3
V = 4099
LENGTH = 37


def documents(sizes=(1, 7, 2, 13, 5), longest=11):
    """Sentences of 1 to `longest` ids; no id occurs twice, so an id tells where it is from."""
    dice = np.random.Generator(np.random.PCG64(len(sizes)))
    counts = dice.integers(1, longest + 1, sum(sizes))
    ids = np.split(np.arange(4, 4 + counts.sum()), np.cumsum(counts)[:-1])
    sentences = IdArrays.from_rows([row.tolist() for row in ids], V, "x")
    return Documents(sentences, np.concatenate([[0], np.cumsum(sizes)]))


def document_of(found, token):
    sentence = np.searchsorted(found.sentences.offsets, token - 4, "right") - 1
    return int(np.searchsorted(found.offsets, sentence, "right") - 1)


def texts(rows, row):
    """a and b of a row, after a look at its special tokens."""
    real = int(rows.padding_mask[row].sum())
    ids = rows.token_ids[row, :real].tolist()
    assert rows.padding_mask[row, :real].all()
    assert not rows.token_ids[row, real:].any()
    assert (ids[0], ids[-1], ids.count(3)) == (2, 3, 2)
    first_end = ids.index(3)
    segments = [0] * (first_end + 1) + [1] * (real - first_end - 1) + [0] * (LENGTH - real)
    assert rows.segment_ids[row].tolist() == segments
    return ids[1:first_end], ids[first_end + 1 : -1]


def all_rows(found, times=31):
    pairs = SentencePairs(found, IDS, LENGTH)
    sentences = pairs.opening(np.tile(np.arange(len(pairs)), times))
    return pairs, sentences, pairs(sentences, (5,))


def test_openings_are_all_but_the_last_of_a_document():
    found = documents()
    pairs = SentencePairs(found, IDS, LENGTH)
    assert len(pairs) == 28 - 5
    last = (found.offsets[1:] - 1).tolist()
    expected = [sentence for sentence in range(28) if sentence not in last]
    assert pairs.opening(np.arange(23)).tolist() == expected


def test_labels_are_true_to_the_documents():
    found = documents()
    starts = found.sentences.offsets
    _, sentences, rows = all_rows(found)
    assert len(rows.is_random) == 23 * 31
    for row, sentence in enumerate(sentences):
        a, b = texts(rows, row)
        assert a == list(range(a[0], a[-1] + 1))
        assert b == list(range(b[0], b[-1] + 1))
        own = document_of(found, a[0])
        assert own == document_of(found, a[-1]) == document_of(found, starts[sentence] + 4)
        assert document_of(found, b[0]) == document_of(found, b[-1])
        assert rows.is_random[row] == (document_of(found, b[0]) != own)
        if not rows.is_random[row]:
            assert b[0] > a[-1]
        if len(a) + len(b) < LENGTH - 3:  # nothing was cut: whole sentences
            ends = {starts[sentence] + 4, a[-1] + 1, b[0], b[-1] + 1}
            assert {end - 4 for end in ends} <= set(starts.tolist())
            assert a[0] == starts[sentence] + 4
            assert rows.is_random[row] or b[0] == a[-1] + 1


def test_half_are_random_and_every_other_sentence_may_open_b():
    found = documents(longest=1)  # nothing is cut
    _, sentences, rows = all_rows(found, 499)
    n = len(sentences)
    assert abs(rows.is_random.mean() - 0.5) < 5 * np.sqrt(0.25 / n)
    other = rows.is_random & (sentences >= 1) & (sentences < 8)  # a is from the second document
    seen = [
        np.searchsorted(found.sentences.offsets, texts(rows, row)[1][0] - 4, "right") - 1
        for row in np.flatnonzero(other)
    ]
    counts = np.bincount(seen, minlength=28)
    assert not counts[1:8].any()
    possible = np.delete(counts, slice(1, 8))
    share = 1 / 21
    np.testing.assert_allclose(
        possible / len(seen), share, rtol=0, atol=5 * np.sqrt(share / len(seen))
    )


def test_lengths():
    found = documents((97, 89), longest=7)
    pairs, sentences, rows = all_rows(found, 29)
    kept = rows.padding_mask.sum(axis=1) - 3
    assert kept.max() == LENGTH - 3
    assert kept.min() >= 2
    # Nine tenths fill the row, if the document does not end and a random b does not.
    inner = ~rows.is_random & (sentences % 97 < 60)
    full = (kept[inner] == LENGTH - 3).mean()
    assert 0.88 < full < 0.96  # some of the shorter ones are hardly shorter


def test_the_longer_text_is_cut_at_both_ends():
    sizes = ((4, 61), (100, 7), (200, 5), (300, 67))
    sentences = [list(range(start, start + size)) for start, size in sizes]
    found = Documents(IdArrays.from_rows(sentences, V, "x"), np.array([0, 2, 4]))
    pairs = SentencePairs(found, IDS, LENGTH)
    rows = pairs(np.zeros(997, "int64"), (1,))
    firsts = set()
    for row in range(997):
        a, b = texts(rows, row)
        if rows.is_random[row] and b[0] >= 300:  # 61 and 67 ids: half of the room each
            assert (len(a), len(b)) == (17, 17)
        if not rows.is_random[row]:  # 61 and 7
            assert (len(a), len(b)) == (27, 7)
            firsts.add(a[0])
    assert firsts == set(range(4, 4 + 61 - 27 + 1))


def test_a_pure_function_of_the_key():
    pairs, sentences, rows = all_rows(documents(), 3)
    for found, expected in zip(pairs(sentences, (5,)), rows, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.any(pairs(sentences, (6,)).token_ids != rows.token_ids)


def test_one_pass_goes_through_the_text_once():
    found = documents((1, 7, 2, 13, 1, 5), longest=19)
    pairs = SentencePairs(found, IDS, LENGTH)
    sentences = pairs.one_pass()
    starts, begin = found.sentences.offsets, set(found.offsets.tolist())
    assert {1, 8, 10, 24} <= set(sentences.tolist())
    assert not {0, 23} & set(sentences.tolist())
    for first, following in zip(sentences, sentences[1:], strict=False):
        if not begin & set(range(first + 1, following + 1)):  # in the same document
            assert following - first >= 2
            taken = starts[following] - starts[first]
            before = starts[following - 1] - starts[first]
            assert taken >= LENGTH - 3
            assert before < LENGTH - 3 or following - first == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match="length must be at least 5"):
        SentencePairs(documents(), IDS, 4)
    with pytest.raises(ValueError, match="documents must be two at least"):
        SentencePairs(documents((7,)), IDS, 11)
    with pytest.raises(ValueError, match="two sentences somewhere"):
        SentencePairs(documents((1, 1, 1)), IDS, 11)
    with pytest.raises(ValueError, match="end=5000 is outside the vocabulary"):
        SentencePairs(documents(), SpecialIds(end=5000), 11)
