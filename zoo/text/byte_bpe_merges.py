"""The merges of byte-level BPE as arrays, for a graph that performs many of them at once."""

import itertools
from typing import NamedTuple

import numpy as np

from zoo.text.byte_bpe_description import byte_symbols
from zoo.text.ragged_rows import repeated_numbers

NEVER = np.iinfo("int32").max  # rank of a pair that is not merged


class MergeTable(NamedTuple):
    """Merges, and what else a graph must know of a vocabulary.

    Attributes:
        pairs: int64 (M + 1,), `pair_key` of each merge, ascending; the last is no pair.
        ranks: int32 (M + 1,), rank of each merge, `NEVER` for the last.
        results: int32 (M + 1,), id that each merge makes.
        byte_ids: int32 (256,), id of each byte.
        longest: symbols of the longest piece that merges make.
        unmade: list of pieces that no merges make, as they are written in the vocabulary.
    """

    pairs: np.ndarray
    ranks: np.ndarray
    results: np.ndarray
    byte_ids: np.ndarray
    longest: int
    unmade: list


def pair_key(left, right):
    """One int64 for a pair of ids."""
    return left << 32 | right


def merge_table(vocabulary, merges, symbols=None):
    """Make the `MergeTable` of a vocabulary.

    Args:
        vocabulary: dict piece -> id.
        merges: list of pairs of pieces, the first is merged first.
        symbols: list of 256 str, how bytes are written; `byte_symbols` by default.

    Raises:
        ValueError: a piece is merged further before it is made.
    """
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    ranks = _reached(ranks)
    made = {left + right: rank for (left, right), rank in ranks.items()}
    for (left, right), rank in ranks.items():
        if max(made.get(left, -1), made.get(right, -1)) >= rank:
            raise ValueError(f"merge {rank}, {left!r} with {right!r}, is before those of its parts")
    symbols = byte_symbols() if symbols is None else symbols
    rows = [
        (pair_key(vocabulary[left], vocabulary[right]), rank, vocabulary[left + right])
        for (left, right), rank in ranks.items()
    ]
    rows = sorted(rows) + [(np.iinfo("int64").max, NEVER, 0)]
    pairs, rank_column, results = zip(*rows, strict=True)
    return MergeTable(
        np.array(pairs, "int64"),
        np.array(rank_column, "int32"),
        np.array(results, "int32"),
        np.array([vocabulary[symbol] for symbol in symbols], "int32"),
        max(map(len, made), default=1),
        [piece for piece in vocabulary if piece not in made and piece not in symbols],
    )


def _reached(ranks):
    """The merges that can happen: dict (left, right) -> rank.

    While a piece stands alone, no merge has crossed its borders, so inside it all went as if it
    were the whole word. Hence each piece is made in one way, that of its own bytes, and other
    merges that spell it never happen. Vocabularies that were turned into merges afterwards, such as
    Llama 3's, list every way.
    """
    ways = {}
    for left, right in ranks:
        ways.setdefault(left + right, []).append((left, right))
    latest = {piece: max(map(ranks.get, pairs)) for piece, pairs in ways.items()}
    reached = {}
    for piece, pairs in ways.items():
        early = any(latest.get(part, -1) >= ranks[pair] for pair in pairs for part in pair)
        if early or len(pairs) > 1:
            last = _last_merge(piece, ranks)
            pairs = [] if last is None else [last]
        reached |= {pair: ranks[pair] for pair in pairs}
    return reached


def _last_merge(piece, ranks):
    """The merge that makes `piece` out of its bytes, None if they do not become one."""
    parts, pair = list(piece), None
    while len(parts) > 1:
        pairs = enumerate(itertools.pairwise(parts))
        rank, place = min((ranks.get(two, NEVER), i) for i, two in pairs)
        if rank == NEVER:
            return None
        pair = tuple(parts[place : place + 2])
        parts[place : place + 2] = ["".join(pair)]
    return pair


