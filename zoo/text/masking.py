"""Which tokens a masked language model has to predict, and what it sees instead of them."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from zoo.text.draws import below, uniform


class MaskedTokens(NamedTuple):
    """What became of rows (B, T), and the M places of each row to predict.

    Args:
        token_ids: int32 (B, T), some tokens replaced.
        positions: int32 (B, M), columns to predict, rising; 0 in places that are not used.
        labels: int32 (B, M), the tokens that stood there; 0 in places that are not used.
        used: bool (B, M).
    """

    token_ids: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    used: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TokenMasking:
    """The masked language model's task (Devlin et al. 2018, 3.1 and A.1).

    Of the n tokens of a row that are not special, round(rate * n) are to be predicted, at least
    one. A token to predict is replaced by [MASK] in 80 % of all cases, by any token that is not
    special in 10 %, and stays as it is in 10 %.

    With whole words, the pieces of a word are predicted together, as in the later releases of the
    original code: words are taken in random order, and those that would be too many tokens are
    skipped. Then a row may have fewer tokens to predict, and none if its words are long. What is
    seen in place of each piece is still drawn for itself.

    Args:
        mask_id: id of [MASK].
        special: bool (V,), ids that are never predicted and never put in the place of others:
            padding, unknown text, [CLS], [SEP], [MASK].
        continues: bool (V,), ids that belong to the word of the token before them, for whole words;
            all False: each token is a word.
        rate: share of the tokens to predict, above 0 and below 1.

    Raises:
        ValueError: an argument is out of range, or every id is special.
    """

    mask_id: int
    special: np.ndarray
    continues: np.ndarray
    rate: float = 0.15

    def __post_init__(self):
        if not 0.0 < self.rate < 1.0:
            raise ValueError(f"rate must be above 0 and below 1, got {self.rate!r}")
        if len(self.special) != len(self.continues):
            raise ValueError(
                f"special and continues must have an entry for each id, got {len(self.special)} "
                f"and {len(self.continues)}"
            )
        if not 0 <= self.mask_id < len(self.special):
            raise ValueError(f"mask_id must be below {len(self.special)}, got {self.mask_id}")
        if np.all(self.special):
            raise ValueError("special must leave ids to predict")
        object.__setattr__(self, "_words", np.flatnonzero(~self.special).astype("int32"))

    @classmethod
    def of(cls, tokenizer, whole_words=False, rate=0.15):
        """The masking for the ids of a tokenizer.

        Args:
            tokenizer: a `WordPieceTokenizer`.
            whole_words: predict the pieces of a word together; "##" begins those inside a word.
            rate: as for the class.
        """
        size = tokenizer.vocabulary_size
        special, continues = np.zeros(size, bool), np.zeros(size, bool)
        special[list(tokenizer.added_tokens.values())] = True
        if whole_words:
            pieces = enumerate(tokenizer.vocabulary)
            continues[[number for number, piece in pieces if piece.startswith("##")]] = True
        return cls(tokenizer.mask_id, special, continues & ~special, rate)

    def places(self, length):
        """M, the most tokens to predict in a row of `length` tokens."""
        return math.ceil(self.rate * length)

    def __call__(self, token_ids, key):
        """Mask rows.

        Args:
            token_ids: int (B, T) of ids below V.
            key: integers >= 0, such as (seed, epoch, step): the same key masks the same tokens.

        Returns:
            `MaskedTokens`.
        """
        rows, length = token_ids.shape
        choice, fate, other = uniform((3, rows, length), key)
        chosen = self._choose(token_ids, choice)
        seen = np.where(fate < 0.8, self.mask_id, token_ids)
        seen = np.where(fate >= 0.9, self._words[below(other, len(self._words))], seen)
        # A stable sort brings the chosen columns to the front, in their order.
        columns = np.argsort(~chosen, axis=1, kind="stable")[:, : self.places(length)]
        used = np.take_along_axis(chosen, columns, axis=1)
        labels = np.take_along_axis(token_ids, columns, axis=1)
        return MaskedTokens(
            np.where(chosen, seen, token_ids).astype("int32"),
            np.where(used, columns, 0).astype("int32"),
            np.where(used, labels, 0).astype("int32"),
            used,
        )

    def _choose(self, token_ids, order):
        """Tokens to predict: ids (B, T), numbers (B, T) whose order is that of words -> (B, T)."""
        plain = ~self.special[token_ids]
        inside = plain & self.continues[token_ids]
        inside[:, 1:] &= plain[:, :-1]
        inside[:, 0] = False
        first = plain & ~inside
        rows, length = token_ids.shape
        # The column of the first token of each token's word.
        start = np.maximum.accumulate(np.where(first, np.arange(length), 0), axis=1)
        flat = (np.arange(rows)[:, None] * length + start)[plain]
        sizes = np.bincount(flat, minlength=rows * length).reshape(rows, length)
        columns = np.argsort(np.where(first, order, 2.0), axis=1, kind="stable")  # words come first
        sizes = np.take_along_axis(sizes, columns, axis=1)
        taken = _take(sizes, first.sum(axis=1), self._wanted(plain.sum(axis=1)))
        chosen = np.zeros(token_ids.shape, bool)
        np.put_along_axis(chosen, columns, taken, axis=1)
        return plain & np.take_along_axis(chosen, start, axis=1)

    def _wanted(self, counts):
        """How many of so many tokens of each row are to be predicted: int (B,)."""
        wanted = np.floor(self.rate * counts + 0.5).astype("int64")
        return np.where(counts > 0, np.maximum(wanted, 1), 0)


def _take(sizes, words, wanted):
    """Take words one after the other as long as they fit.

    Args:
        sizes: int (B, W), tokens of the words in the order in which they are tried.
        words: int (B,), how many of them there are.
        wanted: int (B,), most tokens.

    Returns:
        bool (B, W).
    """
    taken = np.zeros(sizes.shape, bool)
    left = wanted.copy()
    for number in range(int(words.max(initial=0))):
        fits = (number < words) & (sizes[:, number] <= left)
        taken[:, number] = fits
        left -= np.where(fits, sizes[:, number], 0)
        if not left.any():
            break
    return taken
