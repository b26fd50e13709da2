"""Several ids may end a text, as in the folders of Llama 3."""

import pytest

from tests.checkpoints.test_llama import CONFIG
from tests.gpt_checkpoints import reference_model, torch, transformers
from tests.small_generators import CHARACTERS, PROMPTS, near, small_generator
from zoo import checkpoints
from zoo.models import GPT
from zoo.tasks import TextGenerator
from zoo.text import train_byte_bpe


@pytest.fixture(scope="module")
def generator():
    return small_generator()


@pytest.fixture(scope="module")
def ends(generator):
    """Two characters in the middle of texts."""
    texts = generator(PROMPTS)
    return [texts[0][4], texts[1][9]]


def ids_of(characters):
    return [CHARACTERS.index(each) for each in characters]


def cut(text, ends):
    return text[: min((text.index(each) for each in ends if each in text), default=None)]


DRAWING = {"temperature": 1.0, "top_k": 9, "seed": 3}


@pytest.mark.parametrize("options", [{}, DRAWING])
def test_a_text_ends_at_the_first_of_them(generator, ends, options):
    plain = generator(PROMPTS, **options)
    found = generator.generate(PROMPTS, end_ids=ids_of(ends), **options)
    assert [row[0].text for row in found] == [cut(text, ends) for text in plain]
    assert any(len(row[0].text) < len(text) for row, text in zip(found, plain, strict=True))
    for row, text in zip(found, plain, strict=True):
        if row[0].text != text:
            assert row[0].ended_by == "end"
            assert row[0].ids[-1] in ids_of(ends)


def test_streamed_and_drafted_texts_end_there_too(generator, ends):
    drafted = generator.with_draft(near(generator.model))
    for prompt in PROMPTS:
        (expected,) = generator([prompt], end_ids=ids_of(ends))
        assert "".join(generator.stream(prompt, end_ids=ids_of(ends))) == expected
        assert drafted([prompt], end_ids=ids_of(ends)) == [expected]
        stopped = generator([prompt], end_ids=ids_of(ends[:1]), stop=ends[1:])
        assert stopped == [expected]


def test_a_beam_that_ends_has_an_end_last_and_nowhere_else(generator, ends):
    every = {generator.tokenizer.end_id, *ids_of(ends)}
    found = generator.generate(PROMPTS, beam_size=3, end_ids=ids_of(ends))
    ended = [each for row in found for each in row if each.ended_by == "end"]
    assert {each.ids[-1] for each in ended} & set(ids_of(ends))
    for row in found:
        for each in row:
            assert not every & set(each.ids[:-1])
            assert (each.ids[-1] in every) == (each.ended_by == "end")


def test_the_task_keeps_them(generator, ends, tmp_path):
    made = small_generator(end_ids=ids_of(ends))
    made.save(tmp_path / "task")
    loaded = type(made).load(tmp_path / "task")
    assert loaded.options == made.options
    assert loaded(PROMPTS) == made(PROMPTS) == generator(PROMPTS, end_ids=ids_of(ends))


@pytest.mark.parametrize("end_ids", [[-1], ["a"], [1.5]])
def test_what_is_no_id_is_refused(end_ids):
    with pytest.raises(ValueError, match="end_ids must be a whole number from 0; got"):
        small_generator(end_ids=end_ids)


def test_folders_with_several_are_read_written_and_generate_the_same(tmp_path):
    (tmp_path / "words.txt").write_text("the cat sat on the mat. " * 40, encoding="utf-8")
    tokenizer = train_byte_bpe([tmp_path / "words.txt"], 270)
    size = tokenizer.vocabulary_size
    ends = [tokenizer.end_id, *range(3, size, 9)]
    own = {"vocab_size": size, "bos_token_id": tokenizer.start_id, "eos_token_id": ends}
    config = transformers.LlamaConfig(**{**CONFIG, "max_position_embeddings": 64, **own})
    reference = reference_model(transformers.LlamaForCausalLM, config, kernels=20)
    reference.save_pretrained(tmp_path / "theirs")
    tokenizer.write_pretrained(tmp_path / "theirs")
    made = TextGenerator.from_pretrained(tmp_path / "theirs", options={"max_new_tokens": 30})
    assert made.options.end_ids == tuple(ends[1:])
    prompts = [chr(ord("a") + i) for i in range(20)]
    found = [row[0] for row in made.generate(prompts)]
    for prompt, given in zip(prompts, found, strict=True):
        ids = torch.tensor(tokenizer.encode_prompts([prompt]).token_ids).long()
        expected = reference.generate(
            ids, max_new_tokens=30, do_sample=False, eos_token_id=ends, pad_token_id=0
        )[0, ids.shape[1] :].tolist()
        assert given.ids == expected
    assert len({each.ids[-1] for each in found if each.ended_by == "end"}) > 1

    made.save_pretrained(tmp_path / "ours")
    theirs = transformers.GenerationConfig.from_pretrained(tmp_path / "ours")
    assert theirs.eos_token_id == ends
    assert checkpoints.end_ids(tmp_path / "ours") == tuple(ends)
    again = TextGenerator.from_pretrained(tmp_path / "ours")
    assert again.options.end_ids == made.options.end_ids
    assert isinstance(again.model, GPT)


def test_a_folder_that_says_nothing_of_ends_has_none(tmp_path):
    assert checkpoints.end_ids(tmp_path) == ()  # as that of an original GPT-2
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert checkpoints.end_ids(tmp_path) == ()
    (tmp_path / "config.json").write_text('{"eos_token_id": 2}', encoding="utf-8")
    assert checkpoints.end_ids(tmp_path) == (2,)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 5]}', encoding="utf-8")
    assert checkpoints.end_ids(tmp_path) == (2, 5)