def merge_in_graph(symbols, words, table):
    """Merge the symbols of all words until no pair is left, on TensorFlow.

    Each round merges, in every word, all places of the pair of the lowest rank. A long word counts
    as blocks of as many symbols as the longest piece has bytes, which are merged at the same time
    where the two neighbouring blocks hold no lower rank: what happens further away cannot reach
    into the block before its pair is merged, for it would have to become a longer piece. So the
    number of rounds is that of the merges in a few hundred symbols, however long the word.

    Args:
        symbols: int32 (N,), ids of the bytes of all words, one word after the other.
        words: int32 (N,), ascending, number of the word; every number from 0 on has a symbol.
        table: a `MergeTable`.

    Returns:
        (symbols, words) of the pieces.
    """
    import tensorflow as tf

    pairs, ranks, results = map(tf.constant, (table.pairs, table.ranks, table.results))
    none = len(table.pairs) - 1  # the place of no pair

    def places(symbols, words):
        """For each symbol, where in the table the pair is that it begins: (N,)."""
        wide = tf.cast(symbols, tf.int64)
        keys = tf.bitwise.left_shift(wide[:-1], tf.constant(32, tf.int64)) | wide[1:]
        found = tf.searchsorted(pairs, keys)
        known = (tf.gather(pairs, found) == keys) & (words[:-1] == words[1:])
        last = tf.fill(tf.minimum(tf.shape(symbols), 1), none)  # nothing where nothing is given
        return tf.concat([tf.where(known, found, none), last], 0)

    def unfinished(symbols, words, found):
        return tf.reduce_any(found < none)

    def round_of_merges(symbols, words, found):
        rank = tf.gather(ranks, found)
        merged = _merged(rank, words, table.longest)
        symbols = tf.where(merged, tf.gather(results, found), symbols)
        kept = tf.concat([[True], ~merged[:-1]], 0)  # a merged symbol takes the next one in
        symbols, words = tf.boolean_mask(symbols, kept), tf.boolean_mask(words, kept)
        return symbols, words, places(symbols, words)

    unknown = tf.TensorShape([None])
    state = symbols, words, places(symbols, words)
    symbols, words, _ = tf.while_loop(
        unfinished, round_of_merges, state, (unknown, unknown, unknown), parallel_iterations=1
    )
    return symbols, words


def _merged(rank, words, block_size):
    """Which symbols merge with the next one in this round.

    Args:
        rank: int32 (N,), N >= 1, of the pair that each symbol begins, or `NEVER`.
        words: int32 (N,).
        block_size: symbols.

    Returns:
        bool (N,); no two in a row.
    """
    import tensorflow as tf

    lowest = _lowest_around(rank, words, block_size)
    chosen = (rank == lowest) & (rank < NEVER)
    # Pairs of equal rank in a row are a run of one symbol, such as "aaaa": every other one merges,
    # counted from the start of the run, which must be sure to stay.
    places = tf.range(tf.size(rank))
    starts = tf.concat([[True], rank[1:] != rank[:-1]], 0)
    run = tf.cumsum(tf.cast(starts, tf.int32)) - 1
    start = tf.gather(tf.boolean_mask(places, starts), run)
    return chosen & tf.gather(chosen, start) & ((places - start) % 2 == 0)


def _lowest_around(rank, words, block_size):
    """The lowest rank in the block of each symbol and its neighbours within the word: (N,)."""
    import tensorflow as tf

    sizes = tf.math.segment_sum(tf.ones_like(words), words)  # (W,)
    place = tf.range(tf.size(words)) - tf.gather(tf.cumsum(sizes, exclusive=True), words)
    blocks = (sizes + block_size - 1) // block_size  # (W,)
    block = tf.gather(tf.cumsum(blocks, exclusive=True), words) + place // block_size
    lowest = tf.math.segment_min(rank, block)
    word = repeated_numbers(blocks)
    same = word[1:] == word[:-1]
    before = tf.concat([[NEVER], tf.where(same, lowest[:-1], NEVER)], 0)
    after = tf.concat([tf.where(same, lowest[1:], NEVER), [NEVER]], 0)
    return tf.gather(tf.minimum(lowest, tf.minimum(before, after)), block)
