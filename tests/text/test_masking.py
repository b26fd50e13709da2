import numpy as np
import pytest

from zoo.text import TokenMasking, WordPieceTokenizer

PAD, CLS, SEP, MASK = 0, 2, 3, 4
V = 53
FIRST = 5  # ids below are special
SPECIAL = np.arange(V) < FIRST
CONTINUES = np.arange(V) >= 31  # ids of pieces inside a word


def masking(**changes):
    plain = {"mask_id": MASK, "special": SPECIAL, "continues": np.zeros(V, bool)}
    return TokenMasking(**{**plain, **changes})


def rows(count=211, length=47, lowest=FIRST):
    """[CLS] text [SEP] and padding, of all lengths."""
    dice = np.random.Generator(np.random.PCG64(count))
    ids = dice.integers(lowest, V, (count, length)).astype("int32")
    ids[:, 0] = CLS
    ends = dice.integers(2, length, count)
    for row, end in enumerate(ends):
        ids[row, end], ids[row, end + 1 :] = SEP, PAD
    return ids


def wanted(ids):
    counts = (~SPECIAL[ids]).sum(axis=1)
    return np.maximum(np.floor(0.15 * counts + 0.5), 1).astype(int)


def test_exact_counts_and_no_special_tokens():
    ids = rows()
    masked = masking()(ids, (3, 1, 4))
    assert masked.positions.shape == masked.labels.shape == masked.used.shape == (211, 8)
    assert masking().places(47) == 8  # ceil(7.05)
    np.testing.assert_array_equal(masked.used.sum(axis=1), wanted(ids))
    for row in range(211):
        columns = masked.positions[row][masked.used[row]]
        assert np.all(np.diff(columns) > 0)
        assert not SPECIAL[ids[row, columns]].any()
        np.testing.assert_array_equal(masked.labels[row][masked.used[row]], ids[row, columns])
        rest = np.delete(np.arange(47), columns)
        np.testing.assert_array_equal(masked.token_ids[row, rest], ids[row, rest])
    assert not masked.positions[~masked.used].any()
    assert not masked.labels[~masked.used].any()


def test_what_is_seen_in_their_place():
    ids = rows(1009, 101)
    masked = masking()(ids, (0,))
    seen = np.take_along_axis(masked.token_ids, masked.positions, axis=1)[masked.used]
    labels = masked.labels[masked.used]
    n = len(labels)
    assert n > 7000
    other = (seen != MASK) & (seen != labels)
    # Within five standard deviations; a random token is the right one now and then.
    words = V - FIRST
    assert abs((seen == MASK).mean() - 0.8) < 5 * np.sqrt(0.8 * 0.2 / n)
    assert abs(other.mean() - 0.1 * (1 - 1 / words)) < 5 * np.sqrt(0.1 * 0.9 / n)
    assert not SPECIAL[seen[other]].any()
    counts = np.bincount(seen[other], minlength=V)[FIRST:]
    assert counts.min() > 0
    assert counts.max() < 3 * counts.mean()


def test_every_place_is_equally_likely():
    ids = np.full((4999, 23), 7, "int32")
    ids[:, 0], ids[:, 22] = CLS, SEP
    masked = masking()(ids, (1,))
    assert np.all(masked.used.sum(axis=1) == 3)  # 21 * .15 = 3.15
    share = np.bincount(masked.positions[masked.used], minlength=23) / 4999
    assert share[0] == share[22] == 0
    np.testing.assert_allclose(share[1:22], 3 / 21, rtol=0, atol=5 * np.sqrt(1 / 7 * 6 / 7 / 4999))


def test_whole_words():
    ids = rows(499)
    whole, limit = chosen_by(masking(continues=CONTINUES), ids), wanted(ids)
    parts = chosen_by(masking(), ids)
    together = split = 0
    for row in range(len(ids)):
        words = words_of(ids[row])
        left = limit[row] - whole[row].sum()
        assert left >= 0
        for word in words:
            assert whole[row, word].all() or not whole[row, word].any()
            assert whole[row, word].any() or len(word) > left, "a word that fits was skipped"
            together += len(word) > 1 and whole[row, word].any()
            split += parts[row, word].any() and not parts[row, word].all()
    assert together > 100
    assert split > 100  # without whole words


def chosen_by(mask, ids):
    """bool (B, T), tokens that a masking has to be predicted."""
    masked = mask(ids, (5,))
    chosen = np.zeros(ids.shape, bool)
    for row in range(len(ids)):
        chosen[row, masked.positions[row][masked.used[row]]] = True
    return chosen


def words_of(row):
    """Columns of each word; the first piece after a special token begins one."""
    words = []
    for column, token in enumerate(row):
        if SPECIAL[token]:
            continue
        if CONTINUES[token] and words and words[-1][-1] == column - 1:
            words[-1].append(column)
        else:
            words.append([column])
    return words


def test_pieces_of_a_word_are_replaced_one_by_one():
    ids = np.full((997, 23), 31, "int32")  # one word of 21 pieces: too long
    ids[:, 0], ids[:, 22] = CLS, SEP
    assert not masking(continues=CONTINUES)(ids, (0,)).used.any()
    ids[:, 1:22:3] = 5  # words of three pieces
    masked = masking(continues=CONTINUES)(ids, (0,))
    assert np.all(masked.used.sum(axis=1) == 3)
    seen = np.take_along_axis(masked.token_ids, masked.positions, axis=1)[:, :3]
    share = (seen == MASK).all(axis=1).mean()
    assert abs(share - 0.8**3) < 5 * np.sqrt(0.512 * 0.488 / 997)


def test_a_pure_function_of_the_key():
    ids = rows()
    first = masking()(ids, (3, 1, 4))
    for found, expected in zip(masking()(ids, (3, 1, 4)), first, strict=True):
        np.testing.assert_array_equal(found, expected)
    for key in ((3, 1, 5), (3, 2, 4), (2, 1, 4)):
        assert np.any(masking()(ids, key).positions != first.positions)


def test_rows_without_words():
    ids = np.array([[CLS, SEP, SEP, PAD], [CLS, 9, SEP, PAD]], "int32")
    masked = masking()(ids, (0,))
    assert masked.used.tolist() == [[False], [True]]
    assert masked.positions.tolist() == [[0], [1]]
    np.testing.assert_array_equal(masked.token_ids[0], ids[0])


def test_of_a_tokenizer():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##", "sun", "##day", "##s"]
    tokenizer = WordPieceTokenizer(vocabulary)
    plain, whole = TokenMasking.of(tokenizer), TokenMasking.of(tokenizer, whole_words=True)
    assert plain.mask_id == 4
    assert plain.special.tolist() == [True] * 5 + [False] * 4
    assert not plain.continues.any()
    assert np.flatnonzero(whole.continues).tolist() == [5, 7, 8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 0.0}, "rate must be above 0"),
        ({"rate": 1.0}, "rate must be above 0"),
        ({"mask_id": V}, "mask_id must be below 53"),
        ({"continues": CONTINUES[:-1]}, "got 53 and 52"),
        ({"special": np.ones(V, bool)}, "special must leave ids"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        masking(**changes)
