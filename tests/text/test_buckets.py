import numpy as np
import pytest

from zoo.text.buckets import make_buckets


def lengths(seed, n):
    dice = np.random.Generator(np.random.PCG64(seed))
    source = np.clip(dice.lognormal(2.6, 0.35, n), 2, 97).astype("int64")
    return source, np.clip(source + dice.normal(0, 2.5, n), 2, 97).astype("int64")


@pytest.mark.parametrize("num_shapes", [1, 2, 7, 24])
def test_every_pair_in_one_bucket_that_holds_it(num_shapes):
    source, target = lengths(3, 5003)
    buckets = make_buckets(np.stack([source, target]), 499, num_shapes)
    assert len(buckets) == num_shapes
    members = np.concatenate([bucket.members for bucket in buckets])
    np.testing.assert_array_equal(np.sort(members), np.arange(5003))
    for rows, (source_length, target_length), members in buckets:
        assert source[members].max() == source_length
        assert target[members].max() == target_length
        assert rows == 499 // (source_length + target_length)
        assert len(members) >= rows


def test_padding_of_caption_lengths():
    source, target = lengths(5, 29_000)

    def padding(num_shapes):
        buckets = make_buckets(np.stack([source, target]), 4096, num_shapes)
        width = sum(len(b.members) * sum(b.widths) for b in buckets)
        return 1 - (source.sum() + target.sum()) / width

    assert padding(24) <= 0.085
    assert padding(24) < padding(8) < padding(1)


def test_cuts_along_the_side_that_pays():
    # Sources differ, targets do not: the only good cut lies along the source.
    source = np.array([3] * 7 + [11] * 7)
    target = np.full(14, 5)
    first, second = make_buckets(np.stack([source, target]), 16, 5)
    assert first.shape == (2, 3, 5)
    assert first.members.tolist() == list(range(7))
    assert second.shape == (1, 11, 5)


def test_no_bucket_too_small_for_a_batch():
    source = np.array([2] * 100 + [7])
    target = source
    (only,) = make_buckets(
        np.stack([source, target]), 28, 5
    )  # 7 rows of the short ones, but 2 of the long
    assert only.shape == (2, 7, 7)
    few = make_buckets(np.array([[2, 3], [2, 3]]), 1000, 5)
    assert [bucket.rows for bucket in few] == [2]
