import keras
import numpy as np
import pytest

import zoo
from tests.backends import to_numpy
from tests.small_generators import CHARACTERS, PROMPTS, small_generator, small_gpt
from zoo.compiled import shapes_are_dynamic
from zoo.models import GPT, Transformer
from zoo.tasks import TextGenerator
from zoo.text import CharacterTokenizer

DRAWING = {"temperature": 0.9, "top_k": 11, "top_p": 0.9, "min_p": 0.01, "seed": 3}


@pytest.fixture(scope="module")
def generator():
    return small_generator()


@pytest.fixture(scope="module")
def texts(generator):
    found = generator(PROMPTS)
    assert len(set(found)) == len(PROMPTS)
    return found


def most_probable(model, ids, count, end_id):
    """Greedy search without a cache: the whole text is read again for each token."""
    new = []
    while len(new) < count and (not new or new[-1] != end_id):
        logits = to_numpy(model({"token_ids": np.array([[*ids, *new]], "int32")}))
        new.append(int(logits[0, -1].argmax()))
    return new


def test_is_the_most_probable_text(generator, texts):
    tokenizer = generator.tokenizer
    for prompt, text in zip(PROMPTS[1:3], texts[1:3], strict=True):
        ids = tokenizer.encode([prompt])[0] or [tokenizer.start_id]
        expected = most_probable(generator.model, ids, 17, tokenizer.end_id)
        assert text == tokenizer.decode([expected])[0]


@pytest.mark.parametrize("options", [{}, DRAWING, {"beam_size": 3}])
def test_batches_and_their_sizes_change_nothing(generator, options):
    if "seed" in options:  # a row's seed is of its place in the list
        alone = [generator(PROMPTS, batch_size=1, **options)]
    else:
        alone = [[generator([prompt], **options)[0] for prompt in PROMPTS]]
    for size in (2, 5):
        alone.append(generator(PROMPTS, batch_size=size, **options))
    assert alone[0] == alone[1] == alone[2]


def test_drawn_texts_are_those_of_the_seed(generator, texts):
    drawn = generator(PROMPTS, **DRAWING)
    assert drawn != texts
    assert drawn == generator(PROMPTS, **DRAWING)
    assert drawn != generator(PROMPTS, **{**DRAWING, "seed": 4})


def test_the_same_texts_are_drawn_on_every_backend(generator):
    found = generator(PROMPTS[:2], temperature=1.0, top_k=9, repetition_penalty=1.3, seed=3)
    assert found == ["zcs漢c漢eciz漢i漢icei", "qflelc eif漢zc😀izc"]


def test_samples_of_a_prompt_differ_and_keep_their_numbers(generator):
    found = generator.generate(PROMPTS, temperature=1.0, num_samples=3)
    assert all(len({each.text for each in row}) == 3 for row in found)
    fewer = generator.generate(PROMPTS, temperature=1.0, num_samples=2)
    assert [[each.text for each in row] for row in fewer] == [
        [each.text for each in row[:2]] for row in found
    ]


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 1.0, "num_samples": 2}, {"beam_size": 3}, {"repetition_penalty": 1.4}],
)
def test_log_probs_are_the_models_own(generator, options):
    for row in generator.generate(PROMPTS, log_probs=True, **options):
        for each in row:
            assert len(each.log_probs) == len(each.ids)
            np.testing.assert_allclose(each.log_probs.mean(), each.score, atol=1e-4)
            assert (each.log_probs <= 0).all()


def test_beams_are_at_least_as_probable_as_the_greedy_text(generator):
    greedy = generator.generate(PROMPTS, length_penalty=0.0)
    beams = generator.generate(PROMPTS, beam_size=7, length_penalty=0.0)
    for one, row in zip(greedy, beams, strict=True):
        scores = [each.score for each in row]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] >= one[0].score - 1e-4


def test_streams_what_a_call_gives(generator, texts):
    for prompt, text in zip(PROMPTS, texts, strict=True):
        pieces = list(generator.stream(prompt))
        assert "".join(pieces) == text
        assert len(pieces) > 5
        assert all(pieces)
    drawn = generator(PROMPTS[:1], **DRAWING)[0]
    assert "".join(generator.stream(PROMPTS[0], **DRAWING)) == drawn
    beam = generator(PROMPTS[:1], beam_size=2)[0]
    assert list(generator.stream(PROMPTS[0], beam_size=2)) == [beam]


def test_stop_strings_end_a_text(generator, texts):
    stop = [texts[0][4:6], texts[1][-2:]]
    for prompt, text in zip(PROMPTS, texts, strict=True):
        places = [text.find(string) for string in stop if string in text]
        (found,) = generator.generate([prompt], stop=stop)
        assert found[0].text == (text[: min(places)] if places else text)
        assert (found[0].ended_by == "stop") == bool(places)
        assert "".join(generator.stream(prompt, stop=stop)) == found[0].text
        if places:  # and no more is generated
            assert len(found[0].ids) <= min(places) + 2
    together = generator(PROMPTS, stop=stop)
    assert together == [generator([prompt], stop=stop)[0] for prompt in PROMPTS]
    assert generator(PROMPTS[:1], beam_size=2, stop=["x"])[0].count("x") == 0


