"""One id a character."""

import numpy as np
import pytest

from zoo.text import CharacterTokenizer, open_ids, write_ids

TEXT = "hé! 漢字\n🎉\x00 end\ufffd"


@pytest.fixture(params=[False, True], ids=["without_end", "with_end"])
def tokenizer(request):
    return CharacterTokenizer.from_text(TEXT, with_end=request.param)


def test_by_hand():
    tokenizer = CharacterTokenizer("cab")
    assert tokenizer.encode(["abc", ""]) == [[1, 2, 0], []]
    assert tokenizer.decode([[0, 0, 2], []]) == ["ccb", ""]
    assert tokenizer.vocabulary_size == 3
    assert tokenizer.start_id is tokenizer.end_id is tokenizer.pad_id is None
    ended = CharacterTokenizer("cab", with_end=True)
    assert ended.start_id == ended.end_id == 3
    assert ended.vocabulary_size == 4
    assert ended.decode([[0, 3, 1]]) == ["ca"]


def test_of_a_text(tokenizer):
    assert tokenizer.characters == "".join(sorted(set(TEXT)))
    assert tokenizer.decode(tokenizer.encode([TEXT])) == [TEXT]


def test_unknown_characters():
    tokenizer = CharacterTokenizer("ab")
    with pytest.raises(ValueError, match=r"texts\[1\] holds 'é' at position 2, .* none of the 2"):
        tokenizer.encode(["ab", "abé"])
    with pytest.raises(ValueError, match="row 0 holds the id 2, outside the vocabulary of 2 ids"):
        tokenizer.decode([[1, 2]])


@pytest.mark.parametrize(
    ("characters", "culprit"),
    [
        ("", "characters is empty"),
        ("aba", "characters holds 'a' twice"),
        (["ab"], r"characters\[0\] must be one character, got 'ab'"),
        (["\ud800"], "lone surrogate"),
    ],
)
def test_characters_that_are_none(characters, culprit):
    with pytest.raises(ValueError, match=culprit):
        CharacterTokenizer(characters)


def test_texts_that_are_none(tokenizer):
    with pytest.raises(ValueError, match="texts must be a list of str, got one str"):
        tokenizer.encode("h")
    with pytest.raises(ValueError, match=r"texts\[0\] must be a str, got int"):
        tokenizer.encode([3])
    with pytest.raises(ValueError, match="text is empty|characters is empty"):
        CharacterTokenizer.from_text("")


def test_save_load_and_ids_on_disk(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "new")
    again = CharacterTokenizer.load(tmp_path / "new")
    assert again.fingerprint == tokenizer.fingerprint
    assert again.encode([TEXT]) == tokenizer.encode([TEXT])
    assert (again.end_id, again.vocabulary_size) == (tokenizer.end_id, tokenizer.vocabulary_size)
    other = CharacterTokenizer(TEXT[:3], with_end=tokenizer.end_id is not None)
    assert other.fingerprint != tokenizer.fingerprint
    write_ids(tmp_path / "ids", [TEXT, "end"], tokenizer)
    with pytest.raises(ValueError, match="remove the folder"):
        open_ids(tmp_path / "ids", other)
    settings = tmp_path / "new" / "characters.json"
    settings.write_text(settings.read_text().replace("end", "dne"))
    with pytest.raises(ValueError, match="holds no whole CharacterTokenizer"):
        CharacterTokenizer.load(tmp_path / "new")


@pytest.mark.parametrize("max_length", [None, 3])
def test_graph(tokenizer, max_length, tmp_path):
    tf = pytest.importorskip("tensorflow")
    module = tf.Module()
    module.graph = tokenizer.graph(max_length)
    tf.saved_model.save(module, tmp_path / "1")
    dice = np.random.default_rng(3)
    given = [TEXT, "", *("".join(dice.choice(list(TEXT), k)) for k in range(1, 13))]
    for graph in (module.graph, tf.saved_model.load(tmp_path / "1").graph):
        assert graph.encode(given).to_list() == tokenizer.encode(given)
        prompts, expected = graph.encode_prompts(given), tokenizer.encode_prompts(given, max_length)
        np.testing.assert_array_equal(prompts[0], expected.token_ids)
        np.testing.assert_array_equal(prompts[1], expected.padding_mask)
        ids = dice.integers(0, tokenizer.vocabulary_size, (7, 11))
        assert [row.decode() for row in graph.decode(ids).numpy()] == tokenizer.decode(ids)
        assert graph.decode([[-1, 99]]).numpy().tolist() == [b""]
        # Unknown characters are left out, invalid UTF-8 is U+FFFD, which this vocabulary knows.
        unknown = graph.encode(["hxé", b"h\xff", "z"]).to_list()
        assert unknown == tokenizer.encode(["hé", "h\ufffd", ""])
    empty = tokenizer.encode_prompts([""])
    assert empty.padding_mask.tolist() == [[tokenizer.start_id is not None]]
