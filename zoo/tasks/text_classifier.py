"""Texts, or pairs of texts, to labels."""

import numpy as np

from zoo import checkpoints
from zoo.models import BERTClassifier
from zoo.tasks.labels import KINDS, as_labels, columns_of, labels_from
from zoo.tasks.text_task import TextTask, check_texts
from zoo.text import WordPieceTokenizer


class TextClassifier(TextTask):
    """A `BERTClassifier` with its tokenizer: `classifier(["a text"])` -> ["a label"].

    To train one, fit its model:

        inputs, targets = classifier.encode(texts), classifier.labels.targets(labels)
        classifier.model.compile(optimizer, classifier.labels.loss())
        classifier.model.fit(inputs, targets)

    The SavedModel has the signatures

    - `serving_default(text: string [B]) -> {label: string [B], score: float32 [B], scores: float32
      [B, L]}`, with a second input `text_pair` for pairs. `ManyLabels` gives label [B, L], each the
      name where it holds, else "";
    - `classify(inputs: string [B]) -> {classes: string [B, L], scores: float32 [B, L]}`: the inputs
      are serialized `tf.Example`s with the features `text` and, for pairs, `text_pair`.

    Args:
        model: a `zoo.models.BERTClassifier` with L outputs.
        tokenizer, max_length: as for `TextTask`. In pairs, tokens are taken one by one from the
            end of the longer text.
        labels: L names, of which each text has one; or a `OneLabel`, `ManyLabels` or `Number`.
        num_texts: 1, or 2 for pairs of texts.

    Raises:
        ValueError: as for `TextTask`; or labels are not as many as the model has outputs.
    """

    model_class = BERTClassifier

    def __init__(self, model, tokenizer, labels, num_texts=1, max_length=None):
        super().__init__(model, tokenizer, max_length)
        self.labels = as_labels(labels)
        if len(self.labels.names) != model.num_labels:
            raise ValueError(
                f"labels must be as many as the model has outputs, {model.num_labels}; "
                f"got {list(self.labels.names)}"
            )
        if num_texts not in (1, 2):
            raise ValueError(f"num_texts must be 1, or 2 for pairs; got {num_texts!r}")
        self.num_texts = num_texts

    def __call__(self, texts, text_pairs=None, batch_size=32):
        """The labels of texts.

        Args:
            texts: list of N str.
            text_pairs: list of N str, the second texts, where `num_texts` is 2.
            batch_size: texts at a time; texts of like length go together.

        Returns:
            list of N str; `ManyLabels`: N tuples of str; `Number`: N float.
        """
        return self.labels.read(self.scores(texts, text_pairs, batch_size))

    def scores(self, texts, text_pairs=None, batch_size=32):
        """Probabilities of the labels, or the number itself: float32 (N, L).

        Args:
            texts, text_pairs, batch_size: as for a call.
        """
        first, second = self._pieces(texts, text_pairs)
        scores = np.zeros((len(first.ids), len(self.labels.names)), "float32")
        for members, _, found in self.run(first, second, batch_size):
            scores[members] = found
        return scores

    def encode(self, texts, text_pairs=None):
        """What `fit` takes: a dict of arrays (N, T), as wide as the longest row.

        Args:
            texts, text_pairs: as for a call.
        """
        self._check_pairs(texts, text_pairs)
        return self.tokenizer.encode_batch(texts, text_pairs, max_length=self.max_length).inputs

    def row(self, text, text_pair=None):
        return self.encode([text], None if text_pair is None else [text_pair])

    def answer(self, inputs):
        return self.labels.scores(self.model(inputs))

    def settings(self):
        kind = type(self.labels).__name__
        labels = {"kind": kind, **self.labels.get_config()}
        return {**super().settings(), "labels": labels, "num_texts": self.num_texts}

    @classmethod
    def from_saved(cls, model, tokenizers, settings):
        labels = dict(settings["labels"])
        kind = labels.pop("kind")
        if kind not in KINDS:
            raise ValueError(f"labels of kind {kind!r}; this version knows {sorted(KINDS)}")
        return cls(model, **tokenizers, **{**settings, "labels": KINDS[kind](**labels)})

    @classmethod
    def from_pretrained(
        cls, folder_or_hub_name, revision=None, labels=None, num_texts=1, max_length=None
    ):
        """Released weights with their tokenizer.

        Args:
            folder_or_hub_name, revision: as for `zoo.models.BERT.from_pretrained`.
            labels: None: the classifier and the labels of the folder. Given: a fresh head for
                them, to be trained, whatever the folder holds.
            num_texts, max_length: as for the class.

        Raises:
            FileNotFoundError, ValueError: as for `zoo.models.BERTClassifier.from_pretrained` and
                `zoo.text.WordPieceTokenizer.from_pretrained`.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        if labels is None:
            model = BERTClassifier.from_pretrained(folder)
            named = checkpoints.labels_of_bert(folder)
            names = named.names or [f"LABEL_{i}" for i in range(model.num_labels)]
            labels = labels_from(names, named.problem_type)
        else:
            labels = as_labels(labels)
            model = BERTClassifier.from_pretrained(folder, num_labels=len(labels.names))
        tokenizer = WordPieceTokenizer.from_pretrained(folder)
        return cls(model, tokenizer, labels, num_texts, max_length)

    def _write_model(self, folder):
        self.model.write_pretrained(folder, self.labels.names, self.labels.problem_type)

    def signatures(self):
        from zoo.serving import Signature, make_example, names_at, parse_examples

        graph = self.tokenizer.graph(self.max_length)
        encode = graph.encode if self.num_texts == 1 else graph.encode_pair
        names = ("text", "text_pair")[: self.num_texts]

        def scores(texts):
            return self.answer(encode(*(texts[name] for name in names)).inputs)

        def predict(**texts):
            return self.labels.outputs(scores(texts))

        def classify(inputs):
            found = scores(parse_examples(inputs, names))
            return {"classes": names_at(self.labels.names, columns_of(found)), "scores": found}

        texts = [dict.fromkeys(names, texts) for texts in self.warm_up_texts()]
        examples = [
            {"inputs": [make_example(dict.fromkeys(names, text)) for text in request["text"]]}
            for request in texts
        ]
        inputs = {name: ([None], "string") for name in names}
        return {
            "serving_default": Signature(predict, inputs, texts, [graph]),
            "classify": Signature(classify, {"inputs": ([None], "string")}, examples, [graph]),
        }

    def _pieces(self, texts, text_pairs):
        self._check_pairs(texts, text_pairs)
        second = None if text_pairs is None else self.tokenizer.pieces(text_pairs)
        return self.tokenizer.pieces(texts), second

    def _check_pairs(self, texts, text_pairs):
        texts = check_texts("texts", texts)
        if (text_pairs is None) != (self.num_texts == 1):
            wanted = "none" if self.num_texts == 1 else "a list of str"
            raise ValueError(
                f"text_pairs must be {wanted}, as num_texts is {self.num_texts}; "
                f"got {type(text_pairs).__name__}"
            )
        if text_pairs is not None and len(check_texts("text_pairs", text_pairs)) != len(texts):
            raise ValueError(
                f"text_pairs must be as many as texts, {len(texts)}; got {len(text_pairs)}"
            )
