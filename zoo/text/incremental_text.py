"""Text that grows with the ids of a generation, never by half a character."""

REPLACEMENT = "\ufffd"  # what incomplete UTF-8 decodes to


class IncrementalText:
    """Turns ids that arrive one after the other into pieces of text to show.

    A character may be spelled by several ids, such as the bytes of an emoji; what is not complete
    is held back until it is, or until `finish`. The pieces joined are what the ids add to the text
    of those before them, whatever the tokenizer does between ids: all ids are decoded each time,
    which takes a fraction of a millisecond for a thousand of them.

    Args:
        tokenizer: `ByteBPETokenizer`, `LlamaTokenizer`, `CharacterTokenizer` or
            `SentencePieceTokenizer`; longer rows of ids must have texts that begin as those of the
            `settled` ids of shorter rows do, but for U+FFFD at the end.
        before: list of int, ids that the others go on behind; see `decode_behind`.

    Attributes:
        text: str, what was given so far.
    """

    def __init__(self, tokenizer, before=()):
        self._tokenizer = tokenizer
        self._ids = list(before)
        self._begin = len(tokenizer.decode([self._ids])[0])
        self.text = ""

    def add(self, ids):
        """Take new ids; returns the new text, "" while no character is complete.

        Args:
            ids: list of int, the next ids of the row.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        self._ids.extend(map(int, ids))
        settled = self._ids[: self._tokenizer.settled(self._ids)]
        # Incomplete bytes show as U+FFFD at the end. One that was meant waits as well.
        return self._grown(self._decoded(settled).rstrip(REPLACEMENT))

    def finish(self):
        """The text held back: a character that stayed incomplete gives U+FFFD."""
        return self._grown(self._decoded(self._ids))

    def _decoded(self, ids):
        return self._tokenizer.decode([ids])[0]

    def _grown(self, text):
        new = text[self._begin + len(self.text) :]
        self.text += new
        return new
