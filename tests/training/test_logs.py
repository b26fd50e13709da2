import json
import sys

import numpy as np
import pytest

from zoo.training import JsonLinesLog, TensorBoardScalars


@pytest.fixture
def fit(make_model, batches_of):
    """A function that trains one epoch of two batches with callbacks and validation."""
    model = make_model("adam", "mse")
    batch = np.ones((2, 3), "int32"), np.ones((2, 3, 11), "float32")

    def fit(callbacks, epochs=1, initial_epoch=0):
        return model.fit(
            batches_of([batch, batch]),
            validation_data=batches_of([batch]),
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        ).history

    return fit


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_an_epoch(fit, tmp_path):
    file = tmp_path / "run" / "log.jsonl"
    history = fit([JsonLinesLog(file)], epochs=2)
    found = lines(file)
    assert [line["epoch"] for line in found] == [1, 2]
    assert [line["updates"] for line in found] == [2, 4]
    assert [line["val_loss"] for line in found] == history["val_loss"]
    assert found[0]["learning_rate"] == pytest.approx(0.001)
    assert found[0]["seconds"] > 0


def test_goes_back_to_a_checkpoint_and_on(fit, tmp_path):
    file = tmp_path / "log.jsonl"
    log = JsonLinesLog(file)
    fit([log])
    state = json.loads(json.dumps(log.get_state()))
    fit([log], epochs=2, initial_epoch=1)
    with file.open("a") as half:
        half.write('{"epoch": 3, "lo')  # as a kill leaves it
    again = JsonLinesLog(file)
    again.set_state(state)
    assert [line["epoch"] for line in lines(file)] == [1]
    fit([again], epochs=2, initial_epoch=1)
    assert [line["epoch"] for line in lines(file)] == [1, 2]


def test_not_finite_is_null(fit, tmp_path):
    log = JsonLinesLog(tmp_path / "log.jsonl")
    fit([log])
    log.on_epoch_end(1, {"loss": float("nan")})
    assert lines(tmp_path / "log.jsonl")[1]["loss"] is None


def test_the_log_of_another_training_is_kept(fit, tmp_path):
    file = tmp_path / "log.jsonl"
    fit([JsonLinesLog(file)])
    before = file.read_bytes()
    with pytest.raises(ValueError, match="log.jsonl holds .* bytes, of which 0 are of this"):
        fit([JsonLinesLog(file)])
    assert file.read_bytes() == before
    with pytest.raises(ValueError, match="it is not the log of this training"):
        JsonLinesLog(file).set_state({"size": len(before) + 1})


def scalars(folder):
    """{(tag, step): value} as TensorBoard's own reader finds them."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    events = [Event.FromString(data) for data in RawEventFileLoader(str(file)).Load()]
    assert events[0].file_version == "brain.Event:2"
    return {(v.tag, e.step): v.simple_value for e in events for v in e.summary.value}


def test_tensorboard_reads_what_is_written(fit, tmp_path):
    history = fit([TensorBoardScalars(tmp_path)], epochs=2)
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    for number, updates in enumerate((2, 4)):
        assert train["loss", updates] == pytest.approx(history["loss"][number])
        assert validation["loss", updates] == pytest.approx(history["val_loss"][number])
        assert train["learning_rate", updates] == pytest.approx(0.001)
    assert validation.keys() == {("loss", 2), ("loss", 4)}


def test_tensorboard_goes_back(fit, tmp_path):
    board = TensorBoardScalars(tmp_path)
    fit([board])
    state = json.loads(json.dumps(board.get_state()))
    fit([board], epochs=2, initial_epoch=1)
    again = TensorBoardScalars(tmp_path)
    again.set_state(state)
    fit([again], epochs=2, initial_epoch=1)
    assert sorted(step for _, step in scalars(tmp_path / "validation")) == [2, 6]


def test_tensorboard_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        TensorBoardScalars(tmp_path)
