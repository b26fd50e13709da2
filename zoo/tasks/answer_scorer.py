"""What answers are worth: a reward model with its tokenizer."""

import numpy as np
from keras import ops

from zoo.compiled import compiled, shapes_are_dynamic
from zoo.layers import record_attention_calls
from zoo.models import GPTReward
from zoo.tasks.attention import Attention
from zoo.tasks.task import Task
from zoo.tasks.text_task import check_texts
from zoo.text import AnswerRows

# Where shapes are compiled, rows are rounded up to so many tokens.
_BUCKET = 32


class AnswerScorer(Task):
    """A `GPTReward` with its tokenizer: `scorer(prompts, answers)` -> one number each.

    The reward model of "Training language models to follow instructions with human feedback"
    (Ouyang et al. 2022), 3.5. Prompts and answers are spelled as in training: see
    `zoo.text.ChatTemplate`. An answer that is too long is read as far as the model's positions go.

    Args:
        model: a `zoo.models.GPTReward`.
        tokenizer: a `zoo.text.ByteBPETokenizer`, `LlamaTokenizer` or `CharacterTokenizer`.

    Raises:
        TypeError: the model is no GPTReward.
        ValueError: the tokenizer has more ids than the model.
    """

    def __init__(self, model, tokenizer):
        if not isinstance(model, GPTReward):
            raise TypeError(f"model must be a zoo.models.GPTReward; got a {type(model).__name__}")
        if tokenizer.vocabulary_size > model.config.vocab_size:
            raise ValueError(
                f"tokenizer has {tokenizer.vocabulary_size} ids, the model "
                f"{model.config.vocab_size}: it must be the one that the model was trained with"
            )
        self.model, self.tokenizer = model, tokenizer
        self._run = compiled(model, self._rewards)

    def __call__(self, prompts, answers, batch_size=32):
        """The reward of each answer.

        Args:
            prompts, answers: lists of N str.
            batch_size: answers at a time; those of like length go together.

        Returns:
            float32 array (N,).

        Raises:
            ValueError: prompts and answers are not as many, or one has no tokens, or a prompt
                fills the model's positions.
        """
        prompts, answers = check_texts("prompts", prompts), check_texts("answers", answers)
        if len(prompts) != len(answers):
            raise ValueError(
                f"answers must be as many as the {len(prompts)} prompts; got {len(answers)}"
            )
        if not prompts:
            return np.zeros(0, "float32")
        longest = self.model.config.num_positions
        return self.of_rows(
            AnswerRows.encode(self.tokenizer, prompts, answers, longest), batch_size
        )

    def of_rows(self, rows, batch_size=32):
        """The rewards of `zoo.text.AnswerRows`: float32 array (N,)."""
        found = np.zeros(len(rows), "float32")
        order = np.argsort(rows.lengths, kind="stable")
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            width, numbers = int(rows.lengths[members].max()), members
            if not shapes_are_dynamic():
                width = min(-(-width // _BUCKET) * _BUCKET, self.model.config.num_positions)
                numbers = np.resize(members, batch_size)
            ids, mask, _ = rows.batch(numbers, width)
            found[members] = ops.convert_to_numpy(self._run(ids, mask))[: len(members)]
        return found

    def attention(self, prompt, answer):
        """What the model attends to in a prompt with its answer.

        Args:
            prompt, answer: str.

        Returns:
            {"decoder": `zoo.tasks.Attention`}.
        """
        longest = self.model.config.num_positions
        rows = AnswerRows.encode(self.tokenizer, [prompt], [answer], longest)
        ids, mask, _ = rows.batch([0], int(rows.lengths[0]))
        with record_attention_calls() as calls:
            self._rewards(ids, mask)
        tokens = self.tokenizer.spell(ids[0])
        return {"decoder": Attention.of_calls("decoder", calls, tokens, tokens)}

    def settings(self):
        return {}

    def tokenizers(self):
        return {"tokenizer": self.tokenizer}

    def export(self, folder):
        """Write a SavedModel that TF Serving runs.

        Signature: `serving_default(prompt: string [B], answer: string [B]) -> {score: float32
        [B]}`. Invalid UTF-8 is read as U+FFFD; of a text that is longer than the model's positions
        the beginning of the prompt is lost.

        Args:
            folder: NAME/VERSION, VERSION a whole number; must not exist.

        Raises:
            FileExistsError: `folder` exists.
            RuntimeError: another backend is in use, and the TensorFlow process that exports in its
                place failed.
        """
        from zoo.serving import export

        export(self, folder)

    def signatures(self):
        from zoo.serving import Signature
        from zoo.text.answer_rows import answer_rows_in_graph

        tokenizer = self.tokenizer.graph()
        end_id, longest = self.tokenizer.end_id, self.model.config.num_positions

        def serving_default(prompt, answer):
            rows = answer_rows_in_graph(tokenizer, prompt, answer, end_id, longest)
            return {"score": self._rewards(*rows)}

        text = self.tokenizer.decode([[i % self.tokenizer.vocabulary_size for i in range(24)]])[0]
        requests = [([text], [text]), ([text, text[:5]], [text, ""]), ([text] * 8, [text] * 8)]
        return {
            "serving_default": Signature(
                serving_default,
                inputs={"prompt": ([None], "string"), "answer": ([None], "string")},
                examples=[{"prompt": prompts, "answer": answers} for prompts, answers in requests],
                resources=[tokenizer],
            )
        }

    def _rewards(self, ids, mask):
        return self.model({"token_ids": ids, "padding_mask": mask}, training=False)
