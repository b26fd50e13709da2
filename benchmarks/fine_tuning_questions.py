"""Answers that stand in a context, as the transformers library's own example finds them.

A context that is too long becomes windows that overlap; a window without the answer points at the
first token; of the best starts and ends of all windows of a question, the pair with the largest sum
is the answer.
"""

import itertools

import numpy as np
import transformers

STRIDE, MAX_ANSWER, BEST = 128, 30, 20  # tokens, tokens, starts and ends of a window


class Questioned:
    """Questions whose answers are spans of a context; a row is a window.

    Args:
        train, dev: `Questions`.
    """

    model_class = transformers.AutoModelForQuestionAnswering
    label_fields = ("start_positions", "end_positions")
    head = "qa_outputs"
    num_labels = 2

    def __init__(self, train, dev, task):
        pass

    def encode(self, tokenizer, examples, max_length):
        windows = tokenizer(
            examples.questions,
            examples.contexts,
            truncation="only_second",
            max_length=max_length,
            stride=STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        rows = []
        for i, question in enumerate(windows["overflow_to_sample_mapping"]):
            in_context = [side == 1 for side in windows.sequence_ids(i)]
            offsets = [
                place if inside else None
                for place, inside in zip(windows["offset_mapping"][i], in_context, strict=True)
            ]
            start, end = _columns(offsets, examples.answers[question])
            row = {name: windows[name][i] for name in tokenizer.model_input_names}
            labels = {"start_positions": start, "end_positions": end}
            context = examples.contexts[question]
            rows.append({**row, **labels, "n": question, "offsets": offsets, "context": context})
        return rows

    def logits(self, output):
        """(B, T, 2): of starts and ends."""
        return np.stack([output.start_logits.float(), output.end_logits.float()], -1)

    def read(self, logits, row):
        """(score, text) of the best span of a window."""
        allowed = [column for column, place in enumerate(row["offsets"]) if place]
        starts, ends = (
            sorted(allowed, key=lambda column: -logits[column, side])[:BEST] for side in (0, 1)
        )
        spans = [
            (float(logits[start, 0] + logits[end, 1]), start, end)
            for start, end in itertools.product(starts, ends)
            if start <= end < start + MAX_ANSWER
        ]
        if not spans:
            return -np.inf, ""
        score, start, end = max(spans)
        return score, row["context"][row["offsets"][start][0] : row["offsets"][end][1]]

    def gather(self, rows, answers):
        """The best text of each question over its windows."""
        best = {}
        for row, answer in zip(rows, answers, strict=True):
            best[row["n"]] = max(answer, best.get(row["n"], answer))
        return [best[question][1] for question in sorted(best)]

    def gold(self, examples):
        return [[text for text, _ in found] for found in examples.answers]


def _columns(offsets, answers):
    """Columns of the first answer's first and last token; (0, 0) if the window lacks a part."""
    if not answers:
        return 0, 0
    text, begin = answers[0]
    end = begin + len(text)
    inside = [n for n, place in enumerate(offsets) if place]
    if not inside or offsets[inside[0]][0] > begin or offsets[inside[-1]][1] < end:
        return 0, 0
    covered = [n for n in inside if offsets[n][1] > begin and offsets[n][0] < end]
    return (covered[0], covered[-1]) if covered else (0, 0)
