"""Windows of long contexts: as the transformers library cuts them, in Python and in a graph."""

import numpy as np
import pytest

from tests.small_bert import small_tokenizer
from tests.wordpiece_texts import NASTY
from zoo.text import Pieces, SpecialIds, WindowRule
from zoo.text.windows import substrings_in_graph

tf = pytest.importorskip("tensorflow")

QUESTIONS = ["good film?", "", "what was not very bad", "漢字 é?", "the the the the"]
CONTEXTS = [
    "".join(NASTY),
    "",
    "the film was not good. " * 17,
    "new york",
    "a\U0001f600 漢 e\u0301 " * 5,
]
RULES = [(23, 8, 5), (31, 8, 0), (29, 8, 17), (12, 8, 0), (384, 64, 128)]
SPECIAL_IDS = SpecialIds(pad=0, unk=1, start=2, end=3)


def as_pieces(lengths, first_id=5):
    rows = [list(range(first_id, first_id + length)) for length in lengths]
    return Pieces(rows, rows, [[number + 1 for number in row] for row in rows])


def pieces_of(questions, contexts):
    tokenizer = small_tokenizer()
    return tokenizer.pieces(questions), tokenizer.pieces(contexts)


@pytest.mark.parametrize("sizes", RULES)
def test_windows_are_those_of_transformers(sizes, tmp_path):
    transformers = pytest.importorskip("transformers")
    rule, tokenizer = WindowRule(*sizes), small_tokenizer()
    tokenizer.save(tmp_path / "tokenizer")
    reference = transformers.BertTokenizerFast.from_pretrained(tmp_path / "tokenizer")
    expected = reference(
        QUESTIONS,
        CONTEXTS,
        truncation="only_second",
        max_length=rule.max_length,
        stride=rule.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        padding=True,
    )
    windows, packed = rule.pack(*pieces_of(QUESTIONS, CONTEXTS), tokenizer.special_ids)
    assert windows.rows.tolist() == expected["overflow_to_sample_mapping"]
    assert np.bincount(windows.rows).tolist() == windows.counts.tolist()
    assert packed.token_ids.tolist() == expected["input_ids"]
    assert packed.segment_ids.tolist() == expected["token_type_ids"]
    assert packed.padding_mask.tolist() == np.array(expected["attention_mask"], bool).tolist()
    offsets = np.stack([packed.starts, packed.ends], axis=-1)
    assert offsets.tolist() == [[list(pair) for pair in row] for row in expected["offset_mapping"]]
    for number in range(len(windows.rows)):
        is_context = np.array(expected.sequence_ids(number)) == 1
        assert packed.may_end[number].tolist() == is_context.tolist()


@pytest.mark.parametrize("sizes", RULES)
def test_a_graph_gives_the_same(sizes):
    rule, tokenizer = WindowRule(*sizes), small_tokenizer()
    graph = tokenizer.graph()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)] * 2, autograph=False)
    def pack(questions, contexts):
        pieces = graph.pieces(questions), graph.pieces(contexts)
        return rule.pack_in_graph(*pieces, tokenizer.special_ids)

    for questions, contexts in ((QUESTIONS, CONTEXTS), (QUESTIONS[:1], CONTEXTS[1:2]), ([], [])):
        expected = rule.pack(*pieces_of(questions, contexts), tokenizer.special_ids)
        given = pack(tf.constant(questions, tf.string), tf.constant(contexts, tf.string))
        for some, others in zip(given, expected, strict=True):
            for name, value in some._asdict().items():
                np.testing.assert_array_equal(value, getattr(others, name), err_msg=name)
                assert value.dtype in (tf.int32, tf.bool)


def test_computed_by_hand():
    """12 tokens less 3 special ones and a question of 2: room for 7, steps of 4."""
    windows, packed = WindowRule(12, 2, 3).pack(as_pieces([5, 1]), as_pieces([13, 8]), SPECIAL_IDS)
    assert windows.counts.tolist() == [3, 1]
    assert windows.rows.tolist() == [0, 0, 0, 1]
    assert windows.question_lengths.tolist() == [2, 2, 2, 1]
    assert windows.begins.tolist() == [0, 4, 8, 0]
    assert windows.lengths.tolist() == [7, 7, 5, 8]
    assert packed.token_ids[2].tolist() == [2, 5, 6, 3, 13, 14, 15, 16, 17, 3, 0, 0]
    # Pieces 4 and 5 of the first overlap (4, 5, 6) have more context behind them, or as much.
    assert packed.may_start[0].nonzero()[0].tolist() == [4, 5, 6, 7, 8, 9]
    assert packed.may_start[1].nonzero()[0].tolist() == [6, 7, 8, 9]
    assert packed.may_start[2].nonzero()[0].tolist() == [6, 7, 8]


@pytest.mark.parametrize("stride", [0, 1, 2, 3, 8, 9, 10])
def test_every_piece_counts_once_where_it_has_most_context(stride):
    rule = WindowRule(17, 3, stride)  # room for 11
    for length in range(1, 41):
        windows, packed = rule.pack(as_pieces([7]), as_pieces([length]), SPECIAL_IDS)
        ends = windows.begins + windows.lengths - 1
        counted = [set() for _ in range(length)]
        for number, (begin, columns) in enumerate(
            zip(windows.begins, packed.may_start, strict=True)
        ):
            for place in columns.nonzero()[0] - 5 + begin:
                counted[place].add(number)
        for place in range(length):
            context = np.minimum(place - windows.begins, ends - place)
            assert counted[place] == {int(np.argmax(context))}  # the first of equals


def test_a_long_question_loses_its_tail():
    rule = WindowRule(23, 4, 5)
    some = rule.pack(*pieces_of(["good bad film food"], CONTEXTS[2:3]), SPECIAL_IDS)[1]
    more = rule.pack(*pieces_of(["good bad film food the was"], CONTEXTS[2:3]), SPECIAL_IDS)[1]
    np.testing.assert_array_equal(some.token_ids, more.token_ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 3}, "max_length must be an integer of at least 4; got 3"),
        ({"max_question_length": 0}, "max_question_length must be an integer of at least 1"),
        ({"stride": -1}, "stride must be an integer of at least 0; got -1"),
        ({"stride": 1.5}, "stride must be an integer"),
        ({"stride": 317}, "leaves 317; got stride=317"),
        ({"max_length": 67, "stride": 0}, "leaves 0; got stride=0"),
    ],
)
def test_bad_sizes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        WindowRule(**arguments)


def test_substrings_count_code_points():
    text = "e\u0301é漢\U0001f600x"
    texts = [text.encode(), text.encode(), b"", b"\xffab\xff"]
    cut = substrings_in_graph(
        tf.constant(texts), tf.constant([1, 3, 0, 0]), tf.constant([4, 6, 0, 2])
    )
    assert [each.decode() for each in cut.numpy()] == [text[1:4], text[3:6], "", "\ufffda"]
