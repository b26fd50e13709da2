import numpy as np
import pytest

from tests.serving.calls import in_process, only_in_process, shapes_in_panels, stored_shapes
from tests.small_generators import CHARACTERS, PROMPTS, small_generator, small_gpt
from zoo.models import GPT
from zoo.serving import warmup
from zoo.tasks import TextGenerator

LIMIT = 17


@pytest.fixture(scope="module")
def generator():
    return small_generator()


@pytest.fixture(scope="module")
def exported(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models") / "generation" / "1"
    generator.export(folder)
    return folder


def request(prompts, temperature=0.0, top_k=0, top_p=1.0, seed=0, max_new_tokens=LIMIT):
    """Inputs of the signature "generate", numbers or a list of one for each prompt."""
    values = {"max_new_tokens": max_new_tokens, "top_k": top_k, "seed": seed}
    inputs = {name: np.broadcast_to(np.int32(x), len(prompts)) for name, x in values.items()}
    values = {"temperature": temperature, "top_p": top_p}
    inputs |= {name: np.broadcast_to(np.float32(x), len(prompts)) for name, x in values.items()}
    return {"prompt": prompts, **inputs}


def texts(outputs):
    return [text.decode() for text in outputs["text"]]


def test_gives_the_texts_of_the_task(predict, generator):
    outputs = predict({"prompt": PROMPTS})
    assert texts(outputs) == generator(PROMPTS)
    expected = [row[0].score for row in generator.generate(PROMPTS)]
    np.testing.assert_allclose(outputs["score"], expected, rtol=1e-4)


@only_in_process
def test_further_ends_end_served_texts_too(generator, tmp_path):
    texts_without = generator(PROMPTS)
    ends = [CHARACTERS.index(texts_without[0][4])]
    generator.export(tmp_path / "1", end_ids=ends)
    expected = generator(PROMPTS, end_ids=ends)
    assert expected != texts_without
    served = in_process(tmp_path / "1")
    assert texts(served({"prompt": PROMPTS})) == expected
    assert texts(served(request(PROMPTS), "generate")) == expected


def test_temperature_zero_is_the_most_probable_text(predict, generator):
    assert texts(predict(request(PROMPTS), "generate")) == generator(PROMPTS)


def test_options_of_each_row(predict, generator):
    drawn = {"temperature": 0.9, "top_k": 7, "top_p": 0.8}
    outputs = predict(request(["a"] * 3, **drawn, seed=[5, 6, 5]), "generate")
    first, second, third = texts(outputs)
    assert first == third != second
    limited = predict(request(PROMPTS, max_new_tokens=[3, 99, 1, 0, -5]), "generate")
    whole = generator(PROMPTS)
    assert texts(limited) == [whole[0][:3], whole[1], *(text[:1] for text in whole[2:])]
    mixed = predict(request(["a", "a"], temperature=[0.0, 0.9], seed=5), "generate")
    assert texts(mixed)[0] == whole[1] != texts(mixed)[1]
    narrow = predict(request(PROMPTS, temperature=1.0, top_p=1e-6), "generate")
    assert texts(narrow) == whole
    assert texts(predict(request(PROMPTS, temperature=1.0, top_k=1), "generate")) == whole


def test_draws_what_the_task_draws(predict, generator):
    from zoo.decoding import row_seeds

    seeds = np.asarray(row_seeds(9, len(PROMPTS)))
    given = predict(request(PROMPTS, 0.8, 11, 0.9, seeds), "generate")
    assert texts(given) == generator(PROMPTS, temperature=0.8, top_k=11, top_p=0.9, seed=9)


@pytest.mark.parametrize("name", ["serving_default", "generate"])
def test_rows_do_not_depend_on_each_other(predict, name):
    def call(prompts, seeds):
        if name == "serving_default":
            return predict({"prompt": prompts})
        return predict(request(prompts, temperature=0.9, seed=seeds), name)

    together = call(PROMPTS, np.arange(5))
    for row, prompt in enumerate(PROMPTS):
        alone = call([prompt], [row])
        assert alone["text"].tolist() == together["text"][row : row + 1].tolist()
        np.testing.assert_allclose(alone["score"], together["score"][row : row + 1], rtol=1e-4)


def test_zero_rows(predict):
    for outputs in (predict({"prompt": []}), predict(request([]), "generate")):
        assert outputs["text"].shape == outputs["score"].shape == (0,)


def test_unknown_characters_and_long_prompts(predict):
    strange = predict({"prompt": ["a\xe4\x00b", "ab", b"a\xffb"]})
    assert len(set(strange["text"].tolist())) == 1
    long = predict({"prompt": ["ab" * 400, ("ab" * 400)[-(61 - LIMIT) :]]})
    assert long["text"][0] == long["text"][1]


def test_ships_warm_up_requests_for_both_signatures(exported, server):  # the server replayed them
    requests = warmup.read_warmup(exported)
    assert {name for name, _ in requests} == {"serving_default", "generate"}
    assert any(b"" in inputs["prompt"] for _, inputs in requests)


def test_many_rows(predict, generator):
    outputs = predict({"prompt": PROMPTS * 4})
    assert texts(outputs) == generator(PROMPTS) * 4


@only_in_process
def test_matrices_are_stored_once_and_in_panels(exported, generator):
    model = generator.model
    table = model.token_embedding.table.embeddings
    assert stored_shapes(exported) == shapes_in_panels(model, table)


@only_in_process
def test_a_model_with_a_projection_for_its_logits_is_served(tmp_path):
    shared = small_generator()
    model = small_gpt(
        tied_logits=False, positions="rotary", norm="rms", gated=True, num_key_value_heads=1
    )
    generator = TextGenerator(model, shared.tokenizer, shared.options)
    generator.export(tmp_path / "1")
    assert texts(in_process(tmp_path / "1")({"prompt": PROMPTS})) == generator(PROMPTS)
    assert stored_shapes(tmp_path / "1") == shapes_in_panels(model, table=None)


@only_in_process
@pytest.mark.usefixtures("quick_collection")
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize`:UserWarning")
def test_a_quantized_generator_is_served(tmp_path):
    shared = small_generator()
    model = GPT(shared.model.config)
    model.set_weights(shared.model.get_weights())
    model.quantize("int8")
    generator = TextGenerator(model, shared.tokenizer, shared.options)
    generator.export(tmp_path / "1")
    assert texts(in_process(tmp_path / "1")({"prompt": PROMPTS})) == generator(PROMPTS)


@only_in_process
def test_options_of_the_export(generator, tmp_path):
    generator.export(tmp_path / "1", beam_size=3, max_new_tokens=7)
    outputs = in_process(tmp_path / "1")({"prompt": PROMPTS})
    assert texts(outputs) == generator(PROMPTS, beam_size=3, max_new_tokens=7)
    drawing = {"temperature": 0.8, "min_p": 0.05, "repetition_penalty": 1.3, "seed": 4}
    generator.export(tmp_path / "2", **drawing)
    first, again = (in_process(tmp_path / "2")({"prompt": ["a", "b", "a"]}) for _ in range(2))
    assert texts(first) == texts(again)
    assert texts(first)[0] == texts(first)[2]  # every row by the same seed
    assert texts(first) != generator(["a", "b", "a"])


@only_in_process
def test_an_empty_prompt_without_a_start_id(tmp_path):
    generator = small_generator(with_end=False)
    generator.export(tmp_path / "1")
    outputs = in_process(tmp_path / "1")({"prompt": ["", "ab"]})
    assert texts(outputs) == ["", generator(["ab"])[0]]
    assert outputs["score"][0] == 0


@only_in_process
def test_bad_settings_are_named(generator, tmp_path):
    for options, message in (
        ({"stop": ["x"]}, "stop must be empty in an export"),
        ({"beam_size": 0}, "beam_size must be a whole number"),
        ({"max_new_tokens": 61}, "room for a token of the prompt"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.export(tmp_path / "1", **options)
    assert not any(tmp_path.iterdir())
