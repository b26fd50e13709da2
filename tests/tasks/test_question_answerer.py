"""Questions to answers: against all spans of all windows one by one, and trained on a few."""

import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from tests.small_bert import WORDS, small_model, small_tokenizer
from zoo.compiled import on_tensorflow
from zoo.models import BERTSpanSelector
from zoo.tasks import Answer, QuestionAnswerer
from zoo.text import WindowRule


def words(count):
    """Random ones: two equal windows would have two best answers."""
    return " ".join(np.random.default_rng(count).choice(WORDS, count))


QUESTIONS = ["good food?", "", "the very bad film was not good", "x", "york", "漢?"]
CONTEXTS = [
    words(41),
    "caf\u00e9 e\u0301a 漢字 \U0001f600 bad",
    "",
    "the film",
    "\U0001f600\U0001f600 the food was very good, e\u0301 " + words(17),
    " ",
]
SIZES = {"max_length": 23, "max_question_length": 5, "stride": 7, "max_answer_length": 4}


def make(**settings):
    model = small_model(BERTSpanSelector)
    model.span.kernel.assign(model.span.kernel * 7)  # logits that differ from token to token
    return QuestionAnswerer(model, small_tokenizer(), **{**SIZES, **settings})


@pytest.fixture(scope="module")
def answerer():
    return make()


def all_answers(answerer, question, context):
    """[(logit, start, end)] of all legal spans, best first, and the empty answer's logit."""
    pieces = answerer.tokenizer.pieces([question]), answerer.tokenizer.pieces([context])
    rule = WindowRule(23, 5, 7)
    windows, packed = rule.pack(*pieces, answerer.tokenizer.special_ids)
    logits = to_numpy(answerer.model(packed.inputs))
    starts, ends = pieces[1].starts[0], pieces[1].ends[0]
    last = windows.begins + windows.lengths - 1
    found = []
    for first in range(len(starts)):
        # The window where the first token has most context, the first one of equals.
        number = int(np.argmax(np.minimum(first - windows.begins, last - first)))
        shift = 2 + windows.question_lengths[number] - windows.begins[number]
        for end in range(first, min(first + 4, last[number] + 1)):
            logit = logits["start_logits"][number, first + shift]
            logit = logit + logits["end_logits"][number, end + shift]
            found.append((float(logit), starts[first], ends[end]))
    null = min(logits["start_logits"][:, 0] + logits["end_logits"][:, 0])
    return sorted(found, reverse=True), float(null)


def test_answers_are_the_best_of_all_spans(answerer):
    best = answerer.n_best(QUESTIONS, CONTEXTS, 5)
    answers = answerer(QUESTIONS, CONTEXTS)
    for row, (question, context) in enumerate(zip(QUESTIONS, CONTEXTS, strict=True)):
        spans, null = all_answers(answerer, question, context)
        mass = np.exp(null) + sum(np.exp(logit) for logit, *_ in spans)
        assert [(x.start, x.end) for x in best[row]] == [
            (start, end) for _, start, end in spans[:5]
        ]
        expected = [np.exp(logit) / mass for logit, *_ in spans[:5]]
        np.testing.assert_allclose([x.score for x in best[row]], expected, rtol=1e-4)
        assert all(x.text == context[x.start : x.end] for x in best[row])
        if not spans:
            assert answers[row] == Answer("", 1.0, 0, 0)
            continue
        assert answers[row][2:] == best[row][0][2:]
        assert answers[row].score == pytest.approx(best[row][0].score, rel=1e-5)
    assert [len(row) for row in best] == [5, 5, 0, 3, 5, 0]


def test_batches_change_nothing(answerer):
    whole = answerer(QUESTIONS, CONTEXTS)
    backwards = answerer(QUESTIONS[::-1], CONTEXTS[::-1], batch_size=2)[::-1]
    for some, other in zip(whole, backwards, strict=True):
        assert some[0] == other[0]
        assert some[2:] == other[2:]
        assert some.score == pytest.approx(other.score, abs=1e-5)
    assert answerer([], []) == answerer.n_best([], [], 3) == []


