"""A WordPiece tokenizer as TensorFlow ops. TensorFlow is imported on the first call only."""

from zoo.text.ragged_rows import row_numbers
from zoo.text.wordpiece_packing import Pieces, check_packing, pack_in_graph
from zoo.text.wordpiece_split import columns_within, rows_of_words_in_graph
from zoo.text.wordpiece_words import words_in_graph

_MAX_CHARACTERS = 100  # longer words are unknown, as in BERT


def wordpiece_graph(tokenizer, max_length=None, truncation="longest_first"):
    """Build the `tf.Module` that `WordPieceTokenizer.graph` describes.

    Only ops of TensorFlow and TensorFlow Text that a stock TF Serving links.

    Args:
        tokenizer: a `WordPieceTokenizer`.
        max_length: longest row, special tokens included, at least 3, or None.
        truncation: see `kept_lengths`.
    """
    import tensorflow as tf

    check_packing(max_length, truncation, 2)
    module = tf.Module()
    # Attributes of the module, so that saving tracks the tables.
    module.cutter = _cutter(tokenizer)
    module.added_ids = _table(tokenizer.added_tokens, -1)
    special = tokenizer.special_ids

    def pieces(text):
        return _pieces(module, tokenizer, text)

    def encode(text):
        return pack_in_graph(module.pieces(text), None, special, max_length)

    def encode_pair(text, text_pair):
        rows = module.pieces(text), module.pieces(text_pair)
        return pack_in_graph(*rows, special, max_length, truncation)

    def encode_words(words, length):
        rows, columns = rows_of_words_in_graph(module.pieces, words, length)
        packed = pack_in_graph(rows, None, special, max_length)
        return packed, columns_within(columns, packed, tf)

    text, table = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
    length, ids = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.int32)
    module.pieces = _traced(pieces, text)  # once: the others call it
    module.encode = _traced(encode, text)
    module.encode_pair = _traced(encode_pair, text, text)
    module.encode_words = _traced(encode_words, table, length)
    module.decode = _traced(tokenizer.piece_texts.join_in_graph, ids)
    return module


def _traced(function, *signature):
    import tensorflow as tf

    return tf.function(function, input_signature=signature, autograph=False)


def _table(ids, default):
    """A lookup table: dict str -> int to string -> int64."""
    import tensorflow as tf

    keys, values = list(ids), list(ids.values())
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int64)
    return tf.lookup.StaticHashTable(initializer, default)


def _cutter(tokenizer):
    import tensorflow as tf
    import tensorflow_text as tf_text

    ids = {piece: number for number, piece in enumerate(tokenizer.vocabulary)}
    return tf_text.WordpieceTokenizer(
        _table(ids, tokenizer.special_ids.unk),
        unknown_token=tokenizer.tokens.unk,
        max_bytes_per_word=4 * _MAX_CHARACTERS,
        token_out_type=tf.int64,
    )


def _pieces(module, tokenizer, text):
    """string (B,) -> `Pieces`, ragged int32 (B, None)."""
    import tensorflow as tf

    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    words = words_in_graph(text, tokenizer.normalizer, tokenizer.added_pattern)
    lengths = words.places.row_lengths()
    # What is not cut goes in as the unknown token, which is one piece.
    uncut = words.is_added | (lengths > _MAX_CHARACTERS)
    cut = tf.where(uncut, tokenizer.tokens.unk, words.text)
    ids, starts, ends = module.cutter.tokenize_with_offsets(cut)  # ragged (W, None) each
    added = tf.where(words.is_added, module.added_ids.lookup(words.text), -1)
    added, word_text, uncut, length, first, row = (
        tf.gather(x, row_numbers(ids))
        for x in (added, words.text, uncut, lengths, words.places.row_starts(), words.row)
    )
    starts, ends = (_characters(word_text, x.flat_values) for x in (starts, ends))
    starts = first + tf.where(uncut, tf.zeros_like(starts), starts)
    ends = first + tf.where(uncut, length, ends)
    places = words.places.flat_values
    values = (
        tf.where(added < 0, ids.flat_values, added),
        tf.gather(places, starts),
        tf.gather(places, ends - 1) + 1,
    )
    count = tf.size(text, tf.int64)
    rows = tf.RaggedTensor.from_value_rowids(tf.range(tf.size(row)), row, count, validate=False)
    return Pieces(*(rows.with_flat_values(tf.cast(x, tf.int32)) for x in values))


def _characters(text, size):
    """Number of characters in the first `size` bytes: string (P,), int64 (P,) -> int64 (P,)."""
    import tensorflow as tf

    head = tf.strings.substr(text, tf.zeros_like(size), size)
    return tf.cast(tf.strings.length(head, unit="UTF8_CHAR"), tf.int64)
