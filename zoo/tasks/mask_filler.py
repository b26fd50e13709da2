"""Words for the gaps in a text."""

import dataclasses
from typing import NamedTuple

import numpy as np
from keras import ops

from zoo import checkpoints
from zoo.models import BERTPretrainer
from zoo.tasks.text_task import TextTask, check_texts, pretrained_model
from zoo.text import WordPieceTokenizer


class Fill(NamedTuple):
    """What may stand at a [MASK]: a piece of the vocabulary, and its probability."""

    token: str
    score: float


class MaskFiller(TextTask):
    """A `BERTPretrainer` with its tokenizer: `filler(["Paris is the [MASK] of France."])`.

    Each [MASK] is filled as if the others stayed masked (Devlin et al. 2018, 3.1). Those in the
    tail that an over-long text loses are not filled.

    The SavedModel has the signature `serving_default(text: string [B]) -> {tokens: string
    [B, M, k], scores: float32 [B, M, k], length: int32 [B]}`: `length` masks of a text, "" and 0
    beyond; a text without [MASK] has the length 0.

    Args:
        model: a `zoo.models.BERTPretrainer`; its head of next sentence prediction is not used.
        tokenizer, max_length: as for `TextTask`.

    Raises:
        ValueError: as for `TextTask`.
    """

    model_class = BERTPretrainer

    def __call__(self, texts, k=5, batch_size=32):
        """The most probable tokens for each [MASK].

        Args:
            texts: list of N str, each with a [MASK] at least.
            k: how many.
            batch_size: texts at a time; texts of like length go together.

        Returns:
            List of N lists, an entry a [MASK] in the order of the text: lists of k `Fill`, the most
            probable first.

        Raises:
            ValueError: a text has no [MASK]; or k is out of range.
        """
        self._check_k(k)
        pieces = self.tokenizer.pieces(check_texts("texts", texts))
        for number, ids in enumerate(pieces.ids):
            if self.tokenizer.mask_id not in ids:
                raise ValueError(f"texts[{number}] has no {self.tokenizer.tokens.mask}")
        names = self.tokenizer.piece_texts.first
        fills = [None] * len(pieces.ids)
        for members, packed, best in self.run(pieces, batch_size=batch_size, settings=(k,)):
            scores, ids = best["scores"], best["ids"]  # (n, M, k)
            _, lengths = _masked(packed.token_ids, self.tokenizer.mask_id, np)
            for row, member in enumerate(members):
                fills[member] = [
                    [Fill(names[i], float(score)) for i, score in zip(*mask, strict=True)]
                    for mask in zip(ids[row][: lengths[row]], scores[row], strict=False)
                ]
        return fills

    def answers(self, inputs, num_rows, *settings):
        columns, _ = _masked(inputs["token_ids"], self.tokenizer.mask_id, np)
        return super().answers({**inputs, "mask_positions": columns}, num_rows, *settings)

    def answer(self, inputs, k):
        """The k best at "mask_positions": {"scores": float32 (B, M, k), "ids": int (B, M, k)}."""
        logits = self.model(inputs)["mlm_logits"]
        probabilities = ops.softmax(ops.cast(logits, "float32"))
        # A model may have more ids than its tokenizer, for a round number: they have no text.
        scores, ids = ops.top_k(probabilities[..., : self.tokenizer.vocabulary_size], k)
        return {"scores": scores, "ids": ids}

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None, max_length=None):
        """Released weights with their tokenizer.

        Args:
            folder_or_hub_name, revision: as for `zoo.models.BERT.from_pretrained`. A folder without
                a head of next sentence prediction (`BertForMaskedLM`) will do; the model's own is
                then random.
            max_length: as for the class.

        Raises:
            FileNotFoundError, ValueError: as for `zoo.models.BERT.from_pretrained` and
                `zoo.text.WordPieceTokenizer.from_pretrained`; or the folder has no head of the
                masked language model.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        model = pretrained_model(BERTPretrainer, folder, needed=("mlm",))
        return cls(model, WordPieceTokenizer.from_pretrained(folder), max_length)

    def save_pretrained(self, folder):
        """Write a new folder, a `BertForMaskedLM`, that `from_pretrained` and transformers read.

        It is what fills masks: without the head of next sentence prediction and its pooler, which
        `model.save_pretrained` writes too.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: as for `zoo.models.BERT.save_pretrained`.
        """
        super().save_pretrained(folder)

    def _write_model(self, folder):
        fields = dataclasses.asdict(self.model.config)
        config = checkpoints.config_to_bert(fields, "BertForMaskedLM")
        variables = {
            path: variable
            for path, variable in checkpoints.named_weights(self.model).items()
            if path.split("/")[0] not in ("pooler", "nsp")
        }
        checkpoints.write_bert(folder, config, variables, fields, parts=("mlm",))

    def export(self, folder, k=5):
        """Write a SavedModel that TF Serving runs: the tokenizer is in the graph.

        See the class for its signature; over-long texts are cut as in a call, invalid UTF-8 is read
        as U+FFFD.

        Args:
            folder: NAME/VERSION, VERSION a whole number; must not exist.
            k: how many tokens for each [MASK].

        Raises:
            FileExistsError: `folder` exists.
            ValueError: k is out of range.
            RuntimeError: another backend is in use, and the TensorFlow process that exports in its
                place failed.
        """
        from zoo.serving import export

        self._check_k(k)  # refuses here what the other process would refuse
        export(self, folder, {"k": k})

    def signatures(self, k=5):
        from zoo.serving import Signature, names_at

        self._check_k(k)
        graph = self.tokenizer.graph(self.max_length)

        def fill(text):
            inputs = graph.encode(text).inputs
            columns, length = _masked(inputs["token_ids"], self.tokenizer.mask_id, ops)
            length = ops.cast(length, "int32")
            best = self.answer({**inputs, "mask_positions": columns}, k)
            numbers = ops.arange(ops.shape(columns)[1], dtype="int32")
            inside = (numbers < length[:, None])[..., None]  # (B, M, 1)
            return {
                "tokens": names_at(self.tokenizer.piece_texts.first, best["ids"], inside),
                "scores": ops.where(inside, best["scores"], 0.0),
                "length": length,
            }

        texts = [{"text": texts} for texts in self.warm_up_texts()]
        return {"serving_default": Signature(fill, {"text": ([None], "string")}, texts, [graph])}

    def warm_up_texts(self):
        mask = self.tokenizer.tokens.mask
        *few, many = super().warm_up_texts()
        return [*few, [mask], [f"{mask} {many[0][:10]} {mask}", ""], [f"{mask} {t}" for t in many]]

    def _check_k(self, k):
        most = self.tokenizer.vocabulary_size
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= most:
            raise ValueError(f"k must be at least 1 and at most {most}, all tokens; got {k!r}")


def _masked(token_ids, mask_id, xp):
    """Where the masks are, by the functions of `numpy` or `keras.ops`.

    Args:
        token_ids: int32 (B, T).
        mask_id: id of [MASK].
        xp: the module.

    Returns:
        (columns, lengths): int32 (B, M), filled up with 0; int (B,), masks of each row.
    """
    width = xp.shape(token_ids)[1]
    is_mask = token_ids == mask_id
    columns = xp.sort(xp.where(is_mask, xp.arange(width, dtype="int32")[None], width), axis=1)
    lengths = xp.sum(is_mask, axis=1)
    columns = columns[:, : xp.max(lengths, initial=0)]
    return xp.where(columns < width, columns, 0), lengths
