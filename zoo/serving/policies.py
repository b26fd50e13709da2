"""The versions and labels that a ModelServerConfig asks for (models.config, or a reload)."""

import functools
import pathlib

from zoo.serving.errors import invalid
from zoo.serving.manager import Wanted


def read_policies(file):
    """{model name: `Wanted`} of a models.config.

    Raises:
        ValueError: it does not parse, or asks for what is not to be had.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(pathlib.Path(file).read_text(encoding="utf-8"), config)
    except text_format.ParseError as error:
        raise ValueError(f"{file}: {error}") from error
    return policies(config)


def policies(config):
    """{model name: `Wanted`} of a ModelServerConfig.

    A model is looked for under its name in the models folder, wherever the server that the
    configuration was written for keeps it: no path of a request is followed.

    Raises:
        RequestError: it is no list of models, or a base_path does not end in the model's name.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    found = {}
    for model in config.model_config_list.config:
        if model.name in found:
            raise invalid("Duplicate model name in config: ", model.name)
        if pathlib.PurePosixPath(model.base_path).name != model.name:
            raise invalid(
                f"base_path {model.base_path!r} of the model {model.name!r}: this server has its "
                "models in one folder, under their names"
            )
        found[model.name] = Wanted(_choice(model.model_version_policy), dict(model.version_labels))
    return found


def _choice(policy):
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return _all
    if kind == "specific":
        return functools.partial(_specific, frozenset(policy.specific.versions))
    return functools.partial(_latest, max(1, policy.latest.num_versions))


def _all(numbers):
    return numbers


def _specific(wanted, numbers):
    return [number for number in numbers if number in wanted]


def _latest(count, numbers):
    return numbers[-count:]
