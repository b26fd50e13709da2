"""WordPiece ids back to text."""

import dataclasses
import re

# What the decoder of the Hugging Face tokenizers takes out of each piece, in order.
_OF_PIECE = [(f" {mark}", mark) for mark in (".", "?", "!", ",")] + [(" ' ", "'")]
_OF_PIECE += [(" n't", "n't"), (" 'm", "'m"), (" do not", " don't")]
_OF_PIECE += [(" 's", "'s"), (" 've", "'ve"), (" 're", "'re")]
# What clean_up_tokenization_spaces of the transformers library takes out of a text, in order.
_OF_TEXT = [(f" {mark}", mark) for mark in (".", "?", "!", ",")] + [(" ' ", "'")]
_OF_TEXT += [(f" {tail}", tail) for tail in ("n't", "'m", "'s", "'ve", "'re")]


@dataclasses.dataclass(frozen=True)
class PieceTexts:
    """The text that each id of a vocabulary of V ids stands for.

    Args:
        first: list of V str, the text of the id as the first one of its row.
        later: list of V str, its text after another id; begins with a space unless it continues a
            word.
        is_special: list of V bool, ids that decoding leaves out.
        clean_up: also take spaces out of whole texts (`clean_up_tokenization_spaces`).
    """

    first: list
    later: list
    is_special: list
    clean_up: bool

    @classmethod
    def of(cls, pieces, special, clean_up):
        """Make it from a list of V pieces and the set of special pieces."""
        later = [piece[2:] if piece.startswith("##") else f" {piece}" for piece in pieces]
        return cls(
            first=[_replaced(piece, _OF_PIECE) for piece in pieces],
            later=[_replaced(text, _OF_PIECE) for text in later],
            is_special=[piece in special for piece in pieces],
            clean_up=clean_up,
        )

    def join(self, ids, skip_special_tokens=True):
        """One row of ids, a list of int below V, to its text."""
        if skip_special_tokens:
            ids = [number for number in ids if not self.is_special[number]]
        head = "".join(self.first[number] for number in ids[:1])
        text = head + "".join(self.later[number] for number in ids[1:])
        return _replaced(text, _OF_TEXT) if self.clean_up else text

    def join_in_graph(self, ids):
        """The same for B rows, special ids left out: int32 (B, T) -> string (B,)."""
        import tensorflow as tf

        has_text = ~tf.gather(tf.constant(self.is_special), ids)
        ids = tf.ragged.boolean_mask(ids, has_text)  # ragged (B, None)
        head = tf.gather(tf.constant(self.first), ids[:, :1])
        tail = tf.gather(tf.constant(self.later), ids[:, 1:])
        text = tf.strings.reduce_join(tf.concat([head, tail], axis=1), axis=1)
        for old, new in _OF_TEXT if self.clean_up else ():
            text = tf.strings.regex_replace(text, re.escape(old), new)
        return text


def _replaced(text, replacements):
    for old, new in replacements:
        text = text.replace(old, new)
    return text
