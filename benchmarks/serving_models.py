"""Small exports of every task, random weights, to try servers with.

    python -m benchmarks.serving_models FOLDER

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


def _spread(model):
    spread_labels(model, small_tokenizer().encode_batch(TEXTS, max_length=23).inputs)
    return model


def classifier(labels=("bad", "good", "mixed"), num_texts=1):
    from zoo.models import BERTClassifier
    from zoo.tasks import TextClassifier

    model = _spread(small_model(BERTClassifier, num_labels=3))
    labels = list(labels) if isinstance(labels, tuple) else labels
    return TextClassifier(model, small_tokenizer(), labels, num_texts, max_length=23)


def many_labels():
    from zoo.tasks import ManyLabels

    return classifier(ManyLabels(["a", "b", "c"], 0.5))


def tagger():
    from zoo.models import BERTTagger
    from zoo.tasks import TextTagger

    names = ["O", "B-X", "I-X", "B-Y"]
    model = _spread(small_model(BERTTagger, num_labels=len(names)))
    return TextTagger(model, small_tokenizer(), names, max_length=23)


def answerer():
    from zoo.models import BERTSpanSelector
    from zoo.tasks import QuestionAnswerer

    sizes = {"max_length": 23, "max_question_length": 5, "stride": 7, "max_answer_length": 4}
    return QuestionAnswerer(small_model(BERTSpanSelector), small_tokenizer(), **sizes)


def embedder():
    from zoo.models import BERT
    from zoo.tasks import TextEmbedder

    return TextEmbedder(small_model(BERT), small_tokenizer(), max_length=23)


def mask_filler():
    from zoo.models import BERTPretrainer
    from zoo.tasks import MaskFiller

    return MaskFiller(small_model(BERTPretrainer), small_tokenizer(), max_length=23)


def scorer():
    from tests.backends import randomize
    from zoo.models import GPTReward
    from zoo.tasks import AnswerScorer
    from zoo.text import CharacterTokenizer

    model = randomize(GPTReward.from_model(small_gpt()), scale=0.3)
    return AnswerScorer(model, CharacterTokenizer(CHARACTERS, with_end=True))


TASKS = {
    "translation": translator,
    "classification": classifier,
    "pairs": lambda: classifier(num_texts=2),
    "many_labels": many_labels,
    "tagging": tagger,
    "questions": answerer,
    "embedding": embedder,
    "masks": mask_filler,
    "generation": small_generator,
    "rewards": scorer,
}


def write_models(folder, names=tuple(TASKS)):
    """Export tasks as version 1 of their names; those that are there stay."""
    for name in names:
        target = pathlib.Path(folder, name, "1")
        if not target.exists():
            TASKS[name]().export(target)
            print(f"exported {target}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--names", nargs="+", choices=list(TASKS), default=list(TASKS))
    given = parser.parse_args()
    write_models(given.folder, given.names)


if __name__ == "__main__":
    main()
