"""Texts to vectors: what is alike in meaning lies close together."""

import numpy as np
from keras import ops

from zoo import checkpoints
from zoo.checkpoints.sentence_transformers import (
    open_sentence_transformer,
    write_sentence_transformer,
)
from zoo.models import BERT
from zoo.tasks.text_task import TextTask, check_texts, pretrained_model
from zoo.text import WordPieceTokenizer

_SHORTEST = 1e-12  # what a length is taken for at least: the zero vector stays one


def _mean(vectors, real):
    """The mean of the vectors of real tokens, [CLS] and [SEP] included: (B, T, D) -> (B, D)."""
    real = real[..., None]
    total = ops.sum(ops.where(real, vectors, 0.0), axis=1)
    return total / ops.maximum(ops.sum(ops.cast(real, "float32"), axis=1), 1.0)


def _first(vectors, real):
    """The vector of [CLS]: (B, T, D) -> (B, D)."""
    return vectors[:, 0]


POOLINGS = {"mean": _mean, "first": _first}


class TextEmbedder(TextTask):
    """A `BERT` with its tokenizer: `embedder(["a text"])` -> float32 (1, D).

    Sentence-BERT (Reimers and Gurevych 2019, arXiv:1908.10084, 3) is such a model. The empty text
    has the embedding of [CLS] and [SEP].

    The SavedModel has the signature `serving_default(text: string [B]) -> {embedding: float32
    [B, D]}`.

    Args:
        model: a `zoo.models.BERT`; its pooler is not used.
        tokenizer, max_length: as for `TextTask`.
        pooling: "mean" over all tokens, [CLS] and [SEP] included, or "first", the vector of [CLS].
        normalize: divide embeddings by their length.

    Raises:
        ValueError: as for `TextTask`; or pooling is another.
    """

    model_class = BERT

    def __init__(self, model, tokenizer, pooling="mean", normalize=True, max_length=None):
        super().__init__(model, tokenizer, max_length)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {tuple(POOLINGS)}; got {pooling!r}")
        if not isinstance(normalize, bool):
            raise ValueError(f"normalize must be True or False; got {normalize!r}")
        self.pooling = pooling
        self.normalize = normalize

    def __call__(self, texts, batch_size=32):
        """Embeddings of texts: float32 (N, D).

        Args:
            texts: list of N str.
            batch_size: texts at a time; texts of like length go together.
        """
        pieces = self.tokenizer.pieces(check_texts("texts", texts))
        embeddings = np.zeros((len(pieces.ids), self.model.config.hidden_dim), "float32")
        for members, _, found in self.run(pieces, batch_size=batch_size):
            embeddings[members] = found
        return embeddings

    def similarity(self, texts, others, batch_size=32):
        """Cosines of the angles between embeddings: float32 (N, M).

        Args:
            texts: list of N str.
            others: list of M str.
            batch_size: as for a call.
        """
        rows, columns = (
            self(check_texts(name, given), batch_size)
            for name, given in (("texts", texts), ("others", others))
        )
        return _unit(rows, np) @ _unit(columns, np).T

    def answer(self, inputs):
        vectors = ops.cast(self.model(inputs)["sequence_output"], "float32")  # (B, T, D)
        pooled = POOLINGS[self.pooling](vectors, inputs["padding_mask"])
        return _unit(pooled, ops) if self.normalize else pooled

    def settings(self):
        return {**super().settings(), "pooling": self.pooling, "normalize": self.normalize}

    @classmethod
    def from_pretrained(
        cls, folder_or_hub_name, revision=None, pooling=None, normalize=None, max_length=None
    ):
        """Released weights with their tokenizer.

        Args:
            folder_or_hub_name, revision: as for `zoo.models.BERT.from_pretrained`.
            pooling, normalize, max_length: as for the class; None: what the files of the
                sentence-transformers library beside the model say, or else the class's own.

        Raises:
            FileNotFoundError, ValueError: as for `zoo.models.BERT.from_pretrained` and
                `zoo.text.WordPieceTokenizer.from_pretrained`; or those files ask for what is not
                supported, such as another pooling.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        found = open_sentence_transformer(folder)
        folder = folder if found is None else found.folder
        model = pretrained_model(BERT, folder, needed=())
        tokenizer = WordPieceTokenizer.from_pretrained(folder)
        settings = {}
        if found is not None:
            _check_case(found, tokenizer)
            settings = {"pooling": found.pooling, "normalize": found.normalize}
            if found.max_length is not None:
                settings["max_length"] = min(found.max_length, model.config.num_positions)
        given = {"pooling": pooling, "normalize": normalize, "max_length": max_length}
        settings.update({name: value for name, value in given.items() if value is not None})
        return cls(model, tokenizer, **settings)

    def _write_model(self, folder):
        self.model.write_pretrained(folder)
        write_sentence_transformer(
            folder,
            self.model.config.hidden_dim,
            self.pooling,
            self.normalize,
            self.max_length,
        )

    def save_pretrained(self, folder):
        """Write a new folder that `from_pretrained` and `SentenceTransformer(folder)` read.

        Raises:
            FileExistsError: `folder` exists.
            ValueError: as for `zoo.models.BERT.save_pretrained`.
        """
        super().save_pretrained(folder)

    def signatures(self):
        from zoo.serving import Signature

        graph = self.tokenizer.graph(self.max_length)

        def embed(text):
            return {"embedding": self.answer(graph.encode(text).inputs)}

        texts = [{"text": texts} for texts in self.warm_up_texts()]
        return {"serving_default": Signature(embed, {"text": ([None], "string")}, texts, [graph])}


def _unit(vectors, xp):
    """Vectors (..., D) divided by their lengths, by the functions of `numpy` or `keras.ops`."""
    lengths = xp.sqrt(xp.sum(vectors * vectors, axis=-1, keepdims=True))
    return vectors / xp.maximum(lengths, _SHORTEST)


def _check_case(found, tokenizer):
    if found.lowercase and not tokenizer.normalizer.lowercase:
        raise ValueError(
            f"{found.folder}: do_lower_case must be false where the tokenizer keeps capitals"
        )
