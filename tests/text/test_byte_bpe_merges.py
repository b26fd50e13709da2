"""Merging everywhere at once gives what merging one pair after the other gives."""

import random

import numpy as np
import pytest

from tests.byte_bpe_texts import every_way
from zoo.text.byte_bpe_description import byte_symbols
from zoo.text.byte_bpe_merges import merge_in_graph, merge_table

tokenizers = pytest.importorskip("tokenizers")
tf = pytest.importorskip("tensorflow")


def random_merges(dice, letters, count):
    """(vocabulary, merges): merges of any known pieces, most of them useless."""
    vocabulary = {symbol: number for number, symbol in enumerate(byte_symbols())}
    pieces, merges = list(letters), []
    while len(merges) < count:
        pair = dice.choice(pieces), dice.choice(pieces)
        if "".join(pair) not in vocabulary and len("".join(pair)) < 8:
            merges.append(pair)
            pieces.append("".join(pair))
            vocabulary["".join(pair)] = len(vocabulary)
    return vocabulary, merges


def in_graph(words, table):
    octets = np.frombuffer("".join(words).encode(), "uint8")
    numbers = np.repeat(np.arange(len(words)), [len(word) for word in words]).astype("int32")
    merge = tf.function(lambda symbols, words: merge_in_graph(symbols, words, table))
    symbols, numbers = merge(tf.constant(table.byte_ids[octets]), tf.constant(numbers))
    return tf.RaggedTensor.from_value_rowids(symbols, numbers).to_list()


@pytest.mark.parametrize("seed", range(7))
def test_random_merges_in_long_and_short_words(seed):
    dice = random.Random(seed)
    letters = "ab" if seed % 2 else "abc"
    vocabulary, merges = random_merges(dice, letters, 29)
    if seed > 4:  # as made of tiktoken's files: every way that makes a piece
        merges = every_way(vocabulary)
    model = tokenizers.models.BPE(vocabulary, [tuple(pair) for pair in merges])
    table = merge_table(vocabulary, merges)
    lengths = [1, 2, 3, 5, 7, 11, 97, 499]
    words = ["".join(dice.choices(letters, k=k)) for k in lengths for _ in range(5)]
    words += [letter * k for letter in letters for k in lengths]
    words += ["b" * i + "a" * k + "b" for i in range(3) for k in (101, 102)]
    expected = [[token.id for token in model.tokenize(word)] for word in words]
    assert in_graph(words, table) == expected
    assert in_graph(words[-1:], table) == expected[-1:]
    assert max(map(len, expected)) > 2 * table.longest  # several blocks


def test_no_merges():
    table = merge_table({symbol: i for i, symbol in enumerate(byte_symbols())}, [])
    assert in_graph(["ba", "c"], table) == [[98, 97], [99]]
    assert table.longest == 1


def test_only_the_way_that_happens_is_kept():
    vocabulary = {symbol: number for number, symbol in enumerate(byte_symbols())}
    vocabulary |= {"ab": 256, "bc": 257, "abc": 258, "xyz": 259}
    merges = [("a", "b"), ("a", "bc"), ("ab", "c"), ("b", "c")]
    table = merge_table(vocabulary, merges)
    assert sorted(table.ranks[:-1].tolist()) == [0, 2, 3]
    assert table.unmade == ["xyz"]
    assert in_graph(["abc", "bc", "abab"], table) == [[258], [257], [256, 256]]


def test_rounds_do_not_grow_with_the_word(monkeypatch):
    dice = random.Random(3)
    vocabulary, merges = random_merges(dice, "abc", 29)
    table = merge_table(vocabulary, merges)
    rounds = []
    loop = tf.while_loop

    def counting(cond, body, state, *rest, **options):
        def counted(*state):
            rounds.append(1)
            return body(*state)

        return loop(cond, counted, state, *rest, **options)

    monkeypatch.setattr(tf, "while_loop", counting)
    counts = []
    for length in (211, 20_011):
        rounds.clear()
        word = "".join(dice.choices("abc", k=length))
        symbols = tf.constant(table.byte_ids[np.frombuffer(word.encode(), "uint8")])
        merge_in_graph(symbols, tf.zeros_like(symbols), table)  # eager: one call a round
        counts.append(len(rounds))
    assert counts[0] > 3
    assert counts[1] < 3 * counts[0]
