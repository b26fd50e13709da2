import keras
import pytest

from tests.small_generators import CHARACTERS, PROMPTS, near, small_generator, small_gpt
from zoo.models import GPT

PREFIX = "well then "


@pytest.fixture(scope="module")
def generator():
    return small_generator()


@pytest.fixture(scope="module")
def draft():
    return near(small_gpt())


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "seed": 2}, {"beam_size": 2}])
def test_a_prefix_is_text_before_every_prompt(generator, options):
    prefixed = generator.with_prefix(PREFIX)
    expected = generator([PREFIX + prompt for prompt in PROMPTS], **options)
    assert prefixed(PROMPTS, **options) == expected
    assert prefixed(PROMPTS, batch_size=2, **options) == expected
    if "beam_size" not in options:
        drawn = generator([PREFIX + PROMPTS[1]], **options)[0]
        assert "".join(prefixed.stream(PROMPTS[1], **options)) == drawn


def test_prefixes_add_up(generator):
    twice = generator.with_prefix(PREFIX[:4]).with_prefix(PREFIX[4:])
    assert twice(PROMPTS) == generator([PREFIX + prompt for prompt in PROMPTS])
    one = generator.with_prefix("q")
    assert one(PROMPTS) == generator(["q" + prompt for prompt in PROMPTS])


def test_long_prompts_lose_their_beginning_behind_the_prefix(generator):
    room = 61 - len(PREFIX) - 17
    prefixed = generator.with_prefix(PREFIX)
    long = "abcdefghij" * 5
    assert prefixed([long]) == generator([PREFIX + long[-room:]])


def test_a_prefix_without_room(generator):
    with pytest.raises(ValueError, match="max_new_tokens must leave room"):
        generator.with_prefix("a" * 61)
    with pytest.raises(ValueError, match="a prefix must have a token"):
        small_generator(with_end=False).with_prefix("")


@pytest.mark.parametrize("num_drafts", [1, 4])
def test_drafts_change_nothing(generator, draft, num_drafts):
    expected = generator(PROMPTS)
    for model in (draft, GPT(draft.config)):  # one that is often right, one that hardly ever is
        drafted = generator.with_draft(model, num_drafts)
        assert drafted(PROMPTS) == expected
        assert drafted(PROMPTS, batch_size=1) == expected
    assert "".join(drafted.stream(PROMPTS[0])) == expected[0]
    stop = expected[0][3:5]
    assert drafted(PROMPTS[:1], stop=stop) == generator(PROMPTS[:1], stop=stop)


def test_scores_of_drafted_texts(generator, draft):
    expected = generator.generate(PROMPTS)
    found = generator.with_draft(draft, 3).generate(PROMPTS)
    for one, other in zip(found, expected, strict=True):
        assert one[0].ids == other[0].ids
        assert one[0].score == pytest.approx(other[0].score, abs=1e-5)


def test_good_drafts_save_steps(generator, draft):
    drafted = generator.with_draft(draft, 4)
    assert len(list(drafted.stream(PROMPTS[0]))) < 0.6 * len(list(generator.stream(PROMPTS[0])))


def test_a_draft_behind_a_prefix(generator, draft):
    expected = generator([PREFIX + prompt for prompt in PROMPTS])
    assert generator.with_prefix(PREFIX).with_draft(draft, 3)(PROMPTS) == expected
    assert generator.with_draft(draft, 3).with_prefix(PREFIX)(PROMPTS) == expected


def test_drafts_up_to_the_last_position(generator, draft):
    drafted = generator.with_draft(draft, 4)
    long = "abcdefghij" * 6
    kept = long[-(61 - 5 - 17) :]
    assert drafted([long]) == generator([kept])


def test_what_does_not_go_with_a_draft(generator, draft, tmp_path):
    drafted = generator.with_draft(draft)
    for options in ({"temperature": 1.0}, {"beam_size": 2}, {"repetition_penalty": 1.1}):
        with pytest.raises(ValueError, match="with a draft takes the most probable tokens"):
            drafted(PROMPTS, **options)
    keras.utils.set_random_seed(0)
    other = GPT.from_size(
        "gpt2",
        vocab_size=len(CHARACTERS),
        num_layers=1,
        hidden_dim=64,
        num_heads=1,
        end_id=None,
        start_id=None,
    )
    with pytest.raises(ValueError, match="draft must have the model's vocabulary"):
        generator.with_draft(other)
    for each in (drafted, generator.with_prefix("a")):
        with pytest.raises(ValueError, match="with a prefix or a draft is not exported"):
            each.export(tmp_path / "1")
