"""A SentencePiece tokenizer as TensorFlow ops. TensorFlow is imported on the first call only."""

from zoo.text.padding import pad_rows_in_graph


def sentencepiece_graph(model_proto, special_ids, max_length=None):
    """Build the `tf.Module` that `SentencePieceTokenizer.graph` describes.

    Only ops of TensorFlow and TensorFlow Text that a stock TF Serving links.

    Args:
        model_proto: bytes of a SentencePiece model.
        special_ids: `SpecialIds`.
        max_length: longest row of `encode`, end id included, or None.
    """
    import tensorflow as tf
    import tensorflow_text as tf_text

    module = tf.Module()
    # An attribute of the module, so that saving tracks the resource that holds the model.
    module.tokenizer = tf_text.SentencepieceTokenizer(model_proto, out_type=tf.int32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def encode(text):  # string [B] -> int32 (B, S)
        return _encode(module.tokenizer, text, special_ids, max_length)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, "ids")], autograph=False)
    def decode(ids):  # int32 (B, T) -> string [B]
        return module.tokenizer.detokenize(_text_ids(ids, special_ids))

    module.encode, module.decode = encode, decode
    return module


def _encode(tokenizer, text, special_ids, max_length):
    import tensorflow as tf

    valid = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    ids = tokenizer.tokenize(valid)  # ragged (B, S - 1)
    return pad_rows_in_graph(ids, special_ids, max_length)


def _text_ids(ids, special_ids):
    """Drop what `SentencePieceTokenizer.decode` drops: (B, T) -> ragged (B, None)."""
    import tensorflow as tf

    ended = tf.cumsum(tf.cast(ids == special_ids.end, tf.int32), axis=1) > 0  # (B, T)
    silent = (ids == special_ids.pad) | (ids == special_ids.start) | ended
    return tf.ragged.boolean_mask(ids, ~silent)
