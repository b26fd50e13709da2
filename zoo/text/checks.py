"""Checks of texts and ids that all tokenizers share."""


def check_text(text, row, name="texts"):
    """Raise ValueError unless `text`, entry `row` of `name`, is a str of valid Unicode."""
    if not isinstance(text, str):
        raise ValueError(f"{name}[{row}] must be a str, got {type(text).__name__}")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{name}[{row}] holds a lone surrogate at position {error.start}: not valid Unicode"
            ) from error


def checked_texts(texts, name="texts"):
    """`texts` as a list.

    Raises:
        ValueError: they are one str, or an entry is not a str of valid Unicode.
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"{name} must be a list of str, got one {type(texts).__name__}")
    texts = list(texts)
    for row, text in enumerate(texts):
        check_text(text, row, name)
    return texts


def checked_rows(ids, vocabulary_size):
    """Rows of ids, int (B, T) or a list of B lists of int, as lists of int.

    Raises:
        ValueError: an id is outside the vocabulary.
    """
    rows = [list(map(int, row)) for row in ids]
    for number, row in enumerate(rows):
        for token in row:
            if not 0 <= token < vocabulary_size:
                raise ValueError(
                    f"row {number} holds the id {token}, outside the vocabulary of "
                    f"{vocabulary_size} ids"
                )
    return rows
