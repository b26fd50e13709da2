"""What XLA makes of the loop on JAX: seen in the program that it has compiled."""

import re

import keras
import numpy as np
import pytest

from tests.small_gpts import SMALL, small
from zoo.decoding import BeamSearch, Greedy, run

if keras.backend.backend() != "jax":
    pytest.skip("about programs that JAX compiles", allow_module_level=True)

L = 9


def programs_loop(search, num_rows, prompt_length=3):
    """The text of the compiled loop's body."""
    import jax

    model = small()

    def search_on(ids):
        cache = model.start(num_rows, prompt_length)
        return run(search, model.decode, cache, ids, L)

    ids = np.ones((num_rows, prompt_length), "int32")
    text = jax.jit(search_on).lower(ids).compile().as_text()
    names = re.findall(r"\bwhile\(.*body=(%\S+?)[,\s]", text)
    assert len(names) == 1
    return re.search(rf"^{re.escape(names[0])} .*?^}}", text, re.MULTILINE | re.DOTALL)[0]


@pytest.mark.parametrize("num_rows", [1, 3])
@pytest.mark.parametrize("search", [Greedy(1, 0), BeamSearch(2, 1, 0)], ids=["greedy", "beam"])
def test_keys_and_values_are_written_in_place(search, num_rows):
    slots = search.slots_needed(num_rows, 3, L)
    head_size = SMALL["hidden_dim"] // SMALL["num_heads"]
    shape = rf"f32\[(?:{num_rows},)?{SMALL['num_heads']},{slots},{head_size}\]"
    body = programs_loop(search, num_rows)
    lines = [line for line in body.splitlines() if re.search(rf"= {shape}\S* ", line)]
    made = [line for line in lines if "get-tuple-element(" not in line]
    copies = [line for line in made if " copy(" in line]
    assert not copies
    writes = [line for line in made if "dynamic-update-slice" in line]
    assert len(writes) == 2 * SMALL["num_layers"]  # one for the keys and one for the values
