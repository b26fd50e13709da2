import pytest

from zoo.tasks import GenerationOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number from 1; got 0"),
        ({"temperature": -0.1}, "temperature must be at least 0; got -0.1"),
        ({"temperature": 1, "top_k": 0}, "top_k must be a whole number from 1; got 0"),
        ({"temperature": 1, "top_p": 0.0}, "top_p must be above 0 and at most 1; got 0.0"),
        ({"temperature": 1, "min_p": 1.1}, "min_p must be at least 0 and at most 1; got 1.1"),
        ({"repetition_penalty": 0}, "repetition_penalty must be above 0; got 0"),
        ({"stop": ["a", ""]}, "stop must hold strings that are not empty"),
        ({"seed": 1.5}, "seed must be a whole number; got 1.5"),
        ({"top_k": 3}, "top_k goes with drawing: it needs a temperature above 0; got top_k = 3"),
        ({"num_samples": 2}, "num_samples goes with drawing"),
        ({"beam_size": 2, "temperature": 1.0}, "beam_size = 2 does not go with temperature = 1.0"),
    ],
)
def test_impossible_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        GenerationOptions(**options)


def test_one_stop_string_is_a_list_of_one():
    assert GenerationOptions(stop="\n").stop == ("\n",)
    assert GenerationOptions(stop=["a", "b"]).stop == ("a", "b")


def test_only_filters_that_are_on_are_compiled():
    assert GenerationOptions().row_values == {}
    drawn = GenerationOptions(temperature=0.5, top_p=0.9, repetition_penalty=1.2)
    assert drawn.row_values == {"repetition_penalty": 1.2, "temperature": 0.5, "top_p": 0.9}
    warmer = GenerationOptions(temperature=0.7, top_p=0.8, repetition_penalty=1.1, seed=5)
    assert drawn.structure == warmer.structure
    assert drawn.structure != GenerationOptions(temperature=0.5).structure
