"""The tokens of a WordPiece vocabulary that are no text."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class WordPieceTokens:
    """BERT's special tokens. In a text they stand for themselves; decoding leaves them out.

    Args:
        pad, unk, cls, sep, mask: the tokens in their five roles.
        more: further special tokens; those that the vocabulary lacks get ids after it.

    Raises:
        ValueError: a token is no str, empty, or given twice.
    """

    pad: str = "[PAD]"
    unk: str = "[UNK]"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"
    more: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "more", tuple(self.more))
        for token in self.all:
            if not isinstance(token, str) or not token:
                raise ValueError(f"special tokens must be str that are not empty, got {token!r}")
        if len(set(self.all)) < len(self.all):
            raise ValueError(f"special tokens must differ from each other, got {self.all}")

    @property
    def roles(self):
        """dict role -> token of the five that every vocabulary must hold."""
        return {name: getattr(self, name) for name in ("pad", "unk", "cls", "sep", "mask")}

    @property
    def all(self):
        """Tuple of all special tokens."""
        return (*self.roles.values(), *self.more)
