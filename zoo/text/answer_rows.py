"""Prompts with answers as ids: what all three steps of ChatGPT learn from."""

import dataclasses

import numpy as np

from zoo.text.arrays import IdArrays
from zoo.text.padding import gather_rows
from zoo.text.prompts import align_right_in_graph


@dataclasses.dataclass(frozen=True, eq=False)
class AnswerRows:
    """N rows of ids: a prompt, its answer and the end id.

    Args:
        ids: `IdArrays`.
        answer_starts: int (N,), where the answer begins in its row, at least 1.
        pad_id: what fills rows up; a mask says what is real, so it may be any id. That of the end
            would do no harm.
    """

    ids: IdArrays
    answer_starts: np.ndarray
    pad_id: int

    @classmethod
    def encode(cls, tokenizer, prompts, answers, max_length, where=None, max_prompt=None):
        """Turn texts into ids, the prompts as a `TextGenerator` reads them.

        An answer that is too long loses its end, and then has no end id: the model shall not learn
        to stop in the middle.

        Args:
            tokenizer: a tokenizer with `encode_prompts`.
            prompts: list of N str.
            answers: list of N str, as they stand behind the prompt. A special token that they
                spell is that token: clean texts of people that you do not know.
            max_length: longest row.
            where: list of N str that say in errors where a text comes from, or None.
            max_prompt: longest prompt; a longer one loses its beginning. None: none is cut.

        Raises:
            ValueError: no row; a prompt without tokens, or so long that no token of the answer has
                room; an answer without tokens where the tokenizer has no end id either.
        """
        if not prompts or len(prompts) != len(answers):
            raise ValueError(
                f"prompts and answers must be as many, and at least one; got {len(prompts)} and "
                f"{len(answers)}"
            )
        end = [] if tokenizer.end_id is None else [tokenizer.end_id]
        rows, starts = [], []
        before, behind = prompt_ids(tokenizer, prompts, max_prompt), tokenizer.encode(answers)
        for number, (prompt, answer) in enumerate(zip(before, behind, strict=True)):
            name = f"prompts[{number}]" if where is None else where[number]
            _check_lengths(name, prompt, [*answer, *end], max_length)
            rows.append([*prompt, *answer, *end][:max_length])
            starts.append(len(prompt))
        arrays = IdArrays.from_rows(rows, tokenizer.vocabulary_size, tokenizer.fingerprint)
        return cls(arrays, np.asarray(starts, "int64"), tokenizer.pad_id or 0)

    def __len__(self):
        return len(self.ids)

    @property
    def lengths(self):
        """Ids of each row, int64 (N,)."""
        return self.ids.lengths

    def batch(self, numbers, width):
        """Some rows, padded on the right.

        Args:
            numbers: int (...), which rows; -1 for none, a row of padding but for its first column,
                as attention needs something to look at.
            width: T; longer rows lose their end.

        Returns:
            token_ids int32 (..., T), padding_mask bool (..., T), and answers bool (..., T): which
            are tokens of the answer.
        """
        numbers = np.asarray(numbers, "int64")
        flat = np.maximum(numbers.reshape(-1), 0)
        ids, lengths = gather_rows(self.ids.ids, self.ids.offsets, flat, width, self.pad_id)
        present = numbers.reshape(-1, 1) >= 0
        columns = np.arange(width)
        mask = (columns < lengths[:, None]) & present
        answers = mask & (columns >= self.answer_starts[flat][:, None])
        mask[:, 0] = True
        shape = (*numbers.shape, width)
        return ids.reshape(shape), mask.reshape(shape), answers.reshape(shape)


def prompt_ids(tokenizer, prompts, max_length=None):
    """Prompts as lists of ids, as a `TextGenerator` reads them; longer ones than `max_length` lose
    their beginning."""
    ids, mask = tokenizer.encode_prompts(prompts, max_length)
    return [row[real].tolist() for row, real in zip(ids, mask, strict=True)]


def answer_rows_in_graph(tokenizer, prompt, answer, end_id, max_length):
    """Prompts with their answers and the end id on TensorFlow, aligned right.

    Args:
        tokenizer: the `graph()` of a tokenizer.
        prompt, answer: string tensors (B,).
        end_id: id behind the answer, or None.
        max_length: longest row; a longer one loses its beginning.

    Returns:
        `Prompts` of tensors.
    """
    import tensorflow as tf

    ids, mask = tokenizer.encode_prompts(prompt)
    parts = [tf.ragged.boolean_mask(ids, mask), tokenizer.encode(answer)]
    if end_id is not None:
        parts.append(tf.RaggedTensor.from_tensor(tf.fill([tf.size(prompt), 1], end_id)))
    return align_right_in_graph(tf.concat(parts, axis=1), 0, max_length)


def _check_lengths(name, prompt, answer, max_length):
    if not prompt:
        raise ValueError(f"{name}: the prompt has no tokens")
    if not answer:
        raise ValueError(f"{name}: the answer has no tokens")
    if len(prompt) >= max_length:
        raise ValueError(
            f"{name}: the prompt has {len(prompt)} tokens, which leaves no room for an answer: at "
            f"most {max_length - 1} are allowed by the length of {max_length}"
        )
