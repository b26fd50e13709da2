import shutil

import numpy as np
import pytest

from tests.serving.calls import only_in_process
from zoo.serving.config import write_config
from zoo.serving.errors import Code, RequestError
from zoo.serving.manager import AVAILABLE, END, UNLOADING, Manager, Spec
from zoo.serving.server import _look
from zoo.serving.warmup import WARMUP_FILE

pytestmark = only_in_process

SMALL = Spec("small")


@pytest.fixture
def folder(small_models, tmp_path):
    """A folder of models with version 3; `add` brings version 5."""
    shutil.copytree(small_models / "small" / "3", tmp_path / "small" / "3")
    return tmp_path


@pytest.fixture
def manager(folder):
    manager = Manager(folder, threads=(1, 1))
    manager.scan()
    yield manager
    assert manager.close(7)


def add(small_models, folder):
    shutil.copytree(small_models / "small" / "5", folder / "small" / "5")


def states(manager):
    return {number: state for number, state, _ in manager.status(SMALL)}


def test_a_request_that_does_not_end_keeps_its_version_and_nothing_else(
    manager, folder, small_models
):
    x = {"x": np.float32([1])}
    add(small_models, folder)
    with manager.use(SMALL) as (number, model):
        manager.scan()
        assert number == 3
        assert states(manager) == {3: UNLOADING, 5: AVAILABLE}
        assert model.run(x)["y"] == [5.0]
        with manager.use(SMALL) as (newer, _):
            assert newer == 5
        manager.scan()
    assert states(manager) == {3: END, 5: AVAILABLE}
    shutil.rmtree(folder / "small" / "5")  # and what was unloaded is loaded again
    manager.scan()
    assert states(manager) == {3: AVAILABLE, 5: END}


def test_a_refused_version_is_tried_again_when_any_file_of_it_is_another(
    manager, folder, small_models
):
    add(small_models, folder)
    warmup = folder / "small" / "5" / WARMUP_FILE
    warmup.parent.mkdir()
    warmup.write_bytes(b"half of a rec")
    manager.scan()
    assert states(manager) == {3: AVAILABLE, 5: END}
    refused = manager.status(SMALL)[1][2]
    manager.scan()
    assert manager.status(SMALL)[1][2] is refused  # but not before
    warmup.unlink()
    manager.scan()
    assert states(manager) == {3: END, 5: AVAILABLE}


def test_a_copy_that_is_looked_at_in_its_middle(manager, folder, small_models):
    add(small_models, folder)
    variables = folder / "small" / "5" / "variables"
    variables.rename(folder / "later")
    manager.scan()
    assert states(manager) == {3: AVAILABLE, 5: END}
    (folder / "later").rename(variables)
    manager.scan()
    assert states(manager) == {3: END, 5: AVAILABLE}


def test_follows_a_models_config_that_comes_and_goes(manager, folder, small_models):
    add(small_models, folder)
    last = _look(manager, folder, None)
    assert (last, states(manager)) == (None, {3: END, 5: AVAILABLE})
    write_config(folder, ["small:old=3"])
    last = _look(manager, folder, last)
    assert states(manager) == {3: AVAILABLE, 5: AVAILABLE}
    with manager.use(Spec("small", label="old")) as (number, _):
        assert number == 3
    (folder / "models.config").write_text("no configuration")
    assert _look(manager, folder, last) != last
    assert states(manager) == {3: AVAILABLE, 5: AVAILABLE}
    (folder / "models.config").unlink()
    assert _look(manager, folder, last) is None
    assert states(manager) == {3: END, 5: AVAILABLE}


def test_nothing_is_loaded_after_the_end(folder):
    manager = Manager(folder, threads=(1, 1))
    manager.scan()
    assert manager.close(7)
    manager.scan()
    assert states(manager) == {3: END}
    with pytest.raises(RequestError) as caught, manager.use(SMALL):
        pass
    assert caught.value.code == Code.NOT_FOUND
