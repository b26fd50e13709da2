"""A byte-level BPE tokenizer as TensorFlow ops. TensorFlow is imported on the first call only."""

from zoo.text.byte_bpe_description import piece_texts
from zoo.text.byte_bpe_merges import merge_in_graph, merge_table
from zoo.text.byte_bpe_words import ADDED, BREAK, word_rule, words_in_graph
from zoo.text.prompt_module import with_prompt_functions
from zoo.text.ragged_rows import repeated_numbers, row_numbers


def byte_bpe_graph(tokenizer, id_texts, split_special_tokens, align):
    """Build the `tf.Module` that `ByteBPETokenizer.graph` describes.

    Only ops of TensorFlow and TensorFlow Text that a stock TF Serving links. It holds constants and
    one table that nothing is added to.

    Args:
        tokenizer: a `ByteBPETokenizer`.
        id_texts: list of V bytes, what each id gives in a decoded text.
        split_special_tokens: whether special tokens in a text are ordinary text.
        align: rows of ids to `Prompts`, see `with_prompt_functions`.

    Raises:
        ValueError: the graph does not know such a tokenizer.
    """
    import tensorflow as tf

    rule = word_rule(tokenizer.description, split_special_tokens)
    model = tokenizer.description["model"]
    table = merge_table(model["vocab"], model["merges"])
    module = tf.Module()
    # An attribute of the module, so that saving tracks the table.
    module.whole_words = _whole_words(tokenizer.description, rule, table)

    def encode(text):
        with tf.device("CPU"):
            text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
            words, rows = words_in_graph(text, rule)
            words, places = tf.unique(words)
            ids = tf.gather(_word_ids(words, module.whole_words, table), places)  # (all W, None)
            rows = tf.gather(rows, row_numbers(ids))
            count = tf.size(text, tf.int64)
            return tf.RaggedTensor.from_value_rowids(ids.flat_values, rows, count, validate=False)

    def decode(ids):
        with tf.device("CPU"):
            known = (ids >= 0) & (ids < len(id_texts))
            texts = tf.gather(tf.constant([*id_texts, b""]), tf.where(known, ids, len(id_texts)))
            text = tf.strings.reduce_join(texts, axis=1)
            return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")

    return with_prompt_functions(module, encode, decode, align)


def _whole_words(description, rule, table):
    """A lookup table of the words that have an id without any merge."""
    import tensorflow as tf

    ids = {BREAK: -1}  # no word; a table needs an entry
    for group in rule.added:
        ids |= {ADDED + text.encode(): number for text, number in group.items()}
    if description["model"]["ignore_merges"]:
        texts, vocabulary = piece_texts(description), description["model"]["vocab"]
        ids |= {texts[vocabulary[piece]]: vocabulary[piece] for piece in table.unmade}
    keys, values = list(ids), list(ids.values())
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int32)
    return tf.lookup.StaticHashTable(initializer, -1)


def _word_ids(words, whole_words, table):
    """string (U,) -> ragged int32 (U, None)."""
    import tensorflow as tf

    whole = whole_words.lookup(words)
    is_whole = whole >= 0
    spelled = _spelled(tf.boolean_mask(words, ~is_whole), table)
    ids = tf.concat([spelled, tf.boolean_mask(whole, is_whole)[:, None]], axis=0)
    # The words in their order: the spelled ones come first in `ids`.
    count = [tf.cumsum(tf.cast(kind, tf.int64)) for kind in (is_whole, ~is_whole)]
    return tf.gather(ids, tf.where(is_whole, spelled.nrows() + count[0], count[1]) - 1)


def _spelled(words, table):
    """The pieces of words: string (U,), none empty -> ragged int32 (U, None)."""
    import tensorflow as tf

    octets = tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8)  # (N,)
    symbols = tf.gather(tf.constant(table.byte_ids), tf.cast(octets, tf.int32))
    numbers = tf.cast(repeated_numbers(tf.strings.length(words)), tf.int32)
    symbols, numbers = merge_in_graph(symbols, numbers, table)
    count = tf.size(words, tf.int64)
    rows = tf.cast(numbers, tf.int64)
    return tf.RaggedTensor.from_value_rowids(symbols, rows, count, validate=False)
