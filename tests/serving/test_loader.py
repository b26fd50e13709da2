"""The exported toy in TensorFlow's own C++ loader, XLA switched off, as TF Serving runs it."""

import dataclasses
import shutil

import numpy as np
import pytest

from tests.loader import ServerError, text_ops
from zoo.serving import warmup, write_saved_model

TEXTS = ["a cat", "", "the old red house ran on", "two dogs", "a cat"]


@pytest.fixture(scope="module")
def server(toy_export, serve):
    with serve(toy_export, threads=(1, 1)) as server:
        yield server


def test_equals_python(server, toy_signature, tf):
    outputs = server.predict({"text": TEXTS})
    here = toy_signature.function(text=tf.constant(TEXTS))
    assert outputs["text"].tolist() == here["text"].numpy().tolist()
    np.testing.assert_allclose(outputs["score"], here["score"].numpy(), rtol=1e-5)
    assert server.milliseconds > 0


def test_rows_do_not_depend_on_each_other(server):
    together = server.predict({"text": TEXTS}, "again")
    for row, text in enumerate(TEXTS):
        alone = server.predict({"text": [text]}, "again")
        assert alone["text"].tolist() == [together["text"][row]]
        np.testing.assert_allclose(alone["score"], together["score"][row : row + 1], rtol=1e-5)


def test_zero_rows_and_invalid_utf8(server):
    assert server.predict({"text": np.array([], dtype="S")})["text"].shape == (0,)
    assert server.predict({"text": [b"a \xff cat"]})["text"].shape == (1,)


def test_refuses_bad_requests_and_goes_on(server):
    for inputs, name, message in [
        ({"text": ["a"]}, "missing", 'no signature "missing"'),
        ({"words": ["a"]}, "again", 'input "text" is missing'),
        ({"text": [1.0]}, "again", "wrong dtype"),
        ({"text": ["a"], "words": ["a"]}, "again", "not in the signature"),
    ]:
        with pytest.raises(ServerError, match=message):
            server.predict(inputs, name)
    assert server.predict({"text": ["a cat"]})["text"].tolist() == [b"cat a"]


def test_a_failing_warmup_fails_the_load(toy_export, serve, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(toy_export, copy)
    warmup.write_warmup(copy, [warmup.encode_request("serving_default", {"words": ["a"]})])
    with pytest.raises(ServerError, match='warm-up request 0: input "text" is missing'):
        serve(copy)
    with serve(copy, warmup=False) as server:
        assert server.predict({"text": ["a cat"]})["text"].tolist() == [b"cat a"]


def test_an_op_that_the_server_lacks_fails_the_warmup(toy_export, serve):
    ops = [file for file in text_ops() if "sentencepiece" not in file.name]
    with pytest.raises(ServerError, match="Sentencepiece"):
        serve(toy_export, ops=ops)


def test_a_folder_without_a_model_fails(serve, tmp_path):
    with pytest.raises(ServerError, match="SavedModel"):
        serve(tmp_path)


def test_xla_is_off(serve, tmp_path, tf, toy_signature):
    """What `zoo.serving.check` refuses by its ops, the loader refuses to run."""
    compiled = tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)
    root = tf.Module()
    root.compiled = tf.function(
        lambda x: {"y": compiled(x)}, input_signature=[tf.TensorSpec([None], name="x")]
    )
    tf.saved_model.save(root, str(tmp_path / "1"), signatures=root.compiled)
    with (
        serve(tmp_path / "1") as server,
        pytest.raises(ServerError, match="XLA compilation disabled"),
    ):
        server.predict({"x": [1.0]})


def test_a_signature_with_another_dtype(serve, tmp_path, toy_signature):
    signature = dataclasses.replace(
        toy_signature,
        function=lambda x, y: {"sum": x + y},
        inputs={"x": ([None, 2], "int64"), "y": ([None, 2], "int64")},
        examples=[{"x": [[1, 2]], "y": [[3, 5]]}],
        resources=[],
    )
    write_saved_model(tmp_path / "1", {"add": signature})
    with serve(tmp_path / "1") as server:
        inputs = {"x": np.array([[2, 3]]), "y": np.array([[5, 7]])}
        assert server.predict(inputs, "add")["sum"].tolist() == [[7, 10]]
