"""Texts that warm a served task up."""


def warm_up_texts(tokenizer):
    """Requests for a SavedModel: empty, typical, of mixed lengths, many; lists of str."""
    text = tokenizer.decode([[i % tokenizer.vocabulary_size for i in range(24)]])[0]
    return [[""], [text], [text[:10], text, ""], [text] * 8]