def test_the_empty_answer_above_the_threshold(answerer):
    spans = [all_answers(answerer, *pair) for pair in zip(QUESTIONS, CONTEXTS, strict=True)]
    margins = [null - found[0][0] if found else np.inf for found, null in spans]
    finite = sorted(margin for margin in margins if margin < np.inf)
    threshold = (finite[1] + finite[2]) / 2
    silent = make(null_threshold=threshold)(QUESTIONS, CONTEXTS)
    for answer, margin, (found, null) in zip(silent, margins, spans, strict=True):
        assert (answer.text == "") == (margin > threshold)
        if margin > threshold:
            mass = np.exp(null) + sum(np.exp(logit) for logit, *_ in found)
            assert answer.score == pytest.approx(np.exp(null) / mass, rel=1e-4)
            assert answer[2:] == (0, 0)


GOLD = [  # question, context, answer
    ("good?", "caf\u00e9 cafe\u0301 \U0001f600 new york", "new york"),
    ("bad?", "\U0001f600\U0001f600 e\u0301e\u0301 bad film, 漢字", "漢字"),
    ("what?", "the very good food " * 6 + "was 字. " + "a film " * 4, "字"),
    ("york?", "\U0001f469\u200d\U0001f467 x caf\u00e9! not york", "caf\u00e9"),
]


def pairs(gold):
    return [(answer, context.index(answer)) for _, context, answer in gold]


def test_targets_are_the_columns_of_the_answers(answerer):
    questions, contexts, _ = zip(*GOLD, strict=True)
    answers = [*pairs(GOLD)[:3], None]
    inputs, targets, rows = answerer.encode(questions, contexts, answers)
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask"}
    assert rows.tolist() == sorted(rows.tolist())
    pieces = answerer.tokenizer.pieces(questions), answerer.tokenizer.pieces(contexts)
    windows, packed = WindowRule(23, 5, 7).pack(*pieces, answerer.tokenizer.special_ids)
    for name, value in packed.inputs.items():
        np.testing.assert_array_equal(inputs[name], value)
    held = {0: 0, 1: 0, 2: 0, 3: 0}
    for number, row in enumerate(rows):
        first, last = (targets[name][number] for name in ("start_logits", "end_logits"))
        context, answer = contexts[row], answers[row]
        inside = packed.may_end[number]
        starts, ends = packed.starts[number][inside], packed.ends[number][inside]
        text = context[packed.starts[number, first] : packed.ends[number, last]]
        is_held = answer is not None and answer[1] in starts and answer[1] + len(answer[0]) in ends
        assert text == (answer[0] if is_held else "")
        assert (first > 0) == (last > 0) == is_held
        held[row] += is_held
    assert held[0] == held[1] == 1
    assert held[2] in (1, 2)
    assert held[3] == 0
    assert len(rows) > 4
    assert answerer.encode(questions, contexts).targets is None


def test_an_answer_within_a_word_gets_the_tokens_that_it_touches(answerer):
    _, targets, _ = answerer.encode(["x"], ["newyork food"], [("wyor", 2)])
    (first,), (last,) = targets.values()
    # [CLS] x [SEP] new ##y ##o ##r ##k food
    assert (first, last) == (3, 6)


def test_learns_and_tells_what_has_no_answer():
    model = small_model(BERTSpanSelector, scale=0.25, dropout=0.0, attention_dropout=0.0)
    answerer = QuestionAnswerer(model, small_tokenizer(), 31, 5, stride=13, max_answer_length=4)
    questions, contexts, answers = map(list, zip(*GOLD, strict=True))
    swapped = contexts[1:] + contexts[:1]
    # Each question with another one's context has no answer.
    targets = [*pairs(GOLD), *[None] * 4]
    inputs, targets, _ = answerer.encode(questions * 2, contexts + swapped, targets)
    optimizer = keras.optimizers.Adam(1e-2)
    model.compile(optimizer, answerer.loss(), jit_compile=False if on_tensorflow() else "auto")
    model.fit(inputs, targets, epochs=60, batch_size=32, verbose=0)
    found = answerer(questions, contexts)
    assert [answer.text for answer in found] == answers
    for answer, context in zip(found, contexts, strict=True):
        assert context[answer.start : answer.end] == answer.text
    right = [[answer] for answer in answers] + [[]] * 4
    threshold = answerer.fit_null_threshold(questions * 2, contexts + swapped, right)
    assert answerer.null_threshold == threshold
    given = [answer.text for answer in answerer(questions * 2, contexts + swapped)]
    assert given == answers + [""] * 4


