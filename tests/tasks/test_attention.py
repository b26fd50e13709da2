"""Every task gives its attention: tokens, weights that sum to one, and the numbers behind them."""

import functools
import inspect

import numpy as np
import pytest

import zoo
from tests.small_generators import CHARACTERS, small_generator, small_gpt
from tests.small_tasks import TASKS, bert_task, small_translator
from zoo import tasks
from zoo.tasks import Attention
from zoo.tasks.task import Task

WORDS = ["[CLS]", "the", "film", "was", "good", "##ly", "[SEP]"]


@functools.cache
def attention_of(name):
    make, texts = TASKS[name]
    return make().attention(*texts)


def test_no_task_is_left_out():
    exported = (getattr(tasks, name) for name in tasks.__all__)
    classes = {each for each in exported if inspect.isclass(each) and issubclass(each, Task)}
    assert {type(make()) for make, _ in TASKS.values()} == classes


@pytest.mark.parametrize("name", TASKS)
def test_weights_sum_to_one_over_what_may_be_attended(name):
    found = attention_of(name)
    kinds = {"Translator": {"encoder", "decoder", "cross"}}
    kinds |= {"TextGenerator": {"decoder"}, "AnswerScorer": {"decoder"}}
    assert set(found) == kinds.get(name, {"encoder"})
    for kind, attention in found.items():
        num_layers, num_heads, length, keys = attention.weights.shape
        assert (num_layers, num_heads) == (2 - (name == "Translator" and kind == "encoder"), 7)
        assert (length, keys) == (len(attention.queries), len(attention.keys))
        allowed = attention.allowed
        assert allowed.any(axis=-1).all()
        np.testing.assert_allclose(attention.weights.sum(-1), 1, atol=1e-5)
        assert (attention.weights[~np.repeat(allowed[:, None], num_heads, axis=1)] == 0).all()
        if kind == "decoder":
            np.testing.assert_array_equal(allowed[0], np.tri(length, dtype=bool))
        else:
            assert allowed.all()


@pytest.mark.parametrize("name", TASKS)
def test_the_steps_lead_from_queries_to_weights(name):
    for attention in attention_of(name).values():
        for layer in range(attention.num_layers):
            for head in (0, attention.num_heads - 1):
                steps = attention.steps(layer, head)
                np.testing.assert_allclose(steps.scores, steps.query @ steps.key.T, atol=1e-5)
                size = steps.query.shape[-1]
                np.testing.assert_allclose(steps.scaled, steps.scores / size**0.5, atol=1e-4)
                powers = np.where(steps.allowed, np.exp(steps.scaled - steps.scaled.max()), 0)
                expected = powers / powers.sum(-1, keepdims=True)
                np.testing.assert_allclose(steps.weights, expected, atol=1e-5)
                np.testing.assert_allclose(steps.output, expected @ steps.value, atol=1e-4)


def test_tokens_are_those_that_the_model_reads():
    cross, decoder = (attention_of("Translator")[kind] for kind in ("cross", "decoder"))
    assert cross.keys[-1] == "</s>"
    assert "".join(cross.keys[:-1]) == "▁the▁cat▁sat"
    assert cross.queries[0] == "<s>"
    assert "".join(cross.queries[1:]) == "▁two▁cats"
    assert cross.following == (*cross.queries[1:], "</s>")
    assert decoder.queries == decoder.keys == cross.queries
    assert attention_of("TextClassifier")["encoder"].keys == tuple(WORDS)
    assert attention_of("TextTagger")["encoder"].keys == tuple(WORDS)
    pair = attention_of("pairs")["encoder"].keys
    assert pair == ("[CLS]", "the", "film", "[SEP]", "was", "good", "##ly", "[SEP]")
    window = attention_of("QuestionAnswerer")["encoder"].keys
    assert window[:5] == ("[CLS]", "good", "food", "[SEP]", "the")
    assert len(window) == 23
    generated = attention_of("TextGenerator")["decoder"]
    assert "".join(generated.queries) == "once upon"
    assert generated.following == (*"nce upon", "")
    scored = attention_of("AnswerScorer")["decoder"]
    assert scored.queries == scored.keys == (*"hello there yes", "<end>")


def test_a_translation_of_ones_own_is_the_default():
    own = small_translator().attention("the cat sat")["cross"].queries
    (text,) = small_translator()(["the cat sat"])
    assert own == small_translator().attention("the cat sat", text)["cross"].queries


@pytest.mark.parametrize("text", ["", " ", "x" * 400])
def test_texts_of_any_length(text):
    for found in (
        small_translator().attention(text, ""),
        bert_task(tasks.TextEmbedder).attention(text),
    ):
        for attention in found.values():
            np.testing.assert_allclose(attention.weights.sum(-1), 1, atol=1e-5)


def test_generators_with_a_prefix_and_empty_prompts():
    generator = small_generator().with_prefix("abc")
    assert generator.attention("de")["decoder"].queries[-5:] == tuple("abcde")
    assert small_generator().attention("")["decoder"].queries == ("<end>",)
    without_start = small_generator(with_end=False)
    with pytest.raises(ValueError, match="is empty"):
        without_start.attention("")


def test_heads_that_share_keys_and_turn_by_position():
    model = small_gpt(num_heads=6, hidden_dim=24, num_key_value_heads=2, positions="rotary")
    generator = zoo.tasks.TextGenerator(model, zoo.text.CharacterTokenizer(CHARACTERS, True))
    attention = generator.attention("hello")["decoder"]
    assert attention.key.shape == (2, 2, 5, 4)
    for head in range(6):
        steps = attention.steps(1, head)
        scaled = np.where(steps.allowed, steps.query @ steps.key.T / 2, -np.inf)
        powers = np.exp(scaled)
        np.testing.assert_allclose(steps.weights, powers / powers.sum(-1, keepdims=True), atol=1e-5)


def test_what_is_not_there_is_refused():
    attention = attention_of("TextGenerator")["decoder"]
    with pytest.raises(ValueError, match="layer must be 0 to 1 .*decoder.*; got 2"):
        attention.steps(2, 0)
    with pytest.raises(ValueError, match="head must be 0 to 6 .*; got -1"):
        attention.steps(0, -1)
    with pytest.raises(ValueError, match="no encoder attention"):
        Attention.of_calls("encoder", [], ["a"], ["a"])
    with pytest.raises(TypeError):
        bert_task(tasks.TextEmbedder).attention("one", "two")
