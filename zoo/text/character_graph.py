"""A character tokenizer as TensorFlow ops. TensorFlow is imported on the first call only."""

from zoo.text.prompt_module import with_prompt_functions
from zoo.text.prompts import align_right_in_graph
from zoo.text.ragged_rows import where_true


def character_graph(characters, start_id, max_length=None):
    """Build the `tf.Module` that `CharacterTokenizer.graph` describes.

    Args:
        characters: str, the characters in the order of their ids.
        start_id: id of a prompt without characters, or None.
        max_length: longest row of `encode_prompts`, or None.
    """
    import tensorflow as tf

    by_code = sorted((ord(character), number) for number, character in enumerate(characters))
    codes, ids_by_code = zip(*by_code, strict=True)
    module = tf.Module()

    def encode(text):
        found = tf.strings.unicode_decode(text, "UTF-8", errors="replace")  # ragged (B, None)
        place = tf.searchsorted(tf.constant(codes), found.flat_values)
        place = tf.minimum(place, len(codes) - 1)
        ids = found.with_flat_values(tf.gather(ids_by_code, place))
        return where_true(ids, tf.gather(codes, place) == found.flat_values)

    def decode(ids):
        known = (ids >= 0) & (ids < len(characters))
        texts = tf.constant([*characters, ""])
        return tf.strings.reduce_join(tf.gather(texts, tf.where(known, ids, len(characters))), 1)

    def align(rows):
        return align_right_in_graph(rows, 0, max_length, start_id)

    return with_prompt_functions(module, encode, decode, align)
