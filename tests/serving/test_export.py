import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from zoo.serving import Signature, export, op_types, replay, write_saved_model

TEXTS = ["a cat", "", "the old red house ran on", "two dogs", "a cat"]


def signature_of(function, **changes):
    """A signature of one float input `x` (B,)."""
    plain = Signature(function, {"x": ([None], "float32")}, [{"x": [1.0, 2.0]}])
    return dataclasses.replace(plain, **changes)


def write(folder, function, **changes):
    write_saved_model(folder, {"serving_default": signature_of(function, **changes)})


def untouched(folder):
    """Nothing was left behind: the folder that held the target is empty."""
    return not any(folder.iterdir())


def test_toy_runs_in_a_python_that_knows_tensorflow_only(toy_export, toy_signature, tf):
    script = """if True:
        import json, sys
        import tensorflow as tf, tensorflow_text
        model = tf.saved_model.load(sys.argv[1])
        outputs = model.signatures["serving_default"](text=tf.constant(json.loads(sys.argv[2])))
        print(json.dumps({"text": [row.decode() for row in outputs["text"].numpy()],
                          "score": outputs["score"].numpy().tolist(),
                          "zoo": "zoo" in sys.modules}))
    """
    command = [sys.executable, "-c", script, str(toy_export), json.dumps(TEXTS)]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    here = toy_signature.function(text=tf.constant(TEXTS))
    assert not answer["zoo"]
    assert answer["text"] == [text.decode() for text in here["text"].numpy()]
    assert answer["text"][:2] == ["cat a", ""]
    assert answer["score"] == pytest.approx(here["score"].numpy().tolist(), rel=1e-5)


def test_signature_has_the_names_given(toy_export, tf):
    signatures = tf.saved_model.load(str(toy_export)).signatures
    assert set(signatures) == {"serving_default", "again"}
    assert set(signatures["again"].structured_input_signature[1]) == {"text"}
    assert set(signatures["again"].structured_outputs) == {"text", "score"}


def test_holds_only_the_expected_files(toy_export):
    files = {path.relative_to(toy_export).as_posix() for path in toy_export.rglob("*.*")}
    assert "assets.extra" in files
    assert "saved_model.pb" in files
    assert not [name for name in files if "keras" in name]
    assert {path.name for path in toy_export.parent.iterdir()} == {"1"}
    assert os.stat(toy_export).st_mode & 0o777 == 0o777 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_exports_keras_variables(tmp_path, tf):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras' variables are TensorFlow's on the TensorFlow backend only")
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    write(tmp_path / "1", lambda x: {"y": dense(x)}, inputs={"x": ([None, 2], "float32")},
          examples=[{"x": [[1.0, 2.0]]}])  # fmt: skip
    (answer,) = replay(tmp_path / "1")
    assert answer["y"] == pytest.approx(dense(tf.constant([[1.0, 2.0]])).numpy(), rel=1e-5)


def test_exports_a_cache_written_without_xla(tmp_path):
    """What Keras' slice_update would give is refused by name; scatter is not."""
    import tensorflow as tf

    def scatter(x):
        return {"y": tf.tensor_scatter_nd_update(x, [[0]], [7.0])}

    write(tmp_path / "1", scatter)
    assert "TensorScatterUpdate" in op_types(tmp_path / "1")
    assert replay(tmp_path / "1")[0]["y"].tolist() == [7.0, 2.0]


def test_refuses_xla_ops(tmp_path):
    from tensorflow.compiler.tf2xla.python import xla

    with pytest.raises(ValueError, match="'XlaDynamicUpdateSlice'.*needs XLA"):
        write(tmp_path / "1", lambda x: {"y": xla.dynamic_update_slice(x, [7.0], [0])})
    assert untouched(tmp_path)


def test_refuses_compiled_functions(tmp_path, tf):
    compiled = tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)
    with pytest.raises(ValueError, match="refused: it needs XLA"):
        write(tmp_path / "1", lambda x: {"y": compiled(x)})
    assert untouched(tmp_path)


def test_refuses_python_functions_also_inside_loops(tmp_path, tf):
    def with_python(x):
        def step(value):
            return tf.ensure_shape(tf.py_function(lambda t: t * 2, [value], tf.float32), [None])

        return {"y": tf.while_loop(lambda v: tf.reduce_sum(v) < 9.0, step, [x], [x.shape])[0]}

    with pytest.raises(ValueError, match="'EagerPyFunc'.*calls Python"):
        write(tmp_path / "1", with_python)
    assert untouched(tmp_path)


