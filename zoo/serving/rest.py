"""TF Serving's REST API as an ASGI application: routes, bodies, answers."""

import asyncio
import re
import urllib.parse
import zlib

from zoo.serving.errors import Code, RequestError, invalid
from zoo.serving.json_answers import write_classes, write_json, write_numbers, write_outputs
from zoo.serving.json_examples import read_input
from zoo.serving.json_requests import parse_json, read_inputs, signature_name
from zoo.serving.manager import Spec
from zoo.serving.methods import classify, predict, regress
from zoo.serving.protos import metadata_json, status_json
from zoo.serving.saved_model import DEFAULT_SIGNATURE

_API = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_WHICH = r"(?:(?:/versions/([0-9]+))|(?:/labels/([^/:]+)))?"
_CALL = re.compile(rf"/v1/models/([^/:]+){_WHICH}:(classify|regress|predict)", re.IGNORECASE)
_ASK = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", re.IGNORECASE)
_JSON = {"content-type": "application/json"}


def make_app(manager, gate, max_bytes, timeout):
    """The ASGI application.

    Args:
        manager: a `Manager`.
        gate: a `Gate`.
        max_bytes: of a request's body, unpacked.
        timeout: seconds that a body may take to arrive.
    """
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request):
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        if not _API.fullmatch(path):
            return Response("Not Found", 404)
        if request.method == "OPTIONS":
            allowed = re.match("https?://", request.headers.get("origin", ""))
            return Response(status_code=200 if allowed else 400)
        try:
            spec, method = _parse(request.method, path)
        except RequestError as error:
            return Response(status_code=error.code.http, headers=_JSON)  # the server's has no body
        try:
            body = await _body(request, max_bytes, timeout)
            function = _function(manager, request.method, path, spec, method, body)
            found = await gate.run(function)
        except _BodyError as error:
            return Response(write_json({"error": str(error)}), error.status, _JSON)
        except RequestError as error:
            return Response(write_json({"error": error.message}), error.code.http, _JSON)
        except ClientDisconnect:
            return Response(status_code=Code.CANCELLED.http)
        return Response(found, headers=_JSON)

    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


class _BodyError(Exception):
    """A body that is too large, too slow or badly packed."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


async def _body(request, max_bytes, timeout):
    """The body of a request, unpacked."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _BodyError(413, f"The request has {declared} bytes, more than {max_bytes}")
    unpack = None
    if "gzip" in request.headers.get("content-encoding", ""):
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.stream():
                body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
                if len(body) > max_bytes:
                    raise _BodyError(413, f"The request has more than {max_bytes} bytes")
    except TimeoutError as error:
        raise _BodyError(408, f"The request did not arrive within {timeout} s") from error
    except zlib.error as error:
        raise _BodyError(400, f"The request is no gzip: {error}") from error
    return bytes(body)


def _parse(http_method, path):
    """(Spec, what to do) of a path; (None, None) where no route fits.

    Raises:
        RequestError: the version is no 64-bit number.
    """
    if http_method == "POST":
        match = _CALL.fullmatch(path)
    elif http_method == "GET":
        match = _ASK.fullmatch(path)
    else:
        match = None
    if match is None:
        return None, None
    name, version, label, method = match.groups()
    if version is not None and int(version) >= 2**63:
        raise invalid("Failed to convert version: ", version, " to numeric.")
    return Spec(
        name=_unquoted(name) or "",
        version=None if version is None else int(version),
        label=_unquoted(label),
    ), method


def _unquoted(text):
    return None if text is None else urllib.parse.unquote(text, errors="replace")


def _function(manager, http_method, path, spec, method, body):
    """What the request asks for, as a function of its deadline that returns the answer's bytes."""
    if http_method == "POST" and method == "predict":
        return lambda deadline: _predict(manager, spec, body, deadline)
    if http_method == "POST" and method == "classify":
        return lambda deadline: _infer(manager, spec, body, deadline, classify, write_classes)
    if http_method == "POST" and method == "regress":
        return lambda deadline: _infer(manager, spec, body, deadline, regress, write_numbers)
    if spec is None or http_method == "POST":
        raise invalid("Malformed request: ", http_method, " ", path)
    if not spec.name:
        raise invalid("Missing model name in request.")
    if method == "metadata":
        return lambda deadline: metadata_json(manager, spec)
    return lambda deadline: status_json(manager, spec)


def _predict(manager, spec, body, deadline):
    document = parse_json(body)
    signature = signature_name(document)
    with manager.use(spec) as (_, model):
        if (signature or DEFAULT_SIGNATURE) not in model.served_names():
            raise invalid(
                f'Serving signature name: "{signature or DEFAULT_SIGNATURE}" '
                "not found in signature def"
            )
        infos = model.inputs(signature or DEFAULT_SIGNATURE)
        inputs, in_rows = read_inputs(document, {name: dtype for name, (dtype, _) in infos.items()})
        outputs = predict(model, signature, inputs, (), deadline.left())
    return write_outputs(outputs, in_rows)


def _infer(manager, spec, body, deadline, method, write):
    document = parse_json(body)
    signature = signature_name(document)
    examples = read_input(document)
    with manager.use(spec) as (_, model):
        return write(method(model, signature, examples, deadline.left()))