def test_folders(answerer, tmp_path):
    silent = make(null_threshold=0.25)
    silent.save(tmp_path / "task")
    loaded = zoo.load(tmp_path / "task")
    assert loaded.settings() == silent.settings() == {**SIZES, "null_threshold": 0.25}
    for some, other in zip(silent(QUESTIONS, CONTEXTS), loaded(QUESTIONS, CONTEXTS), strict=True):
        assert some == other
    answerer.save_pretrained(tmp_path / "pretrained")
    loaded = QuestionAnswerer.from_pretrained(tmp_path / "pretrained", **SIZES)
    assert loaded(QUESTIONS, CONTEXTS) == answerer(QUESTIONS, CONTEXTS)


def test_sizes_by_default():
    model = small_model(BERTSpanSelector, num_positions=397)
    settings = QuestionAnswerer(model, small_tokenizer()).settings()
    assert (settings["max_length"], settings["stride"]) == (384, 128)
    with pytest.raises(ValueError, match="leaves -36; got stride=128"):
        QuestionAnswerer(small_model(BERTSpanSelector), small_tokenizer())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", ["b"]), "questions must be a list of str; got one string"),
        ((["a"], "b"), "contexts must be a list of str; got one string"),
        ((["a"], [b"b"]), r"contexts\[0\] must be a str, got bytes"),
        ((["a", "a"], ["b", "\ud800"]), r"contexts\[1\] holds a lone surrogate"),
        ((["a", "b"], ["c"]), "contexts must be as many as questions, 2; got 1"),
        ((["a"], ["b"], 0), "batch_size must be at least 1; got 0"),
    ],
)
def test_bad_texts_are_named(answerer, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        answerer(*arguments)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([], "answers must be as many as contexts, 1; got 0"),
        ([("york", 5)], r"answers\[0\]: 'york' does not stand in its context at 5.*'ork'"),
        ([("york", -4)], r"answers\[0\]: 'york' does not stand"),
        ([("", 0)], r"answers\[0\]: '' does not stand"),
        (["york"], r"answers\[0\] must be \(text, start\), or None; got 'york'"),
        ([(" ", 3)], r"answers\[0\]: ' ' holds no token"),
    ],
)
def test_bad_answers_are_named(answerer, answers, message):
    with pytest.raises(ValueError, match=message):
        answerer.encode(["a"], ["new york"], answers)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([["a"]], "answers must be as many as questions, 2; got 1"),
        ([["a"], ["b"]], r"answers must be \[\] for some questions, but not for all"),
        ([[], []], r"answers must be \[\] for some questions, but not for all"),
        (["a", []], r"answers\[0\] must be a list of str; got one str: 'a'"),
    ],
)
def test_bad_right_answers_are_named(answerer, answers, message):
    with pytest.raises((TypeError, ValueError), match=message):
        answerer.fit_null_threshold(["a", "b"], ["the film", "x"], answers)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_answer_length": 0}, "max_answer_length must be an integer of at least 1; got 0"),
        (
            {"null_threshold": float("nan")},
            "null_threshold must be a finite number, or None; got nan",
        ),
        ({"stride": 15}, "stride must be below the room.*leaves 15; got stride=15"),
        ({"max_length": 37}, "at most the model's 31 positions; got 37"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_n_must_be_positive(answerer):
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got 0"):
        answerer.n_best(["a"], ["b"], 0)
