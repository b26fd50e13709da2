"""Translation: strings in one language to strings in another."""

import json
from typing import NamedTuple

import numpy as np
from keras import ops

from zoo import checkpoints, decoding
from zoo.compiled import compiled, shapes_are_dynamic
from zoo.decoding.constraints import CONSTRAINTS
from zoo.folders import new_folder
from zoo.layers import record_attention_calls
from zoo.models import Transformer
from zoo.tasks.attention import Attention
from zoo.tasks.translation_export import TranslationExport
from zoo.text import MarianFiles, MarianTokenizer
from zoo.text.beginnings import beginnings


class Translation(NamedTuple):
    """One translation: its text, and its score, the log-probability over the length penalty."""

    text: str
    score: float


class Translator(TranslationExport):
    """A `Transformer` with its tokenizers: `translator(["a sentence"])` -> ["ein Satz"].

    A text without tokens (empty, white space) translates to the empty text with score 0. A longer
    source than `max_source_length` tokens, or 64 times as many characters, loses its tail. A
    translation of a source of s tokens (end token included) has at most `length_factor` * s +
    `length_offset` tokens, end included.

    Args:
        model: a `zoo.models.Transformer`.
        source_tokenizer: turns sources into ids, such as a `zoo.text.SentencePieceTokenizer`.
        target_tokenizer: turns ids into translations; None: the source's.
        max_source_length: longest source in tokens, the end token included.
        length_factor, length_offset: the limit on a translation's length.
        beam_size, length_penalty: of a call that does not say otherwise.
        constraints: see `zoo.decoding.constraints`.

    Raises:
        ValueError: a tokenizer's vocabulary or special ids are not the model's.
    """

    def __init__(
        self,
        model,
        source_tokenizer,
        target_tokenizer=None,
        max_source_length=512,
        length_factor=1.5,
        length_offset=10,
        beam_size=5,
        length_penalty=1.0,
        constraints=(),
    ):
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = source_tokenizer if target_tokenizer is None else target_tokenizer
        self.max_source_length = max_source_length
        self.length_factor = length_factor
        self.length_offset = length_offset
        self.beam_size = beam_size
        self.length_penalty = length_penalty
        self.constraints = tuple(constraints)
        self._check_tokenizers()
        self._compiled = {}

    def __call__(self, texts, beam_size=None, length_penalty=None, batch_size=32):
        """The best translation of each text.

        Args:
            texts: list of str.
            beam_size: K; 1 is greedy search; None: the task's.
            length_penalty: exponent of `zoo.decoding.LengthPenalty`; None: the task's.
            batch_size: texts translated at a time; texts of like length go together.

        Returns:
            list of str.
        """
        found = self.n_best(texts, 1, beam_size, length_penalty, batch_size)
        return [translations[0].text for translations in found]

    def n_best(self, texts, n=5, beam_size=None, length_penalty=None, batch_size=32):
        """The n best translations of each text, best first.

        Args:
            n: at most `beam_size`.
            texts, beam_size, length_penalty, batch_size: as for a call.

        Returns:
            list with a list of n `Translation`s for each text; fewer where beam search found fewer.
        """
        self._check_texts(texts)
        search = self.search(beam_size, length_penalty, n)
        rows = self._source_ids(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = [[Translation("", 0.0)] * n for _ in texts]
        order = [i for i in order if rows[i]]
        for start in range(0, len(order), batch_size):
            members = order[start : start + batch_size]
            batch = self._pad([rows[i] for i in members], batch_size)  # (B, S)
            key = (beam_size, length_penalty, n)
            if key not in self._compiled:
                self._compiled[key] = compiled(self.model, lambda ids: self.decode(ids, search))
            result = self._compiled[key](batch)
            for i, translations in zip(members, self._translations(result), strict=False):
                found[i] = translations
        return found

    def search(self, beam_size=None, length_penalty=None, n_best=1):
        """The search object: `zoo.decoding.BeamSearch`, or `Greedy` where beam_size is 1."""
        config = self.model.config
        beam_size = self.beam_size if beam_size is None else beam_size
        length_penalty = self.length_penalty if length_penalty is None else length_penalty
        shared = {
            "end_id": config.end_id,
            "pad_id": config.pad_id,
            "length_penalty": decoding.LengthPenalty(length_penalty),
            "constraints": self.constraints,
        }
        if beam_size == 1 and n_best == 1:
            return decoding.Greedy(**shared)
        return decoding.BeamSearch(beam_size, **shared, n_best=n_best)

    def decode(self, source_ids, search):
        """Ids to ids; runs inside a compiled function.

        Args:
            source_ids: (B, S) int32, each row ending in the end id, then padding.
            search: a search of `zoo.decoding`.

        Returns:
            A `zoo.decoding.Result`.
        """
        config = self.model.config
        num_rows, width = ops.shape(source_ids)
        longest = self._limit(width)
        cache = self.model.start(source_ids, capacity=1)  # the search makes room for more
        lengths = ops.sum(ops.cast(source_ids != config.pad_id, "int32"), axis=1)  # (B,)
        prompt = ops.full((num_rows, 1), config.start_id, dtype="int32")
        return decoding.run(search, self.model.decode, cache, prompt, longest, self._limit(lengths))

    def attention(self, source, target=None):
        """What encoder and decoder attend to in a sentence and its translation.

        The decoder reads the start token and the target, as in teacher forcing.

        Args:
            source: str.
            target: str, a translation of it; None: the translator's own.

        Returns:
            {"encoder", "decoder", "cross"} -> `zoo.tasks.Attention`.
        """
        sources = [*self._source_ids([source])[0], self.model.config.end_id]
        (ids,) = self.target_tokenizer.encode([self([source])[0] if target is None else target])
        targets = [self.model.config.start_id, *ids]
        with record_attention_calls() as encoder:
            cache = self.model.start(np.array([sources], "int32"), capacity=0)
        with record_attention_calls() as decoder:
            self.model.decode(np.array([targets], "int32"), cache)
        keys, queries = self.source_tokenizer.spell(sources), self.target_tokenizer.spell(targets)
        following = self.target_tokenizer.spell([*ids, self.model.config.end_id])
        of_self, of_cross = ([c for c in decoder if c.cross is cross] for cross in (False, True))
        return {
            "encoder": Attention.of_calls("encoder", encoder, keys, keys),
            "decoder": Attention.of_calls("decoder", of_self, queries, queries, following),
            "cross": Attention.of_calls("cross", of_cross, queries, keys, following),
        }

    def tokenizers(self):
        tokenizers = {"source_tokenizer": self.source_tokenizer}
        if self.target_tokenizer is not self.source_tokenizer:
            tokenizers["target_tokenizer"] = self.target_tokenizer
        return tokenizers

    def settings(self):
        return {
            "max_source_length": self.max_source_length,
            "length_factor": self.length_factor,
            "length_offset": self.length_offset,
            "beam_size": self.beam_size,
            "length_penalty": self.length_penalty,
            "constraints": [[type(c).__name__, c.get_config()] for c in self.constraints],
        }

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None):
        """A Marian (OPUS-MT) model of the Hugging Face hub with its tokenizers and settings.

        Strings in, strings out as `MarianTokenizer` and `generate` of the transformers library
        give them, except that a text without tokens stays empty, and that a source longer than the
        model's positions loses its tail.

        Args:
            folder_or_hub_name: path of a folder, or a name such as "Helsinki-NLP/opus-mt-en-de".
            revision: branch, tag or commit of a hub name.

        Raises:
            FileNotFoundError: there is no such folder, or a file is missing.
            ValueError: a file is damaged or asks for something that is not supported.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        model = Transformer.from_pretrained(folder)
        settings = checkpoints.GenerationSettings.read(folder)
        constraints = []
        if settings.never_ids:
            constraints.append(decoding.NeverIds(settings.never_ids, settings.renormalize))
        if settings.forced_end_id is not None:
            constraints.append(decoding.ForcedEnd(settings.forced_end_id))
        files = MarianFiles.read(folder)
        return cls(
            model,
            MarianTokenizer(files, "source"),
            MarianTokenizer(files, "target"),
            length_factor=0.0,
            length_offset=settings.max_length - 1,  # the start token counts there
            beam_size=settings.num_beams,
            length_penalty=settings.length_penalty,
            constraints=constraints,
        )

    def save_pretrained(self, folder):
        """Write a new folder that `from_pretrained` and the transformers library read.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: the tokenizers are not Marian's, or Marian cannot express the model.
        """
        if not isinstance(self.source_tokenizer, MarianTokenizer):
            raise ValueError(
                "save_pretrained needs Marian's tokenizers; this task has a "
                f"{type(self.source_tokenizer).__name__}: use save()"
            )
        config = self.model.config
        never = [c for c in self.constraints if isinstance(c, decoding.NeverIds)]
        forced = [c.end_id for c in self.constraints if isinstance(c, decoding.ForcedEnd)]
        settings = checkpoints.GenerationSettings(
            num_beams=self.beam_size,
            max_length=self._limit(1) + 1,
            length_penalty=self.length_penalty,
            early_stopping="never",
            never_ids=tuple(i for constraint in never for i in constraint.ids),
            forced_end_id=forced[0] if forced else None,
            renormalize=any(constraint.renormalize for constraint in never),
        )
        with new_folder(folder) as temporary:
            self.model.write_pretrained(temporary)
            self.source_tokenizer.files.write(temporary)
            ids = (config.pad_id, config.start_id, config.end_id)
            text = json.dumps(settings.to_json(*ids), indent=2) + "\n"
            (temporary / "generation_config.json").write_text(text, encoding="utf-8")

    @classmethod
    def from_saved(cls, model, tokenizers, settings):
        """What `save` wrote, read again by `zoo.load`."""
        constraints = [CONSTRAINTS[name](**config) for name, config in settings["constraints"]]
        return cls(model, **tokenizers, **{**settings, "constraints": constraints})

    def _source_ids(self, texts):
        """Ids of sources without the end id, cut: list of lists."""
        texts = beginnings(texts, self.max_source_length)
        return [row[: self.max_source_length - 1] for row in self.source_tokenizer.encode(texts)]

    def _limit(self, length):
        """Most tokens of a translation of a source of `length` tokens: whole numbers or tensors."""
        if isinstance(length, int):
            return int(self.length_factor * length) + self.length_offset
        longest = ops.floor(self.length_factor * ops.cast(length, "float32"))
        return ops.cast(longest, "int32") + self.length_offset

    def _pad(self, rows, batch_size):
        """Lists of ids to (B, S) int32 ; few different shapes where each is compiled."""
        config = self.model.config
        width = max(map(len, rows)) + 1
        num_rows = len(rows)
        if not shapes_are_dynamic():
            width, num_rows = -(-width // 8) * 8, batch_size
        batch = np.full((num_rows, width), config.pad_id, "int32")
        batch[:, 0] = config.end_id
        for i, row in enumerate(rows):
            batch[i, : len(row)] = row
            batch[i, len(row)] = config.end_id
        return batch

    def _translations(self, result):
        """The Translations of each row of a `Result`."""
        ids, lengths, scores = (ops.convert_to_numpy(x) for x in result)
        for row, row_lengths, row_scores in zip(ids, lengths, scores, strict=True):
            texts = self.target_tokenizer.decode(row)
            found = zip(texts, row_lengths, row_scores, strict=True)
            yield [Translation(text, float(score)) for text, length, score in found if length]

    def _check_tokenizers(self):
        config = self.model.config
        sides = (
            ("source_tokenizer", self.source_tokenizer, config.source_vocab_size),
            ("target_tokenizer", self.target_tokenizer, config.vocab_size),
        )
        for name, tokenizer, size in sides:
            size = size or config.vocab_size
            if tokenizer.vocabulary_size > size:
                raise ValueError(
                    f"{name} has {tokenizer.vocabulary_size} ids, the model {size}: a tokenizer "
                    "must be the one that the model was trained with"
                )
            special = tokenizer.special_ids
            for model_id, tokenizer_id in (("pad_id", special.pad), ("end_id", special.end)):
                if getattr(config, model_id) != tokenizer_id:
                    raise ValueError(
                        f"{name}: its {model_id} is {tokenizer_id}, the model's is "
                        f"{getattr(config, model_id)}"
                    )

    @staticmethod
    def _check_texts(texts):
        if isinstance(texts, (str, bytes)):
            raise TypeError("texts must be a list of str; got one string: put it in a list")
