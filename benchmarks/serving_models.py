"""Exports of every task to try servers with: small and of random weights, or of a real BERT's size.

    python -m benchmarks.serving_models FOLDER
    python -m benchmarks.serving_models FOLDER --pretrained MINILM --names classification tagging

writes FOLDER/NAME/1 for each. They answer nonsense, but their graphs are those of trained tasks.
"""

import argparse
import pathlib
import tempfile

from tests.small_bert import small_model, small_tokenizer, spread_labels
from tests.small_generators import CHARACTERS, small_generator, small_gpt

TEXTS = ["the food was good", "bad film!", "very bad food, good film", "new york"]


def translator():
    import keras

    from zoo.models import Transformer
    from zoo.tasks import Translator
    from zoo.text import train_sentencepiece

    keras.utils.set_random_seed(29)
    with tempfile.TemporaryDirectory() as folder:
        corpus = pathlib.Path(folder, "text")
        corpus.write_text("\n".join([*TEXTS, "a red cat sat on the old mat, 漢字"]), "utf-8")
        tokenizer = train_sentencepiece(corpus, 47)
    special = tokenizer.special_ids
    model = Transformer.from_size(
        "tiny", vocab_size=tokenizer.vocabulary_size, hidden_dim=24, feed_forward_dim=37,
        num_encoder_layers=1, num_decoder_layers=2, num_heads=3,
        pad_id=special.pad, start_id=special.start, end_id=special.end,
    )  # fmt: skip
    return Translator(model, tokenizer, max_source_length=23, length_offset=5)


class SmallBERT:
    """Two blocks of random weights that read 23 tokens."""

    max_length = 23
    windows = {"max_length": 23, "max_question_length": 5, "stride": 7, "max_answer_length": 4}

    def tokenizer(self):
        return small_tokenizer()

    def model(self, kind, **head):
        model = small_model(kind, **head)
        if head:
            inputs = self.tokenizer().encode_batch(TEXTS, max_length=self.max_length).inputs
            spread_labels(model, inputs)
        return model


class PretrainedBERT:
    """The weights of a Hugging Face folder with fresh heads, 128 tokens (questions 384)."""

    max_length = 128
    windows = {}

    def __init__(self, folder):
        self.folder = folder

    def tokenizer(self):
        from zoo.text import WordPieceTokenizer

        return WordPieceTokenizer.from_pretrained(self.folder)

    def model(self, kind, **head):
        return kind.from_pretrained(self.folder, **head)


def classifier(bert, labels=("bad", "good", "mixed"), num_texts=1):
    from zoo.models import BERTClassifier
    from zoo.tasks import TextClassifier

    model = bert.model(BERTClassifier, num_labels=3)
    labels = list(labels) if isinstance(labels, tuple) else labels
    return TextClassifier(model, bert.tokenizer(), labels, num_texts, max_length=bert.max_length)


def many_labels(bert):
    from zoo.tasks import ManyLabels

    return classifier(bert, ManyLabels(["a", "b", "c"], 0.5))


def tagger(bert):
    from zoo.models import BERTTagger
    from zoo.tasks import TextTagger

    names = ["O", "B-X", "I-X", "B-Y"]
    model = bert.model(BERTTagger, num_labels=len(names))
    return TextTagger(model, bert.tokenizer(), names, max_length=bert.max_length)


def answerer(bert):
    from zoo.models import BERTSpanSelector
    from zoo.tasks import QuestionAnswerer

    return QuestionAnswerer(bert.model(BERTSpanSelector), bert.tokenizer(), **bert.windows)


def embedder(bert):
    from zoo.models import BERT
    from zoo.tasks import TextEmbedder

    return TextEmbedder(bert.model(BERT), bert.tokenizer(), max_length=bert.max_length)


def mask_filler(bert):
    from zoo.models import BERTPretrainer
    from zoo.tasks import MaskFiller

    return MaskFiller(bert.model(BERTPretrainer), bert.tokenizer(), max_length=bert.max_length)


def scorer():
    from tests.backends import randomize
    from zoo.models import GPTReward
    from zoo.tasks import AnswerScorer
    from zoo.text import CharacterTokenizer

    model = randomize(GPTReward.from_model(small_gpt()), scale=0.3)
    return AnswerScorer(model, CharacterTokenizer(CHARACTERS, with_end=True))


BERT_TASKS = {
    "classification": classifier,
    "pairs": lambda bert: classifier(bert, num_texts=2),
    "many_labels": many_labels,
    "tagging": tagger,
    "questions": answerer,
    "embedding": embedder,
    "masks": mask_filler,
}
OTHERS = {"translation": translator, "generation": small_generator, "rewards": scorer}
NAMES = (*BERT_TASKS, *OTHERS)


def make_task(name, bert=None):
    """The task of a name; `bert` is a `PretrainedBERT`, None: a small one."""
    return BERT_TASKS[name](bert or SmallBERT()) if name in BERT_TASKS else OTHERS[name]()


def write_models(folder, names=NAMES, bert=None):
    """Export tasks as version 1 of their names; those that are there stay."""
    for name in names:
        target = pathlib.Path(folder, name, "1")
        if not target.exists():
            make_task(name, bert).export(target)
            print(f"exported {target}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--names", nargs="+", choices=NAMES)
    parser.add_argument("--pretrained", help="Hugging Face folder of a BERT, for tasks of BERT")
    given = parser.parse_args()
    bert = PretrainedBERT(given.pretrained) if given.pretrained else None
    names = given.names or (BERT_TASKS if bert else NAMES)
    write_models(given.folder, names, bert)


if __name__ == "__main__":
    main()