def test_refuses_ops_that_older_servers_lack(tmp_path, tf):
    import tensorflow_text

    def trim(x):
        rows = tf.RaggedTensor.from_tensor(x[:, None])
        (trimmed,) = tensorflow_text.RoundRobinTrimmer(1).trim([rows])
        return {"y": trimmed.to_tensor()}

    with pytest.raises(ValueError, match="'TFText>RoundRobinTrim'.*before 2.20"):
        write(tmp_path / "1", trim)
    assert untouched(tmp_path)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, "expected a dict"),
        (lambda x: {}, "expected a dict"),
        (lambda x: {"y": 1.0}, "output 'y' is a float"),
        (lambda x: {"y": x[0]}, "output 'y' is a scalar"),
    ],
)
def test_refuses_outputs_that_cannot_be_served(tmp_path, function, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "1", function)
    assert untouched(tmp_path)


def test_refuses_ragged_outputs_and_base64_names(tmp_path, tf):
    with pytest.raises(ValueError, match="'y' is a RaggedTensor.*pad"):
        write(tmp_path / "1", lambda x: {"y": tf.RaggedTensor.from_tensor(x[:, None])})
    with pytest.raises(ValueError, match="'text_bytes' would come back as base64"):
        write(tmp_path / "1", lambda x: {"text_bytes": tf.strings.as_string(x)})


def test_refuses_inputs_without_a_batch_axis(tmp_path):
    for shape in ([], [3]):
        with pytest.raises(ValueError, match="input 'x'.*the batch"):
            write(tmp_path / "1", lambda x: {"y": x}, inputs={"x": (shape, "float32")})


def test_refuses_missing_and_wrong_examples(tmp_path):
    with pytest.raises(ValueError, match="'serving_default': no examples"):
        write(tmp_path / "1", lambda x: {"y": x}, examples=[])
    with pytest.raises(ValueError, match=r"inputs \['z'\], expected \['x'\]"):
        write(tmp_path / "1", lambda x: {"y": x}, examples=[{"z": [1.0]}])
    with pytest.raises(ValueError, match="signatures: empty"):
        write_saved_model(tmp_path / "1", {})


def test_an_example_that_fails_fails_the_export(tmp_path, tf):
    def checked(x):
        with tf.control_dependencies([tf.debugging.assert_less(x, 2.0)]):
            return {"y": tf.identity(x)}

    with pytest.raises(ValueError, match="warm-up request 0 .*fails"):
        write(tmp_path / "1", checked)
    assert untouched(tmp_path)


def test_refuses_an_existing_folder(tmp_path):
    target = tmp_path / "1"
    target.mkdir()
    with pytest.raises(FileExistsError, match="exists; remove it"):
        write(target, lambda x: {"y": x})
    assert untouched(target)


def test_makes_and_unmakes_parents(tmp_path):
    with pytest.raises(ValueError, match="scalar"):
        write(tmp_path / "a" / "b" / "1", lambda x: {"y": x[0]})
    assert untouched(tmp_path)
    write(tmp_path / "a" / "b" / "1", lambda x: {"y": x})
    assert (tmp_path / "a" / "b" / "1" / "saved_model.pb").is_file()


def test_a_full_disk_leaves_nothing(tmp_path):
    """A limit on the size of files stands for the disk; it needs a process of its own."""
    script = """if True:
        import resource, signal, sys
        import tensorflow as tf
        from zoo.serving import Signature, write_saved_model
        weights = tf.Variable(tf.zeros([100_000]))
        signature = Signature(lambda x: {"y": x + weights[0]}, {"x": ([None], "float32")},
                              [{"x": [1.0]}])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for limit in (1_000, 100_000):  # reached by the graph, by the variables
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                write_saved_model(sys.argv[1], {"serving_default": signature})
            except OSError as error:
                print(error)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "1")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stdout.count("cannot write the SavedModel") == 2, result.stderr
    assert untouched(tmp_path)


class BrokenTask:
    """A task whose saved folder cannot be loaded."""

    def signatures(self, beam_size=1):
        raise AssertionError("not to be traced outside of TensorFlow")

    def save(self, folder):
        pathlib.Path(folder).mkdir()


def test_export_checks_its_arguments_before_it_starts(tmp_path):
    with pytest.raises(TypeError, match="beams"):
        export(BrokenTask(), tmp_path / "1", {"beams": 4})
    with pytest.raises(FileExistsError):
        export(BrokenTask(), tmp_path)


def test_export_passes_on_what_the_tensorflow_process_says(tmp_path):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("exports in this process")
    with pytest.raises(RuntimeError, match=r"failed in the TensorFlow process \(exit code 1\)"):
        export(BrokenTask(), tmp_path / "1", {"beam_size": 4})
    assert untouched(tmp_path)
