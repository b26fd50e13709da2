"""The verbs of `python -m zoo.serving`: what each takes, and what it does."""

import asyncio
import dataclasses
import functools
import json
import logging
import pathlib
import sys

from zoo.serving.client import GRPC_ADDRESS, REST_ADDRESS
from zoo.serving.op_lists import RELEASES
from zoo.serving.settings import Settings


def add_export(verbs):
    parser = verbs.add_parser(
        "export",
        help="write a task as the next version of a model",
        description="Write a task as a SavedModel, complete or not at all, with requests to warm "
        "a server. A server that watches the folder of the model serves it from then on.",
    )
    parser.add_argument("run", help="a recipe's run folder, or a folder that task.save() wrote")
    parser.add_argument(
        "folder",
        help="the model's folder, MODELS/NAME: the next version goes there; or MODELS/NAME/VERSION",
    )
    parser.add_argument(
        "--settings",
        type=json.loads,
        help="arguments of the task's signatures, a JSON object: '{\"beam_size\": 4}'",
    )
    parser.set_defaults(run_verb=_export)


def _export(arguments):
    import zoo
    from zoo.serving.versions import next_version, version_number

    run, folder = pathlib.Path(arguments.run), pathlib.Path(arguments.folder)
    task = zoo.load(run / "task" if (run / "task").is_dir() else run)
    target = folder if version_number(folder.name) is not None else next_version(folder)
    zoo.serving.export(task, target, arguments.settings)
    print(f"exported to {target}")


def add_check(verbs):
    parser = verbs.add_parser(
        "check",
        help="see whether a default TF Serving runs a SavedModel",
        description="List signatures, size and ops, see whether releases of TF Serving know the "
        "ops, replay the warm-up requests, and compare each row alone and in one batch.",
    )
    parser.add_argument("folder", help="the SavedModel's folder, MODELS/NAME/VERSION")
    parser.add_argument(
        "--release",
        action="append",
        choices=RELEASES,
        help="a release of TF Serving that has to run it (default: all of them)",
    )
    parser.set_defaults(run_verb=_check)


def _check(arguments):
    from zoo.serving.check import check

    print(check(arguments.folder, tuple(arguments.release or RELEASES)))


def add_config(verbs):
    parser = verbs.add_parser(
        "config",
        help="write the files that TF Serving is started with",
        description="Write models.config, batching.config and compose.yaml for the models in a "
        "folder.",
    )
    parser.add_argument("folder", help="the folder with MODELS/NAME/VERSION")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME:LABEL=VERSION",
        help="a label for a version (default: stable, for the largest of each model)",
    )
    parser.add_argument(
        "--newest", type=_positive, help="serve so many of the largest versions (default: all)"
    )
    parser.add_argument(
        "--max-batch-size", type=_positive, default=32, help="rows merged at most (default: 32)"
    )
    parser.add_argument("--release", default=RELEASES[-1], help="the image's tag (%(default)s)")
    parser.set_defaults(run_verb=_config)


def _config(arguments):
    from zoo.serving.config import write_config

    written = write_config(
        arguments.folder,
        arguments.label,
        arguments.newest,
        arguments.max_batch_size,
        arguments.release,
    )
    print("\n".join(map(str, written)))


def add_serve(verbs):
    defaults = Settings(folder="")
    parser = verbs.add_parser(
        "serve",
        help="serve a folder of models with TF Serving's API, for development",
        description="Serve the models of a folder with TF Serving's REST and gRPC API, on a "
        "machine without Docker and for tests. It looks for new versions and swaps them in; with a "
        "models.config in the folder, that says which versions are served. It is not made for "
        "production.",
    )
    parser.add_argument("folder", help="the folder with MODELS/NAME/VERSION")
    parser.add_argument("--host", default=defaults.host, help="address to listen on (%(default)s)")
    for name, metavar, text in (
        ("rest_port", "PORT", "of the REST API, 0: any free one"),
        ("grpc_port", "PORT", "of the gRPC API, 0: any free one"),
        ("poll", "SECONDS", "between two looks at the folder"),
        ("threads", "COUNT", "requests that run at once"),
        ("queue", "COUNT", "requests that may wait"),
        ("timeout", "SECONDS", "that a request may take"),
        ("max_bytes", "BYTES", "of a request at most"),
        ("connections", "COUNT", "REST connections at once"),
        ("grace", "SECONDS", "for requests under way when it is stopped"),
    ):
        value = getattr(defaults, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value),
            default=value,
            metavar=metavar,
            help=f"{text} (%(default)s)",
        )
    parser.add_argument(
        "--op-threads",
        type=int,
        nargs=2,
        default=defaults.op_threads,
        metavar=("WITHIN", "BETWEEN"),
        help="threads within an op and between ops, 0: as TensorFlow likes (1 1)",
    )
    parser.set_defaults(run_verb=_serve)


def _serve(arguments):
    from zoo.serving.server import serve

    values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(Settings)}
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(serve(Settings(**values), functools.partial(print, flush=True)))


def add_client(verbs):
    parser = verbs.add_parser(
        "client",
        help="ask a model server, over REST or gRPC",
        description="Ask a model of a server, TF Serving or the development server; prints JSON.",
    )
    parser.add_argument("method", choices=("predict", "classify", "status", "signatures"))
    parser.add_argument("model", help="the model's name")
    parser.add_argument(
        "text",
        nargs="*",
        help="predict: for the input of a signature that has one; classify: the feature 'text'",
    )
    parser.add_argument(
        "--inputs",
        type=json.loads,
        metavar="JSON",
        help='predict: \'{"prompt": ["a"], "seed": [1]}\'; classify: a list of '
        '\'{"text": "a", "text_pair": "b"}\'',
    )
    parser.add_argument("--signature", help="its name (serving_default; to classify: classify)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="a version of the model (the largest)")
    which.add_argument("--label", help="a label of a version")
    parser.add_argument(
        "--address",
        default=REST_ADDRESS,
        help=f"of the server: %(default)s, or {GRPC_ADDRESS}",
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="(%(default)s)"
    )
    parser.set_defaults(run_verb=_client)


def _client(arguments):
    from zoo.serving.client import Spec, connect

    client = connect(arguments.address, arguments.timeout)
    spec = Spec(arguments.model, arguments.version, arguments.label)
    if arguments.method == "predict":
        signature = arguments.signature or "serving_default"
        inputs = arguments.inputs or _only_input(client, spec, signature, arguments.text)
        answer = client.predict(spec, inputs, signature)
    elif arguments.method == "classify":
        examples = arguments.inputs or [{"text": text} for text in arguments.text]
        answer = client.classify(spec, examples, arguments.signature or "classify")
    else:
        answer = client.status(spec) if arguments.method == "status" else client.signatures(spec)
    print(json.dumps(answer, ensure_ascii=False, indent=2, default=repr))


def _only_input(client, spec, signature, texts):
    """{input name: texts} for a signature with one input."""
    known = client.signatures(spec)
    if signature not in known:
        raise ValueError(f"signature: got {signature!r}, the model has {sorted(known)}")
    inputs = list(known[signature]["inputs"])
    if len(inputs) != 1:
        raise ValueError(f"text: the signature has the inputs {inputs}: give them by --inputs")
    return {inputs[0]: texts}


def _positive(text):
    number = int(text)
    if number < 1:
        raise ValueError(f"got {number}, expected at least 1")
    return number


def fail(error):
    """Say what went wrong, in a line; returns the exit status."""
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    if isinstance(error, ModuleNotFoundError):
        print('This may help: pip install "keras-transformer-zoo[serving]"', file=sys.stderr)
    return 1
