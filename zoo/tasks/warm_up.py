"""Texts that warm a served task up."""

_TOKENS = 24  # of a typical text


def warm_up_texts(tokenizer):
    """Requests for a SavedModel: empty, typical, of mixed lengths, many; lists of str.

    A typical text is decoded from ids spread evenly over the vocabulary, without its ends, where
    special, unused and reserved ids are.
    """
    begin, steps = 3, _TOKENS + 6
    ids = [(begin + i) * tokenizer.vocabulary_size // steps for i in range(_TOKENS)]
    text = tokenizer.decode([ids])[0]
    return [[""], [text], [text[:10], text, ""], [text] * 8]
