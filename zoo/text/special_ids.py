"""The ids that carry no text, in one place."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SpecialIds:
    """Ids of padding, unknown text, start and end of a sequence.

    `pad`, `unk` and `end` differ from each other. `start` may be `pad` (as in Marian and T5) or
    `end` (as in BART): it is never produced, it only begins the decoder's input.

    Args:
        pad: id that fills rows up to the width of a batch.
        unk: id of text that the vocabulary cannot spell.
        start: first id of the decoder's input.
        end: last id of every source and of every label row.

    Raises:
        ValueError: an id is negative or not an integer, or two ids that must differ are equal.
    """

    pad: int = 0
    unk: int = 1
    start: int = 2
    end: int = 3

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} must be an integer >= 0, got {value!r}")
        if len({self.pad, self.unk, self.end}) < 3:
            raise ValueError(f"pad, unk and end must be three different ids, got {self}")
        if self.start == self.unk:
            raise ValueError(f"start must not be the id of unknown text, got {self}")

    def check(self, vocabulary_size):
        """Raise ValueError unless every id is below `vocabulary_size`."""
        for name, value in dataclasses.asdict(self).items():
            if value >= vocabulary_size:
                raise ValueError(
                    f"{name}={value} is outside the vocabulary of {vocabulary_size} ids "
                    f"(0 to {vocabulary_size - 1})"
                )
