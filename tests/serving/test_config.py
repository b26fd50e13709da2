import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from tests.serving.calls import only_in_process
from zoo.serving.config import batching_config, compose_file, models_config, write_config
from zoo.serving.policies import policies, read_policies

pytestmark = only_in_process

# BatchingParameters as TF Serving 2.20.0 documents it (session_bundle_config.proto): no Python
# package has it.
BATCHING = """
name: "batching.proto" package: "tensorflow.serving" syntax: "proto3"
dependency: "google/protobuf/wrappers.proto"
message_type { name: "BatchingParameters"
  field { name: "max_batch_size" number: 1 WRAPPED }
  field { name: "batch_timeout_micros" number: 2 WRAPPED }
  field { name: "max_enqueued_batches" number: 3 WRAPPED }
  field { name: "num_batch_threads" number: 4 WRAPPED }
  field { name: "thread_pool_name" number: 5
          type: TYPE_MESSAGE type_name: ".google.protobuf.StringValue" }
  field { name: "allowed_batch_sizes" number: 6 type: TYPE_INT64 label: LABEL_REPEATED }
  field { name: "pad_variable_length_inputs" number: 7 type: TYPE_BOOL }
  field { name: "enable_large_batch_splitting" number: 8
          type: TYPE_MESSAGE type_name: ".google.protobuf.BoolValue" }
  field { name: "max_execution_batch_size" number: 9 WRAPPED } }
""".replace("WRAPPED", 'type: TYPE_MESSAGE type_name: ".google.protobuf.Int64Value"')


@pytest.fixture(scope="module")
def parse_batching():
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(text_format.Parse(BATCHING, descriptor_pb2.FileDescriptorProto()))
    name = "tensorflow.serving.BatchingParameters"
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return lambda text: text_format.Parse(text, message())


def parse_models(text):
    from tensorflow_serving.config import model_server_config_pb2

    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_models_config_parses_with_the_official_proto():
    labels = {"a": {"stable": 2, "canary": 3}, "b": {"stable": 1}}
    config = parse_models(models_config({"a": [2, 3], "b": [1]}, labels))
    a, b = config.model_config_list.config
    assert (a.name, a.base_path, a.model_platform) == ("a", "/models/a", "tensorflow")
    assert dict(a.version_labels) == {"stable": 2, "canary": 3}
    assert b.model_version_policy.WhichOneof("policy_choice") == "all"
    wanted = policies(config)
    assert wanted["a"].choose([1, 2, 3]) == [1, 2, 3]
    assert wanted["a"].labels == {"stable": 2, "canary": 3}

    newest = parse_models(models_config({"a": [2, 3]}, {"a": {}}, newest=2))
    assert newest.model_config_list.config[0].model_version_policy.latest.num_versions == 2
    assert policies(newest)["a"].choose([1, 2, 3]) == [2, 3]


def test_policies_of_other_hands():
    config = parse_models(
        "model_config_list {"
        ' config { name: "a" base_path: "/x/a" model_version_policy { specific {'
        " versions: 1 versions: 7 } } }"
        ' config { name: "b" base_path: "/x/b" } }'
    )
    wanted = policies(config)
    assert wanted["a"].choose([1, 2, 3]) == [1]
    assert wanted["b"].choose([1, 2, 3]) == [3]


@pytest.mark.parametrize("size", [1, 3, 4, 32, 100])
def test_batching_config_keeps_the_rules(parse_batching, size):
    config = parse_batching(batching_config(size, pad=size == 3))
    sizes = list(config.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == config.max_batch_size.value == config.max_execution_batch_size.value == size
    assert config.batch_timeout_micros.value > 0
    assert config.num_batch_threads.value >= 1
    assert config.pad_variable_length_inputs == (size == 3)


def test_batching_config_refuses_no_rows():
    with pytest.raises(ValueError, match="max_batch_size: got 0"):
        batching_config(0, pad=False)


def save(tf, folder, function, *spec):
    traced = tf.function(function).get_concrete_function(x=tf.TensorSpec(*spec, name="x"))
    tf.saved_model.save(tf.Module(), str(folder), signatures=traced)


def test_writes_what_fits_the_models(tmp_path, tf, parse_batching):
    save(tf, tmp_path / "flat" / "1", lambda x: {"y": x + 1.0}, [None])
    save(tf, tmp_path / "flat" / "2", lambda x: {"y": x + 1.0}, [None])
    (tmp_path / "flat" / ".3.partial").mkdir()
    (tmp_path / "nothing").mkdir()
    written = write_config(tmp_path, max_batch_size=8)
    assert [path.name for path in written] == ["models.config", "batching.config", "compose.yaml"]
    assert not list(tmp_path.glob(".*.writing"))
    (wanted,) = read_policies(tmp_path / "models.config").items()
    assert (wanted[0], wanted[1].labels) == ("flat", {"stable": 2})
    assert not parse_batching(written[1].read_text()).pad_variable_length_inputs

    save(tf, tmp_path / "wide" / "7", lambda x: {"y": x + 1.0}, [None, None])
    write_config(tmp_path, ["flat:old=1"])
    assert parse_batching(written[1].read_text()).pad_variable_length_inputs
    wanted = read_policies(tmp_path / "models.config")
    assert {name: each.labels for name, each in wanted.items()} == {
        "flat": {"old": 1},
        "wide": {"stable": 7},
    }


@pytest.mark.parametrize("label", ["flat:stable=9", "other:stable=1", "stable=1", "flat:a b=1"])
def test_refuses_labels_of_what_is_not_served(tmp_path, tf, label):
    save(tf, tmp_path / "flat" / "1", lambda x: {"y": x + 1.0}, [None])
    with pytest.raises(ValueError, match=r"^label: "):
        write_config(tmp_path, [label])
    assert not (tmp_path / "models.config").exists()


def test_a_label_needs_one_of_the_newest_versions(tmp_path, tf):
    for version in ("1", "2"):
        save(tf, tmp_path / "flat" / version, lambda x: {"y": x + 1.0}, [None])
    with pytest.raises(ValueError, match="not served"):
        write_config(tmp_path, ["flat:stable=1"], newest=1)


def test_refuses_what_cannot_be_batched(tmp_path, tf):
    save(tf, tmp_path / "sum" / "1", lambda x: {"y": tf.reduce_sum(x)}, [None])
    with pytest.raises(
        ValueError, match="'y' of the signature 'serving_default' has no batch axis"
    ):
        write_config(tmp_path)


def test_refuses_a_folder_without_models(tmp_path):
    with pytest.raises(ValueError, match="holds no model"):
        write_config(tmp_path)
    with pytest.raises(NotADirectoryError):
        write_config(tmp_path / "nowhere")


def test_a_damaged_models_config_is_named(tmp_path):
    (tmp_path / "models.config").write_text("model_config_list { confg {} }")
    with pytest.raises(ValueError, match="models.config: .*confg"):
        read_policies(tmp_path / "models.config")


def test_compose_file_publishes_on_loopback():
    text = compose_file("2.20.0")
    assert "image: tensorflow/serving:2.20.0" in text
    assert '"127.0.0.1:8501:8501"' in text
    assert ".:/models:ro" in text


def test_compose_file_allows_the_labels_of_models_config():
    """The server reads them before it has loaded any version."""
    text = compose_file("2.20.0")
    assert "- --model_config_file=/models/models.config\n" in text
    assert "- --allow_version_labels_for_unavailable_models=true\n" in text
