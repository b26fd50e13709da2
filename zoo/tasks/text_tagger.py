"""A tag for every word of a text: parts of speech, entities."""

import numpy as np
from keras import ops

from zoo import checkpoints
from zoo.models import BERTTagger
from zoo.tasks.entities import TaggedToken, check_iob2, entities_of
from zoo.tasks.labels import OneLabel
from zoo.tasks.text_task import TextTask, check_texts
from zoo.text import WordPieceTokenizer
from zoo.text.word_spans import WordSpans
from zoo.text.wordpiece_split import columns_within, rows_of_words

_ANSWERS = ("tags", "scores")


class TextTagger(TextTask):
    """A `BERTTagger` with its tokenizer: `tagger.tag_words([["We", "met", "Ann"]])`.

    The first piece of a word decides (Devlin et al. 2018, 5.3). A word without pieces (of control
    characters alone), or in the tail that an over-long text loses, has the tag "O" if that is a
    label, else "", and the score 0.

    To train one, fit its model:

        inputs, labels, sample_weight = tagger.encode(words, tags)
        tagger.model.compile(optimizer, tagger.labels.loss())
        tagger.model.fit(inputs, labels, sample_weight=sample_weight)

    The SavedModel has the signatures

    - `serving_default(text: string [B]) -> {tokens: string [B, W], tags: string [B, W], scores:
      float32 [B, W], starts: int32 [B, W], ends: int32 [B, W], length: int32 [B]}`;
    - `words(words: string [B, W], length: int32 [B]) -> {tags: string [B, W], scores: float32
      [B, W]}`: of the first `length` words of each row.

    Beyond a row's length there are "" and 0.

    Args:
        model: a `zoo.models.BERTTagger` with L outputs.
        tokenizer, max_length: as for `TextTask`.
        labels: list of L tags, in the order of the model's outputs.

    Raises:
        ValueError: as for `TextTask`; or labels are not as many as the model has outputs.
    """

    model_class = BERTTagger

    def __init__(self, model, tokenizer, labels, max_length=None):
        super().__init__(model, tokenizer, max_length)
        self.labels = OneLabel(labels)
        names = self.labels.names
        if len(names) != model.num_labels:
            raise ValueError(
                f"labels must be as many as the model has outputs, {model.num_labels}; "
                f"got {list(names)}"
            )
        self.word_spans = WordSpans(tokenizer)
        # The tag of words that the model does not see has the number L.
        self._tags = np.array([*names, "O" if "O" in names else ""], object)

    def __call__(self, texts, batch_size=32):
        """The words of texts with their tags; words are those of `zoo.text.word_spans.WordSpans`.

        Args:
            texts: list of N str.
            batch_size: texts at a time; texts of like length go together.

        Returns:
            List of N lists of `TaggedToken`.
        """
        texts = check_texts("texts", texts)
        words, spans = self._words(texts)
        tagged = []
        for found in zip(words, *self._tagged(words, batch_size), spans, strict=True):
            row = zip(*found, strict=True)
            tagged.append([TaggedToken(word, tag, score, *span) for word, tag, score, span in row])
        return tagged

    def entities(self, texts, batch_size=32):
        """The entities in texts; for how ill-formed tags are read see `spans_of_tags`.

        Args:
            texts, batch_size: as for a call.

        Returns:
            List of N lists of `Entity`, in the order of the text.

        Raises:
            ValueError: the labels are not IOB2.
        """
        check_iob2(self.labels.names)
        texts = check_texts("texts", texts)
        tagged = self(texts, batch_size)
        return [entities_of(text, row) for text, row in zip(texts, tagged, strict=True)]

    def tag_words(self, words, batch_size=32):
        """Tags of texts that are split into words already.

        Args:
            words: list of N lists of str.
            batch_size: as for a call.

        Returns:
            List of N lists of str, a tag a word.
        """
        tags, _ = self._tagged(_checked_rows("words", words), batch_size)
        return tags

    def encode(self, words, tags=None):
        """What `fit` takes.

        Args:
            words: list of N lists of str.
            tags: list of N lists of str, a tag a word; None where there are none.

        Returns:
            (inputs, labels, sample_weight): dict of arrays (N, T), as wide as the longest row;
            int32 (N, T), numbers of tags, or None; float32 (N, T), 1 at the first pieces of words
            and 0 elsewhere.

        Raises:
            ValueError: tags are not as many as words, or one is no label.
        """
        words = _checked_rows("words", words)
        packed, columns = self.tokenizer.encode_words(words, self.max_length)
        rows, numbers = np.nonzero(columns >= 0)
        places = rows, columns[rows, numbers]
        sample_weight = np.zeros(packed.token_ids.shape, "float32")
        sample_weight[places] = 1.0
        if tags is None:
            return packed.inputs, None, sample_weight
        tags = _checked_tags(tags, words)
        targets = self.labels.targets([tag for row in tags for tag in row])
        before = np.cumsum([0, *map(len, words)])  # words of all rows above
        labels = np.zeros(packed.token_ids.shape, "int32")
        labels[places] = targets[before[rows] + numbers]
        return packed.inputs, labels, sample_weight

    def row(self, text):
        return self.encode(self._words([text])[0])[0]

    def answer(self, inputs):
        """The best tag at every position: {"tags": int (B, T), "scores": float32 (B, T)}."""
        scores = ops.softmax(ops.cast(self.model(inputs), "float32"))  # (B, T, L)
        return {"tags": ops.argmax(scores, axis=-1), "scores": ops.max(scores, axis=-1)}

    def settings(self):
        return {**super().settings(), "labels": list(self.labels.names)}

    @classmethod
    def from_pretrained(cls, folder_or_hub_name, revision=None, labels=None, max_length=None):
        """Released weights with their tokenizer.

        Args:
            folder_or_hub_name, revision: as for `zoo.models.BERT.from_pretrained`.
            labels: None: the head and the tags of the folder. Given: a fresh head for these tags,
                to be trained, whatever the folder holds.
            max_length: as for the class.

        Raises:
            FileNotFoundError, ValueError: as for `zoo.models.BERTTagger.from_pretrained` and
                `zoo.text.WordPieceTokenizer.from_pretrained`.
        """
        folder = checkpoints.pretrained_folder(folder_or_hub_name, revision)
        if labels is None:
            model = BERTTagger.from_pretrained(folder)
            names = checkpoints.labels_of_bert(folder).names
            labels = names or [f"LABEL_{i}" for i in range(model.num_labels)]
        else:
            model = BERTTagger.from_pretrained(folder, num_labels=len(labels))
        return cls(model, WordPieceTokenizer.from_pretrained(folder), labels, max_length)

    def _write_model(self, folder):
        self.model.write_pretrained(folder, self.labels.names)

    def signatures(self):
        from zoo.serving import Signature, names_at

        graph = self.tokenizer.graph(self.max_length)

        def of_words(words, length):
            width = ops.shape(words)[1]
            length = ops.clip(length, 0, width)
            packed, columns = graph.encode_words(words, length)
            answer = self.answer(packed.inputs)
            seen, place = columns >= 0, ops.maximum(columns, 0)
            tags, scores = (_at(answer[name], place, ops) for name in _ANSWERS)
            tags = ops.where(seen, ops.cast(tags, "int32"), len(self.labels.names))
            inside = ops.arange(width, dtype="int32")[None] < length[:, None]  # (B, W)
            return {
                "tags": names_at(self._tags, tags, inside),
                "scores": ops.where(seen, scores, 0.0),
            }

        def of_texts(text):
            words, starts, ends = self.word_spans.in_graph(text)
            length = ops.cast(words.row_lengths(), "int32")
            tokens = words.to_tensor("")
            places = {"starts": starts.to_tensor(0), "ends": ends.to_tensor(0), "length": length}
            return {"tokens": tokens, **of_words(tokens, length), **places}

        texts = [{"text": texts} for texts in self.warm_up_texts()]
        table = {"words": ([None, None], "string"), "length": ([None], "int32")}
        rows = [{"words": [["a", ""], ["a", "b"]], "length": [1, 2]}]
        return {
            "serving_default": Signature(of_texts, {"text": ([None], "string")}, texts, [graph]),
            "words": Signature(of_words, table, rows, [graph]),
        }

    def _words(self, texts):
        """The words of texts, lists of str, and where they stand, lists of (start, end)."""
        spans = self.word_spans(texts)
        rows = zip(texts, spans, strict=True)
        return [[text[start:end] for start, end in row] for text, row in rows], spans

    def _tagged(self, words, batch_size):
        """Lists of N lists: a tag a word, str, and its score, float."""
        pieces = self.tokenizer.pieces([word for row in words for word in row])
        lengths = [len(row) for row in words]
        pieces, columns = rows_of_words(pieces, lengths)
        tags, scores = ([None] * len(words) for _ in range(2))
        for members, packed, answer in self.run(pieces, batch_size=batch_size):
            first = columns_within(columns[members], packed, np)  # (n, W)
            seen, place = first >= 0, np.maximum(first, 0)
            numbers, found = (_at(answer[name], place, np) for name in _ANSWERS)
            names = self._tags[np.where(seen, numbers, len(self.labels.names))]
            found = np.where(seen, found, 0.0)
            for row, member in enumerate(members):
                tags[member] = names[row, : lengths[member]].tolist()
                scores[member] = found[row, : lengths[member]].tolist()
        return tags, scores


def _at(values, columns, xp):
    """Values (B, T) at columns (B, W) -> (B, W), by the functions of `numpy` or `keras.ops`."""
    rows, width = xp.shape(values)
    before = xp.arange(rows, dtype="int32")[:, None] * width
    # Not take_along_axis: Keras' wants a row at least.
    return xp.take(xp.reshape(values, (-1,)), before + columns)


def _checked_rows(name, rows):
    """`rows` as a list of lists.

    Raises:
        TypeError: it is one string, or holds one.
    """
    return [check_texts(f"{name}[{i}]", row) for i, row in enumerate(check_texts(name, rows))]


def _checked_tags(tags, words):
    """`tags` as a list of lists, a tag for each of `words`."""
    tags = _checked_rows("tags", tags)
    if len(tags) != len(words):
        raise ValueError(f"tags must be as many rows as words, {len(words)}; got {len(tags)}")
    for row, (some, few) in enumerate(zip(tags, words, strict=True)):
        if len(some) != len(few):
            raise ValueError(f"tags[{row}] must be as many as words, {len(few)}; got {len(some)}")
    return tags
