"""Tasks: a model and its tokenizers; strings in, strings out."""

from zoo.tasks.answer_scorer import AnswerScorer
from zoo.tasks.answers import Answer, EncodedWindows
from zoo.tasks.attention import Attention, HeadSteps
from zoo.tasks.entities import Entity, TaggedToken, spans_of_tags
from zoo.tasks.generation import Generation
from zoo.tasks.generation_options import GenerationOptions
from zoo.tasks.labels import ManyLabels, Number, OneLabel
from zoo.tasks.mask_filler import Fill, MaskFiller
from zoo.tasks.question_answerer import QuestionAnswerer
from zoo.tasks.rollouts import Rollout, Rollouts, RunawayKL
from zoo.tasks.saving import load_task
from zoo.tasks.text_classifier import TextClassifier
from zoo.tasks.text_embedder import TextEmbedder
from zoo.tasks.text_generator import TextGenerator
from zoo.tasks.text_scores import Score
from zoo.tasks.text_tagger import TextTagger
from zoo.tasks.translator import Translation, Translator

__all__ = [
    "Answer",
    "AnswerScorer",
    "Attention",
    "EncodedWindows",
    "Entity",
    "Fill",
    "Generation",
    "GenerationOptions",
    "HeadSteps",
    "ManyLabels",
    "MaskFiller",
    "Number",
    "OneLabel",
    "QuestionAnswerer",
    "Rollout",
    "Rollouts",
    "RunawayKL",
    "Score",
    "TaggedToken",
    "TextClassifier",
    "TextEmbedder",
    "TextGenerator",
    "TextTagger",
    "Translation",
    "Translator",
    "load_task",
    "spans_of_tags",
]