def test_says_what_ended_a_text():
    generator = small_generator()
    found = [row[0] for row in generator.generate(PROMPTS, temperature=2.0, seed=1)]
    assert {each.ended_by for each in found} == {"end", "length"}
    for each in found:
        ended = each.ids[-1] == generator.tokenizer.end_id
        assert (each.ended_by == "end") == ended
        assert len(each.text) == len(each.ids) - ended


def test_a_vocabulary_without_an_end():
    generator = small_generator(with_end=False)
    found = generator(PROMPTS[:2])
    assert [len(text) for text in found] == [17, 17]
    with pytest.raises(ValueError, match=r"prompts\[2\] is empty, and the tokenizer has no start"):
        generator(PROMPTS)


def test_long_prompts_lose_their_beginning(generator):
    long = "abcdefghij" * 9
    kept = long[-(61 - 17) :]
    assert generator([long]) == generator([kept])
    assert generator([long]) != generator([kept[-20:]])
    assert "".join(generator.stream(long)) == generator([kept])[0]


def test_no_room_for_a_prompt(generator):
    assert len(generator.generate(["abc"], max_new_tokens=60)[0][0].ids) <= 60
    with pytest.raises(ValueError, match="room for a token of the prompt: at most 60; got 61"):
        generator(["abc"], max_new_tokens=61)


def test_saves_and_loads(generator, texts, tmp_path):
    generator.save(tmp_path / "task")
    loaded = zoo.load(tmp_path / "task")
    assert loaded.options == generator.options
    assert loaded(PROMPTS) == texts
    assert TextGenerator.load(tmp_path / "task")(PROMPTS) == texts


def test_traces_once_a_bucket_of_shapes():
    if keras.backend.backend() == "torch":
        pytest.skip("torch runs eagerly")
    calls = []

    class Counting(GPT):
        def decode(self, ids, cache, padding_mask=None):
            calls.append(1)
            return super().decode(ids, cache, padding_mask)

    model = Counting(small_gpt().config)
    generator = TextGenerator(model, CharacterTokenizer(CHARACTERS, True), {"max_new_tokens": 9})
    generator(PROMPTS)
    first = len(calls)
    for length in (2, 3, 5, 8, 13, 21, 30):
        for options in ({}, {"max_new_tokens": 11}, {"max_new_tokens": 5}):
            generator(["a" * length, "b"], batch_size=8, **options)
    assert len(calls) == first if shapes_are_dynamic() else len(calls) <= 2 * first
    list(generator.stream("a"))
    streamed = len(calls)
    for length in (2, 3, 5, 8, 13, 21, 30):
        list(generator.stream("a" * length))
    # What stays eager is the first token of each; the step is compiled once or twice.
    assert len(calls) <= streamed + 7 + 2


def test_training_goes_on_in_between(generator):
    model = GPT(small_gpt().config)
    model.set_weights(small_gpt().get_weights())
    own = TextGenerator(model, generator.tokenizer, generator.options)
    before = own(PROMPTS)
    assert before == generator(PROMPTS)
    for variable in model.trainable_variables:
        variable.assign(variable * 0.7 + 0.01)
    assert own(PROMPTS) != before


def test_lora_and_quantization_are_seen():
    model = GPT(small_gpt().config)
    model.set_weights(small_gpt().get_weights())
    own = TextGenerator(model, CharacterTokenizer(CHARACTERS, True), {"max_new_tokens": 9})
    before = own(PROMPTS)
    dense = model.decoder.blocks[0].feed_forward.inner
    dense.enable_lora(2)
    assert own(PROMPTS) == before  # LoRA begins with zeros
    dense.lora_kernel_b.assign(dense.lora_kernel_b + 3.0)
    assert own(PROMPTS) != before


def test_wrong_arguments_are_named(generator):
    with pytest.raises(TypeError, match=r"model must be a zoo.models.GPT; got a Transformer"):
        TextGenerator(Transformer.from_size("tiny", vocab_size=19), generator.tokenizer)
    with pytest.raises(ValueError, match="tokenizer has 41 ids, the model"):
        TextGenerator(small_gpt(), CharacterTokenizer([chr(65 + i) for i in range(41)]))
    with pytest.raises(TypeError, match="prompts must be a list of str; got one string"):
        generator("hello")
    with pytest.raises(TypeError, match="unexpected keyword argument 'temprature'"):
        generator(PROMPTS, temprature=1.0)
    with pytest.raises(ValueError, match="num_samples must be 1 to stream; got 2"):
        next(generator.stream("a", temperature=1.0, num_samples=2))
    with pytest.raises(ValueError, match="save_pretrained needs a ByteBPETokenizer"):
        generator.save_pretrained("nowhere")
