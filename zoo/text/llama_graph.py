"""The tokenizer of a Llama as TensorFlow ops. TensorFlow is imported on the first call only."""

from zoo.text.byte_bpe_merges import merge_in_graph, merge_table
from zoo.text.byte_bpe_words import ADDED, added_ids, cut_added, is_added
from zoo.text.llama_description import (
    ALWAYS,
    FIRST,
    NEVER,
    PREPEND,
    SPACE,
    byte_of,
    byte_pieces,
    prefix_of,
    strips,
)
from zoo.text.prompt_module import with_prompt_functions
from zoo.text.ragged_rows import repeated_numbers, row_numbers


def llama_graph(tokenizer, split_special_tokens, align):
    """Build the `tf.Module` that `LlamaTokenizer.graph` describes.

    Only ops of TensorFlow that a stock TF Serving links. It holds constants and one table that
    nothing is added to.

    Args:
        tokenizer: a `LlamaTokenizer`.
        split_special_tokens: whether special tokens in a text are ordinary text.
        align: rows of ids to `Prompts`, see `with_prompt_functions`.

    Raises:
        ValueError: the graph does not know such a tokenizer.
    """
    import tensorflow as tf

    description = tokenizer.description
    vocabulary, merges = (description["model"][name] for name in ("vocab", "merges"))
    table = merge_table(vocabulary, merges, byte_pieces())
    prefix, stages = prefix_of(description), _stages(description, split_special_tokens)
    module = tf.Module()
    # An attribute of the module, so that saving tracks the table.
    module.symbols = _symbol_table(vocabulary, stages)

    def encode(text):
        with tf.device("CPU"):
            text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
            count = tf.size(text, tf.int64)
            words, rows = text, tf.range(count)
            for added in stages:
                words, rows = cut_added(words, rows, added)
            words = tf.where(is_added(words), words, _marked(words, rows, prefix))
            symbols, numbers = _symbols(words, module.symbols, table)
            symbols, numbers = merge_in_graph(symbols, numbers, table)
            rows = tf.gather(rows, numbers)
            return tf.RaggedTensor.from_value_rowids(symbols, rows, count, validate=False)

    def decode(ids):
        with tf.device("CPU"):
            text = _text(ids, tokenizer)
            # One space, where the text begins.
            return tf.strings.regex_replace(text, r"\A ", "") if strips(description) else text

    return with_prompt_functions(module, encode, decode, align)


def _stages(description, split_special_tokens):
    """dicts text -> id of the added tokens, in the order in which they are looked for."""
    entries = [
        entry
        for entry in description["added_tokens"]
        if not (split_special_tokens and entry["special"])
    ]
    normalized = [entry["content"] for entry in entries if entry["normalized"]]
    if description["normalizer"] is not None and normalized:
        raise ValueError(
            "a graph knows no added tokens that are normalized where texts are, such as "
            f"{normalized[0]!r}"
        )
    return [added_ids(entries, normalized=late) for late in (False, True)]


def _symbol_table(vocabulary, stages):
    """A lookup table of what has an id before any merge: characters, and added tokens marked."""
    import tensorflow as tf

    ids = {piece.encode(): number for piece, number in vocabulary.items() if len(piece) == 1}
    for added in stages:
        ids |= {ADDED + text.encode(): number for text, number in added.items()}
    ids |= {b"": -1}  # no character; a table needs an entry
    keys, values = list(ids), list(ids.values())
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int32)
    return tf.lookup.StaticHashTable(initializer, -1)


def _marked(words, rows, prefix):
    """Spaces to marks, and a mark before words: string (W,), int64 (W,) -> string (W,)."""
    import tensorflow as tf

    words = tf.strings.regex_replace(words, " ", SPACE)
    if prefix == NEVER:
        return words
    begins = tf.fill(tf.shape(words), True)
    if prefix == FIRST:
        begins = tf.concat([begins[:1], rows[1:] != rows[:-1]], 0)
    if prefix in (FIRST, ALWAYS):
        begins &= tf.strings.substr(words, 0, len(SPACE.encode())) != SPACE
    elif prefix != PREPEND:
        raise ValueError(f"a graph knows no prefix {prefix!r}")
    return tf.where(begins, tf.strings.join([SPACE, words]), words)


def _symbols(words, symbol_table, table):
    """What merges begin with: string (W,), none empty -> ids (N,) and numbers of words (N,).

    A symbol is an added token, a character, or a byte of a character that has no piece.
    """
    import tensorflow as tf

    added = is_added(words)
    characters = tf.strings.unicode_split(tf.where(added, "", words), "UTF-8")  # ragged (W, None)
    whole = tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(words, added), tf.cast(added, tf.int64)
    )
    parts = tf.concat([whole, characters], axis=1)
    numbers, parts = row_numbers(parts), parts.flat_values
    ids = symbol_table.lookup(parts)
    is_known = ids >= 0
    # One byte for each symbol, which counts only where the character is not known.
    spelled = tf.where(is_known, "x", parts)
    octets = tf.io.decode_raw(tf.strings.reduce_join(spelled), tf.uint8)  # (N,)
    origin = repeated_numbers(tf.strings.length(spelled))
    byte_ids = tf.gather(tf.constant(table.byte_ids), tf.cast(octets, tf.int32))
    symbols = tf.where(tf.gather(is_known, origin), tf.gather(ids, origin), byte_ids)
    return symbols, tf.cast(tf.gather(numbers, origin), tf.int32)


def _text(ids, tokenizer):
    """int32 (B, T) -> string (B,). Bytes side by side are text if they are UTF-8 together."""
    import tensorflow as tf

    texts, is_byte = _texts(tokenizer)
    has_text = tf.constant([text is not None for text in texts] + [False])
    texts = tf.constant([text or b"" for text in texts])
    known = (ids >= 0) & (ids < tokenizer.vocabulary_size)
    kept = tf.ragged.boolean_mask(
        ids, tf.gather(has_text, tf.where(known, ids, tokenizer.vocabulary_size))
    )
    rows, ids = row_numbers(kept), kept.flat_values
    is_byte, texts = tf.gather(tf.constant(is_byte), ids), tf.gather(texts, ids)
    goes_on = is_byte[1:] & is_byte[:-1] & (rows[1:] == rows[:-1])
    begins = tf.concat([tf.zeros_like(ids[:1]), tf.cast(~goes_on, tf.int32)], 0)
    run = tf.cumsum(begins)  # which bytes are side by side
    spelled = tf.strings.unsorted_segment_join(texts, run, tf.size(run))
    valid = tf.strings.unicode_transcode(spelled, "UTF-8", "UTF-8", errors="replace") == spelled
    texts = tf.where(tf.gather(valid, run), texts, "\ufffd")
    return tf.strings.unsorted_segment_join(texts, rows, kept.nrows())


def _texts(tokenizer):
    """The bytes of each id, None where it has none, and which are of a single byte: two lists."""
    texts, is_byte = [None] * tokenizer.vocabulary_size, [False] * tokenizer.vocabulary_size
    pieces = tokenizer.description["model"]["vocab"] | tokenizer.added_tokens
    for piece, number in pieces.items():
        if number not in tokenizer.special:
            byte = byte_of(piece)
            is_byte[number] = byte is not None
            text = piece.replace(SPACE, " ").encode()
            texts[number] = text if byte is None else bytes([byte])
    return texts, is_byte
