"""Beams of a generator are those of the transformers library, with a repetition penalty too."""

import dataclasses

import numpy as np
import pytest

from tests.gpt_checkpoints import reference_model, torch, transformers
from tests.serving.calls import in_process, only_in_process
from tests.small_generators import CHARACTERS, PROMPTS
from zoo.models import GPT
from zoo.tasks import GenerationOptions, TextGenerator
from zoo.text import CharacterTokenizer

END = len(CHARACTERS)
PENALTIES = [1.0, 1.3, 0.7]


@pytest.fixture(scope="module")
def reference():
    config = transformers.GPT2Config(
        vocab_size=len(CHARACTERS) + 1,
        n_embd=28,
        n_layer=2,
        n_head=7,
        n_positions=61,
        bos_token_id=END,
        eos_token_id=END,
    )
    return reference_model(transformers.GPT2LMHeadModel, config, biases=0.05, kernels=15)


@pytest.fixture(scope="module")
def generator(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    reference.save_pretrained(folder)
    tokenizer = CharacterTokenizer(CHARACTERS, with_end=True)
    return TextGenerator(GPT.from_pretrained(folder), tokenizer, {"max_new_tokens": 13})


def expected_beams(reference, generator, prompt, ends=(END,), **options):
    """Ids and scores of `generate`; alone, because it penalizes padding as if it were prompt."""
    ids = torch.tensor(generator.row(prompt)).long()
    found = reference.generate(
        ids,
        max_new_tokens=13,
        num_beams=3,
        num_return_sequences=3,
        early_stopping="never",
        do_sample=False,
        eos_token_id=list(ends),
        pad_token_id=END,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    rows = []
    for row in found.sequences[:, ids.shape[1] :].tolist():
        places = [place for place, token in enumerate(row) if token in ends]
        rows.append(row[: places[0] + 1] if places else row)
    return rows, found.sequences_scores.numpy()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_beams_equal_generate(reference, generator, penalty, length_penalty):
    options = {"repetition_penalty": penalty, "length_penalty": length_penalty}
    found = generator.generate(PROMPTS, beam_size=3, **options)
    for prompt, row in zip(PROMPTS, found, strict=True):
        ids, scores = expected_beams(reference, generator, prompt, **options)
        assert [each.ids for each in row] == ids
        np.testing.assert_allclose([each.score for each in row], scores, rtol=1e-4)


def test_several_ends_equal_generate(reference, generator):
    further = [4, 11, 19]
    found = generator.generate(PROMPTS, beam_size=3, end_ids=further, repetition_penalty=1.3)
    for prompt, row in zip(PROMPTS, found, strict=True):
        ids, scores = expected_beams(
            reference, generator, prompt, (END, *further), repetition_penalty=1.3
        )
        assert [each.ids for each in row] == ids
        np.testing.assert_allclose([each.score for each in row], scores, rtol=1e-4)


def test_the_penalty_changes_beams(generator):
    found = [
        generator.generate(PROMPTS, beam_size=3, repetition_penalty=each) for each in PENALTIES
    ]
    assert len({tuple(row[0].text for row in rows) for rows in found}) == len(PENALTIES)
    lengths = {len(each.ids) for rows in found for row in rows for each in row}
    assert len(lengths) > 3


def test_the_python_loop_finds_the_same_beams(generator):
    options = GenerationOptions(max_new_tokens=13, beam_size=3, repetition_penalty=1.3)
    batch, seeds = generator.tokenizer.encode_prompts(PROMPTS, 48), np.zeros(len(PROMPTS), "int32")
    *_, stepped = generator.continuation.steps(batch, seeds, options)
    found = generator.generate(PROMPTS, **dataclasses.asdict(options))
    for row, expected in enumerate(found):
        for k, each in enumerate(expected):
            assert stepped.ids[row, k, : stepped.lengths[row, k]].tolist() == each.ids
            np.testing.assert_allclose(stepped.scores[row, k], each.score, rtol=1e-5)
    streamed = generator.stream(PROMPTS[0], **dataclasses.asdict(options))
    assert list(streamed) == [found[0][0].text]


def test_a_prefix_counts_as_prompt(generator):
    prefix = "the cat sat on"
    for options in ({"beam_size": 3}, {}):
        options["repetition_penalty"] = 1.5
        expected = generator([prefix + prompt for prompt in PROMPTS], **options)
        assert generator.with_prefix(prefix)(PROMPTS, **options) == expected


@only_in_process
def test_served_beams_are_those_of_the_task(generator, tmp_path):
    options = {"beam_size": 3, "repetition_penalty": 1.3}
    generator.export(tmp_path / "1", **options)
    served = in_process(tmp_path / "1")({"prompt": PROMPTS})
    expected = [row[0] for row in generator.generate(PROMPTS, **options)]
    assert [text.decode() for text in served["text"]] == [each.text for each in expected]
    np.testing.assert_allclose(served["score"], [each.score for each in expected], rtol=1e-4)
