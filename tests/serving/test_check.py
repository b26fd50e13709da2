import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.serving.calls import only_in_process
from zoo.serving import Signature, check, refuse_unservable, write_saved_model
from zoo.serving.op_lists import RELEASES, known_ops
from zoo.serving.replay import compare_batched

pytestmark = only_in_process


def write(folder, function, examples, **inputs):
    inputs = inputs or {"x": ([None], "float32")}
    write_saved_model(folder, {"serving_default": Signature(function, inputs, examples)})
    return folder


def test_report_of_a_good_export(toy_export):
    report = check(toy_export)
    assert report.size == sum(p.stat().st_size for p in toy_export.rglob("*") if p.is_file())
    assert set(report.signatures) == {"serving_default", "again"}
    inputs, outputs = report.signatures["again"]
    assert inputs == {"text": ("string", [None])}
    assert outputs == {"score": ("float32", [None]), "text": ("string", [None])}
    assert "SentencepieceOp" in report.ops
    assert report.releases == RELEASES
    assert (report.requests, report.rows) == (6, 6)
    assert 0 <= report.difference < 1e-5
    text = str(report)
    assert "    <- text: string [any]" in text
    assert "known to TF Serving 2.19.1 and 2.20.0" in text


def test_works_without_keras(toy_export):
    script = """if True:
        import sys
        from zoo.serving import check
        print(check(sys.argv[1]))
        print([name for name in ("keras", "keras_hub", "tensorflow_text") if name in sys.modules])
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(toy_export)]
    result = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert "6 requests answered" in result.stdout
    assert result.stdout.endswith("[]\n")


def test_finds_rows_that_depend_on_their_batch(tmp_path, tf):
    def centred(x):
        return {"y": x - tf.reduce_mean(x)}

    folder = write(tmp_path / "1", centred, [{"x": [1.0, 2.0, 4.0]}])
    with pytest.raises(ValueError, match="'y' of the row .* depends on the other rows"):
        check(folder)


def test_finds_words_that_depend_on_their_batch(tmp_path, tf):
    def first(text):
        return {"text": tf.repeat(text[:1], tf.shape(text)[0])}

    folder = write(
        tmp_path / "1", first, [{"text": ["a"]}, {"text": ["b"]}], text=([None], "string")
    )
    with pytest.raises(ValueError, match="b'b' alone, b'a' among 2 rows"):
        check(folder)


def test_width_may_depend_on_the_batch(tmp_path, tf):
    """Rows are padded to the longest of their batch; that is no difference."""

    def letters(text):
        ragged = tf.strings.unicode_split(text, "UTF-8")
        return {"letters": ragged.to_tensor(), "length": tf.cast(ragged.row_lengths(), tf.int32)}

    examples = [{"text": ["abc", ""]}, {"text": ["de"]}]
    report = check(write(tmp_path / "1", letters, examples, text=([None], "string")))
    assert (report.requests, report.rows, report.difference) == (2, 3, 0.0)


def test_merges_only_what_fits_together(tmp_path, tf):
    """Rows of 2 and of 3 columns: two batches."""
    seen = []

    class Model:
        def run(self, inputs, signature):
            seen.append(inputs["x"].shape)
            return {"y": inputs["x"].sum(1)}

    requests = [("a", {"x": np.ones((2, 3))}), ("a", {"x": np.zeros((5, 2))})]
    rows, difference = compare_batched(Model(), requests)
    assert (rows, difference) == (2, 0.0)  # the rows of a request are alike: each is tried once
    assert seen == [(1, 3), (1, 3), (1, 2), (1, 2)]


def test_refuses_ops_by_release(tmp_path, tf):
    import tensorflow_text

    def trim(x):
        rows = tf.RaggedTensor.from_tensor(x[:, None])
        (trimmed,) = tensorflow_text.RoundRobinTrimmer(1).trim([rows])
        return {"y": trimmed.to_tensor()}

    traced = tf.function(trim).get_concrete_function(x=tf.TensorSpec([None], name="x"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "1"), signatures=traced)
    refuse_unservable(tmp_path / "1", ["2.20.0"])
    with pytest.raises(ValueError, match="'TFText>RoundRobinTrim'.*before 2.20"):
        refuse_unservable(tmp_path / "1", ["2.20.0", "2.19.1"])
    with pytest.raises(ValueError, match=r"got '1.2', there are op lists for 2.19.1, 2.20.0"):
        refuse_unservable(tmp_path / "1", ["1.2"])


def test_refuses_attributes_that_a_release_does_not_know(tmp_path, tf):
    folder = write(tmp_path / "1", lambda x: {"y": x + 1.0}, [{"x": [1.0]}])
    from tensorflow.core.protobuf import saved_model_pb2

    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    node = model.meta_graphs[0].graph_def.node[0]
    node.attr["of_2027"].b = True
    node.attr["_private"].b = True
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"does not know its attributes \['of_2027'\]"):
        refuse_unservable(folder)


def test_refuses_to_open_files(tmp_path, tf):
    def read(text):
        return {"text": tf.map_fn(tf.io.read_file, text)}

    file = tmp_path / "secret"
    file.write_text("x")
    with pytest.raises(ValueError, match="'ReadFile'.*a request might name any"):
        write(tmp_path / "1", read, [{"text": [str(file)]}], text=([None], "string"))


# Their arguments speak of files, but they open none, or what the SavedModel brings along.
NO_FILES = {
    *("CTCBeamSearchDecoder", "ExperimentalSetStatsAggregatorDataset", "SetStatsAggregatorDataset"),
    *("InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "TensorSliceDataset"),
    *("MergeV2Checkpoints", "RestoreV2", "SaveV2"),
}
# They open files or connections, but their arguments do not speak of it.
SILENT = {
    *("CreateSummaryDbWriter", "DatasetFromGraph", "DeserializeIterator", "ExperimentalSqlDataset"),
    *("ExperimentalMatchingFilesDataset", "MatchingFiles", "MatchingFilesDataset", "SqlDataset"),
    *("FileSystemSetConfiguration", "FixedLengthRecordReader", "FixedLengthRecordReaderV2"),
    *("LMDBReader", "SnapshotNestedDatasetReader", "TFRecordReader", "TFRecordReaderV2"),
    *("TextLineReader", "TextLineReaderV2", "WholeFileReader", "WholeFileReaderV2"),
}


def write_node(folder, op, **attributes):
    """A SavedModel whose graph is one node, for tests that only read it."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    node = model.meta_graphs.add().graph_def.node.add(name="a", op=op)
    for name, value in attributes.items():
        node.attr[name].s = value
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    return folder


