"""Continuing texts: a prompt in, what a GPT makes of it out."""

import copy
import dataclasses

import numpy as np
from keras import ops

from zoo import checkpoints, decoding
from zoo.folders import new_folder
from zoo.layers import record_attention_calls
from zoo.models import GPT
from zoo.tasks.attention import Attention
from zoo.tasks.continuation import Continuation
from zoo.tasks.generation import ResultReader, with_log_probs
from zoo.tasks.generation_export import GenerationExport
from zoo.tasks.generation_options import GenerationOptions
from zoo.tasks.text_scores import TextScores
from zoo.tasks.text_task import check_texts
from zoo.text import ByteBPETokenizer, LlamaTokenizer, pretrained_tokenizer
from zoo.text.prompts import align_right


class TextGenerator(GenerationExport):
    """A `GPT` with its tokenizer: `generator(["Once upon a time"])` -> [" there was ..."].

    A prompt and its continuation have at most `model.config.num_positions` tokens together: a
    longer prompt loses its beginning. An empty prompt is the tokenizer's start id alone, and an
    error where it has none.

    Args:
        model: a `zoo.models.GPT`.
        tokenizer: a `zoo.text.ByteBPETokenizer`, `LlamaTokenizer` or `CharacterTokenizer`.
        options: `GenerationOptions`, or a dict of its fields, of a call that does not say
            otherwise.

    Raises:
        TypeError: the model is no GPT.
        ValueError: the tokenizer has more ids than the model.
    """

    def __init__(self, model, tokenizer, options=None):
        if not isinstance(model, GPT):
            raise TypeError(f"model must be a zoo.models.GPT; got a {type(model).__name__}")
        vocab_size = model.config.vocab_size
        if tokenizer.vocabulary_size > vocab_size:
            raise ValueError(
                f"tokenizer has {tokenizer.vocabulary_size} ids, the model {vocab_size}: "
                "it must be the one that the model was trained with"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.options = GenerationOptions(**options) if isinstance(options, dict) else options
        self.options = self.options or GenerationOptions()
        # Without an end id, one that cannot come; without a pad id, any: results have lengths.
        end_id = vocab_size if tokenizer.end_id is None else tokenizer.end_id
        self.continuation = Continuation(model, end_id, tokenizer.pad_id or 0)
        self._scores = TextScores(model, tokenizer)

    def __call__(self, prompts, batch_size=8, **options):
        """The best continuation of each prompt, or the first one drawn.

        Args:
            prompts: list of str.
            batch_size: prompts at a time; those of like length go together.
            **options: fields of `GenerationOptions` that differ from the task's.

        Returns:
            list of str, without the prompts.

        Raises:
            ValueError: an empty prompt where the tokenizer has no start id, an impossible option,
                or no room for `max_new_tokens` and a token of the prompt.
        """
        return [found[0].text for found in self.generate(prompts, batch_size, **options)]

    def generate(self, prompts, batch_size=8, log_probs=False, **options):
        """All continuations of each prompt: beams best first, samples in their order.

        Args:
            prompts, batch_size, **options: as for a call.
            log_probs: whether each token's log-probability is given, the model's own before any
                option; it costs one more pass over the text.

        Returns:
            list with a list of `Generation`s for each prompt.
        """
        prompts = check_texts("prompts", prompts)
        options = dataclasses.replace(self.options, **options)
        seeds = ops.convert_to_numpy(decoding.row_seeds(int(options.seed), len(prompts)))
        found = [None] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            batch = self._encode([prompts[i] for i in members], members, options)
            result = self._result(batch, seeds[members], options, batch_size)
            reader = self._reader(batch, options)
            rows = [reader.generations(result, row) for row in range(len(members))]
            if log_probs:
                rows = with_log_probs(rows, real_ids(batch), self._scores, batch_size)
            for i, generations in zip(members, rows, strict=True):
                found[i] = generations
        return found

    def stream(self, prompt, **options):
        """Continue one prompt and give its text as it comes, never half a character.

        The pieces joined are the text of a call. Beam search, which decides at its end, comes in
        one piece.

        Args:
            prompt: str.
            **options: as for a call; one sequence.

        Yields:
            str, not empty.
        """
        options = dataclasses.replace(self.options, **options)
        if options.num_samples > 1:
            raise ValueError(f"num_samples must be 1 to stream; got {options.num_samples}")
        if options.beam_size > 1:
            text = self.generate([prompt], **dataclasses.asdict(options))[0][0].text
            yield from [text] if text else []
            return
        batch = self._encode([prompt], [0], options)
        seeds = ops.convert_to_numpy(decoding.row_seeds(int(options.seed), 1))
        yield from self._reader(batch, options).pieces(self._steps(batch, seeds, options))

    def score(self, texts, prompts=None, batch_size=8):
        """How probable texts are, by one pass and no search.

        Args:
            texts: list of str.
            prompts: list of str that the texts follow; None: they follow the start id, and where
                the tokenizer has none, their first token is not counted.
            batch_size: texts at a time.

        Returns:
            list of `Score`.

        Raises:
            ValueError: a text with its prompt is longer than the model's positions.
        """
        return self._scores(texts, prompts, batch_size)

    def row(self, prompt):
        """The ids that the model reads of one prompt: int32 (1, T), a prefix included."""
        batch = self._encode([prompt], [0], GenerationOptions(max_new_tokens=1))
        before = self.continuation.prefix[:-1]  # the batch begins with its last id
        return np.array([[*before, *batch.token_ids[0]]], "int32")

    def attention(self, prompt):
        """What the model attends to in a prompt.

        Args:
            prompt: str.

        Returns:
            {"decoder": `zoo.tasks.Attention`}.

        Raises:
            ValueError: the prompt is empty and the tokenizer has no start id.
        """
        ids = self.row(prompt)
        with record_attention_calls() as calls:
            self.model({"token_ids": ids}, training=False)
        tokens = self.tokenizer.spell(ids[0])
        following = [*tokens[1:], ""]
        return {"decoder": Attention.of_calls("decoder", calls, tokens, tokens, following)}

    def with_prefix(self, text):
        """A generator whose prompts all begin with `text`, which is read once, now.

        Its ids come before those of each prompt. The model's present answer to it is kept: make
        the generator anew after training.

        Args:
            text: str.

        Returns:
            A `TextGenerator` of the same model.

        Raises:
            ValueError: the text has no tokens, or leaves no room.
        """
        before = self.continuation
        (ids,) = real_ids(self.tokenizer.encode_prompts([text]))
        if not ids:
            raise ValueError("text: a prefix must have a token; got none")
        return self._with(prefix=[*before.prefix, *ids])

    def with_draft(self, draft, num_drafts=4):
        """A generator of the same texts that lets a smaller model guess ahead: see
        `zoo.decoding.SpeculativeGreedy`.

        Args:
            draft: a `zoo.models.GPT` with the same vocabulary.
            num_drafts: tokens that it guesses at a time.

        Returns:
            A `TextGenerator`, which finds the most probable tokens only.

        Raises:
            ValueError: the draft has another vocabulary.
        """
        if draft.config.vocab_size != self.model.config.vocab_size:
            raise ValueError(
                f"draft must have the model's vocabulary of {self.model.config.vocab_size} ids; "
                f"got {draft.config.vocab_size}"
            )
        return self._with(draft=draft, num_drafts=num_drafts)

    def settings(self):
        options = dataclasses.asdict(self.options)
        lists = {name: list(options[name]) for name in ("stop", "end_ids")}
        return {"options": options | lists}

    def tokenizers(self):
        return {"tokenizer": self.tokenizer}

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None, options=None):
        """Released weights with their tokenizer: see `zoo.models.GPT.from_pretrained` and
        `zoo.text.pretrained_tokenizer`.

        Args:
            folder_or_hub_name: path of a folder, or a name such as "openai-community/gpt2".
            revision: branch, tag or commit of a hub name.
            options: as for the class; where they do not name `end_ids`, those of the folder.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        tokenizer = pretrained_tokenizer(folder)
        if not isinstance(options, GenerationOptions):
            ends = [each for each in checkpoints.end_ids(folder) if each != tokenizer.end_id]
            options = {"end_ids": ends, **(options or {})}
        return cls(GPT.from_pretrained(folder), tokenizer, options)

    def save_pretrained(self, folder):
        """Write a new folder that `from_pretrained` and the transformers library read.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: the transformers library has no such model or tokenizer.
        """
        if not isinstance(self.tokenizer, (ByteBPETokenizer, LlamaTokenizer)):
            raise ValueError(
                "save_pretrained needs a ByteBPETokenizer or LlamaTokenizer; this task has a "
                f"{type(self.tokenizer).__name__}: use save()"
            )
        with new_folder(folder) as temporary:
            self.model.write_pretrained(temporary)
            self.tokenizer.write_pretrained(temporary)
            if self.options.end_ids:
                own = [] if self.tokenizer.end_id is None else [self.tokenizer.end_id]
                checkpoints.write_end_ids(temporary, [*own, *self.options.end_ids])

    def longest_prompt(self, options):
        """Most tokens of a prompt beside `options.max_new_tokens`.

        Raises:
            ValueError: there is no room for one.
        """
        room = self.continuation.room
        if options.max_new_tokens >= room:
            raise ValueError(
                f"max_new_tokens must leave room for a token of the prompt: at most {room - 1}; "
                f"got {options.max_new_tokens}"
            )
        return room - options.max_new_tokens

    def _with(self, **changes):
        """A copy whose continuation has other arguments."""
        old, changed = self.continuation, copy.copy(self)
        arguments = {"prefix": old.prefix, "draft": old.draft, "num_drafts": old.num_drafts}
        changed.continuation = Continuation(
            self.model, old.end_id, old.pad_id, **{**arguments, **changes}
        )
        changed._scores = TextScores(self.model, self.tokenizer, changed.continuation.prefix)
        changed.longest_prompt(GenerationOptions(max_new_tokens=1))
        return changed

    def _encode(self, prompts, numbers, options):
        """`Prompts` of a batch; `numbers` say which of all prompts they are."""
        if self.continuation.draft is not None and (
            options.num_sequences > 1 or options.row_values
        ):
            raise ValueError(
                "a generator with a draft takes the most probable tokens: no temperature, "
                f"repetition_penalty or beam_size; got {options}"
            )
        longest, prefix = self.longest_prompt(options), self.continuation.prefix
        if prefix:
            rows, pad_id = self.tokenizer.encode(prompts), self.continuation.pad_id
            return align_right(rows, pad_id, longest, prefix[-1], always_start=True)
        batch = self.tokenizer.encode_prompts(prompts, longest)
        for number, real in zip(numbers, batch.padding_mask, strict=True):
            if not real.any():
                raise ValueError(f"prompts[{number}] is empty, and the tokenizer has no start id")
        return batch

    def _result(self, batch, seeds, options, batch_size):
        if options.stop and options.beam_size == 1:
            *_, result = self._steps(batch, seeds, options)
            return result
        return self.continuation.result(batch, seeds, options, batch_size)

    def _steps(self, batch, seeds, options):
        has_ended = self._reader(batch, options).stopped if options.stop else None
        return self.continuation.steps(batch, seeds, options, has_ended)

    def _reader(self, batch, options):
        """What reads the results of a batch of `Prompts`."""
        held = self.continuation.prefix[:-1]  # the batch begins with its last id
        befores = [[*held, *ids] for ids in real_ids(batch)]
        ends = (self.continuation.end_id, *options.end_ids)
        return ResultReader(self.tokenizer, ends, options.stop, befores)


def real_ids(batch):
    """`Prompts` as lists of ids."""
    return [ids[mask].tolist() for ids, mask in zip(*batch, strict=True)]
