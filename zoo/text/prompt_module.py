"""What a decoder's tokenizer is in a graph: three functions of one `tf.Module`."""


def with_prompt_functions(module, encode, decode, align):
    """Give a module `encode`, `encode_prompts` and `decode`, as the tokenizers' `graph()` says.

    Args:
        module: a `tf.Module` that holds what the functions need.
        encode: string (B,) -> ragged int32 (B, None).
        decode: int32 (B, T) -> string (B,).
        align: ragged int32 (B, None) -> `Prompts`, see `align_right_in_graph`.

    Returns:
        The module.
    """
    import tensorflow as tf

    def encode_prompts(text):
        return align(module.encode(text))

    text = tf.TensorSpec([None], tf.string, "text")
    ids = tf.TensorSpec([None, None], tf.int32, "ids")
    module.encode = tf.function(encode, input_signature=[text], autograph=False)
    module.encode_prompts = tf.function(encode_prompts, input_signature=[text], autograph=False)
    module.decode = tf.function(decode, input_signature=[ids], autograph=False)
    return module