def test_refuses_all_ops_that_open_files(tmp_path, tf):
    """Those whose arguments speak of files or addresses, by TensorFlow's own registry."""
    from tensorflow.python.framework import op_def_registry

    speaks = re.compile(r"file|path|dir$|directory|prefix|url|address|region_name")
    known = set().union(*(known_ops(release) for release in RELEASES))
    assert known >= SILENT | NO_FILES
    found = set(SILENT)
    for op in known:
        definition = op_def_registry.get(op)
        if definition is not None:
            arguments = [each.name for each in (*definition.input_arg, *definition.attr)]
            if any(speaks.search(name) for name in arguments):
                found.add(op)
    for op in sorted(found - NO_FILES):
        with pytest.raises(ValueError, match=f"op '{op}'.*a request might name any"):
            refuse_unservable(write_node(tmp_path / "1", op))
    for op in NO_FILES:
        refuse_unservable(write_node(tmp_path / "1", op))


@pytest.mark.parametrize(
    ("op", "name", "refused", "allowed"),
    [
        ("PrintV2", "output_stream", b"file:///tmp/a", b"stderr"),
        ("DecodeProtoV2", "descriptor_source", b"/tmp/a", b"local://"),
        ("EncodeProto", "descriptor_source", b"/tmp/a", b"bytes://a"),
    ],
)
def test_refuses_ops_that_open_files_by_an_attribute(tmp_path, tf, op, name, refused, allowed):
    with pytest.raises(ValueError, match=f"op '{op}'.*a request might name any"):
        refuse_unservable(write_node(tmp_path / "1", op, **{name: refused}))
    refuse_unservable(write_node(tmp_path / "1", op, **{name: allowed}))
    refuse_unservable(write_node(tmp_path / "1", op))


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match="saved_model.pb' is damaged"):
        refuse_unservable(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match="holds no graph"):
        refuse_unservable(tmp_path)


def test_op_lists():
    old, new = (known_ops(release) for release in RELEASES)
    assert "seed" in old["RandomUniform"]
    assert set(new) - set(old) >= {"TFText>RoundRobinTrim", "TFText>Utf8Binarize"}
    for ops in (old, new):
        assert "SentencepieceTokenizeOp" in ops
        assert "While" in ops
        assert not {"PyFunc", "EagerPyFunc", "XlaCallModule", "XlaLaunch"} & set(ops)
