"""Rows of ids for BERT in memory, and how some of them become a batch."""

import dataclasses

import numpy as np

from zoo.text.arrays import IdArrays
from zoo.text.padding import gather_rows


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedRows:
    """N rows of ids: [CLS] a [SEP], or [CLS] a [SEP] b [SEP].

    Args:
        ids: `IdArrays`, special tokens included.
        second_starts: int (N,), first column of b; of single texts the length of the row.
        pad_id: id of padding.

    Raises:
        ValueError: the arrays do not fit together, or a row is empty.
    """

    ids: IdArrays
    second_starts: np.ndarray
    pad_id: int

    def __post_init__(self):
        lengths, starts = self.ids.lengths, self.second_starts
        if starts.shape != lengths.shape:
            raise ValueError(
                f"second_starts must be one column a row, {lengths.shape}; got {starts.shape}"
            )
        if lengths.min() < 1:
            raise ValueError(f"row {lengths.argmin()} has no ids: [CLS] and [SEP] belong to it")
        outside = np.flatnonzero((starts < 0) | (starts > lengths))
        if len(outside):
            row = outside[0]
            raise ValueError(
                f"second_starts[{row}] must be at most {lengths[row]}, the length of the row; "
                f"got {starts[row]}"
            )

    @classmethod
    def from_packed(cls, packed, tokenizer):
        """Keep what a tokenizer has packed.

        Args:
            packed: list of `PackedTexts`, such as `[tokenizer.encode_batch(texts)]`; several, where
                the texts come in portions.
            tokenizer: the `WordPieceTokenizer` that packed them.

        Raises:
            ValueError: there is no row.
        """
        packed = list(packed)
        real = [np.asarray(part.padding_mask) for part in packed]
        lengths = [mask.sum(axis=1) for mask in real]
        if not sum(map(len, lengths)):
            raise ValueError("packed holds no rows")
        flat = [part.token_ids[mask] for part, mask in zip(packed, real, strict=True)]
        second = [part.segment_ids.sum(axis=1) for part in packed]  # what is b's stands last
        lengths, second = np.concatenate(lengths), np.concatenate(second)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype("int64")
        ids = IdArrays(
            np.concatenate(flat), offsets, tokenizer.vocabulary_size, tokenizer.fingerprint
        )
        return cls(ids, lengths - second, tokenizer.special_ids.pad)

    def __len__(self):
        return len(self.ids)

    @property
    def lengths(self):
        """Ids of each row, int64 (N,)."""
        return self.ids.lengths

    def batch(self, members, width):
        """Some rows as a model takes them.

        Args:
            members: int (B,), numbers of the rows.
            width: T; longer rows lose their tail.

        Returns:
            {"token_ids": int32 (B, T), "segment_ids": int32 (B, T), "padding_mask": bool (B, T)}.
        """
        arrays = self.ids
        token_ids, lengths = gather_rows(arrays.ids, arrays.offsets, members, width, self.pad_id)
        columns = np.arange(width)
        real = columns < lengths[:, None]
        second = (columns >= self.second_starts[members][:, None]) & real
        return {
            "token_ids": token_ids,
            "segment_ids": second.astype("int32"),
            "padding_mask": real,
        }
