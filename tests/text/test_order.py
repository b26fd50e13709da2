import hashlib

import numpy as np
import pytest

from zoo.text.order import BatchOrder, permutation

SIZES, ROWS = [17, 5, 31], [3, 5, 7]


def used(order, steps):
    """How often each member of each bucket stands in the first `steps` batches."""
    counts = [np.zeros(size, "int64") for size in SIZES]
    for step in range(steps):
        bucket, positions = order(step)
        assert len(positions) == ROWS[bucket]
        np.add.at(counts[bucket], positions, 1)
    return counts


def test_each_member_once_a_pass():
    order = BatchOrder(SIZES, ROWS, seed=1)
    assert order.batches_per_pass == 11  # 17 / 3 + 5 / 5 + 31 / 7 = 11.1
    for passes in (1, 2, 5, 21):
        batches = sum(passes * size // rows for size, rows in zip(SIZES, ROWS, strict=True))
        for count, size, rows in zip(used(order, batches), SIZES, ROWS, strict=True):
            assert count.max() <= passes
            assert count.sum() > passes * size - rows  # less than a batch is left over
            assert count.min() >= passes - 1


def test_pure_function_of_seed_and_step():
    order, again = BatchOrder(SIZES, ROWS, seed=3), BatchOrder(SIZES, ROWS, seed=3)
    forward = [order(step) for step in range(200)]
    for step in reversed(range(200)):  # another way through the caches
        assert again(step)[0] == forward[step][0]
        np.testing.assert_array_equal(again(step)[1], forward[step][1])
    other = [BatchOrder(SIZES, ROWS, seed=4)(step) for step in range(200)]
    assert any(a[1].tolist() != b[1].tolist() for a, b in zip(forward, other, strict=True))


def test_far_steps_need_no_history():
    bucket, positions = BatchOrder(SIZES, ROWS, seed=3)(10**9 + 7)
    assert len(positions) == ROWS[bucket]


def test_passes_differ():
    order = BatchOrder([12], [4], seed=0)
    passes = [[order(3 * number + i)[1].tolist() for i in range(3)] for number in range(5)]
    assert all(sorted(sum(batches, [])) == list(range(12)) for batches in passes)
    assert len({str(batches) for batches in passes}) == 5


def test_permutation_is_frozen():
    # The stream of every stored training: it must not change with platform or numpy version.
    entries = permutation(10_007, (1, 2, 3))
    assert sorted(entries) == list(range(10_007))
    digest = hashlib.sha256(entries.astype("<i8").tobytes()).hexdigest()
    assert digest[:16] == "96bd344f06b4b21f"
    assert permutation(7, (1, 2, 3)).tolist() != permutation(7, (1, 2, 4)).tolist()


def test_rows_over_the_size():
    with pytest.raises(ValueError, match="rows must be between 1"):
        BatchOrder([3], [4], seed=0)
