"""A Marian tokenizer as TensorFlow ops. TensorFlow is imported on the first call only."""

import re

from zoo.text.moses_punctuation import strip_in_graph
from zoo.text.padding import pad_rows_in_graph

_LANGUAGE_CODE = r"\A(?s:>>.*?<<)"
_BREAK = b"\xff"  # no byte of UTF-8


def marian_graph(tokenizer, max_length=None):
    """Build the `tf.Module` that `MarianTokenizer.graph` describes.

    Only ops of TensorFlow and TensorFlow Text that a stock TF Serving links.

    Args:
        tokenizer: a `MarianTokenizer`.
        max_length: longest row of `encode`, end id included, or None.
    """
    import tensorflow as tf
    import tensorflow_text as tf_text

    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length must be at least 1 (the end id), got {max_length}")
    module = tf.Module()
    # Attributes of the module, so that saving tracks the resources that hold models and map.
    module.cutter = tf_text.SentencepieceTokenizer(tokenizer.encoding_model, out_type=tf.string)
    module.joiner = tf_text.SentencepieceTokenizer(tokenizer.decoding_model, out_type=tf.string)
    pieces, ids = zip(*tokenizer.piece_ids.items(), strict=True)
    module.piece_ids = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(pieces, ids, tf.string, tf.int32),
        default_value=tokenizer.special_ids.unk,
    )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def encode(text):  # string [B] -> int32 (B, S)
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.in_graph(text)
        ids = _ids(module, text, tokenizer.added_pattern)  # ragged (B, None)
        return pad_rows_in_graph(ids, tokenizer.special_ids, max_length)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, "ids")], autograph=False)
    def decode(ids):  # int32 (B, T) -> string [B]
        pieces = _pieces(ids, tokenizer.id_pieces)
        return _cleaned(module.joiner.detokenize(pieces), tokenizer.clean_up)

    module.encode, module.decode = encode, decode
    return module


def _ids(module, text, added_pattern):
    """string [B] -> ragged int32 (B, None)."""
    import tensorflow as tf

    # Not tf_text.regex_split: it ends a text at its first NUL.
    marked = tf.strings.regex_replace(text, f"({added_pattern})", _BREAK + rb"\1" + _BREAK)
    segments = tf.strings.split(marked, _BREAK)  # ragged (B, M); empty ones give no pieces
    flat = segments.flat_values  # (all M)
    is_added = tf.strings.regex_full_match(flat, added_pattern)
    rest = tf.strings.regex_replace(flat, _LANGUAGE_CODE, "", replace_global=False)
    rest = tf.where(is_added, "", rest)
    # What stands for itself at the start of a segment: an added token, a language code, or nothing.
    length = tf.strings.length(flat) - tf.strings.length(rest)
    head = tf.strings.substr(flat, tf.zeros_like(length), length)
    has_head = tf.strings.length(head) > 0
    heads = tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(head, has_head), tf.cast(has_head, tf.int64)
    )
    pieces = tf.concat([heads, module.cutter.tokenize(rest)], axis=1)  # ragged (all M, None)
    ids = pieces.with_flat_values(module.piece_ids.lookup(pieces.flat_values))
    return segments.with_flat_values(ids).merge_dims(1, 2)


def _pieces(ids, id_pieces):
    """int32 (B, T) -> ragged string (B, None), ids without text left out."""
    import tensorflow as tf

    has_text = tf.constant([piece is not None for piece in id_pieces])
    pieces = tf.gather(tf.constant([piece or "" for piece in id_pieces]), ids)
    return tf.ragged.boolean_mask(pieces, tf.gather(has_text, ids))


def _cleaned(text, clean_up):
    import tensorflow as tf

    # Pieces that the model does not know keep their mark of a space.
    text = strip_in_graph(tf.strings.regex_replace(text, "\u2581", " "))
    for old, new in clean_up:
        text = tf.strings.regex_replace(text, re.escape(old), new)
    return text
